"""The `gpu:` section of driftglass.yaml."""

from fnmatch import fnmatchcase

from pydantic import Field, HttpUrl, field_validator

from kernel.settings import Section
from kernel.settings_problem import require_once

_LONGEST_URL = 200  # characters; it is a part of keys


class GpuTarget(Section):
    """An exporter of GPU figures, and whose predictions its GPUs make."""

    url: HttpUrl = Field(
        description="Where it answers Prometheus: http://node-1:9400/metrics of a DCGM exporter, http://triton-1:8002/metrics."
    )
    models: tuple[str, ...] = Field(min_length=1, description="The models that its GPUs serve, as names or globs.")

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: HttpUrl) -> HttpUrl:
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("must be scheme, host, port and path alone: it is shown to people")
        if len(str(url)) > _LONGEST_URL:
            raise ValueError(f"must have at most {_LONGEST_URL} characters")
        return url

    @property
    def name(self) -> str:
        """What it is known by."""
        return str(self.url)

    def serves(self, model: str) -> bool:
        """Whether it names the model."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


class GpuSettings(Section):
    """What the GPUs do that serve the models: read from their exporters by `driftglass collect`."""

    targets: tuple[GpuTarget, ...] = Field(
        (), description="Exporters to read, each {url, models}; of a GPU that several know the first one counts."
    )
    interval_s: float = Field(15.0, gt=0, description="Seconds between two readings.")
    timeout_s: float = Field(5.0, gt=0, description="Seconds that an exporter may take to answer.")
    idle_below: float = Field(
        0.05, gt=0, le=1, description="A GPU that is busy for less than this share of the time is idle."
    )

    @field_validator("targets")
    @classmethod
    def _once(cls, targets: tuple[GpuTarget, ...]) -> tuple[GpuTarget, ...]:
        require_once([target.name for target in targets], "url", "{name} is named twice")
        return targets
