"""Where the demo keeps what it makes: everything below one data folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DemoPaths:
    """The files of one demo; nothing is created here.

    Args:
        data: the folder everything lies in.

    >>> DemoPaths(Path("/tmp/demo")).champion.name
    'flight-delay-1.onnx'
    """

    data: Path

    @property
    def models(self) -> Path:
        """The folder of the exported models."""
        return self.data / "models"

    @property
    def champion(self) -> Path:
        """The model that serves: version 1, trained on January."""
        return self.models / "flight-delay-1.onnx"

    @property
    def candidate(self) -> Path:
        """The model that is tried in a shadow run: version 2, trained on January to March."""
        return self.models / "flight-delay-2.onnx"

    @property
    def config(self) -> Path:
        """The demo's own configuration file."""
        return self.data / "driftglass.yaml"

    @property
    def logs(self) -> Path:
        """The folder of the processes' own logs."""
        return self.data / "logs"
