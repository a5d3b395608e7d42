"""The figures of GPUs in a model's windows: reads what exporters said, and the rows of every model that the same GPUs serve."""

from collections.abc import Sequence

from detectors.gpu import measure_gpus
from detectors.season import length_us
from kernel.measurement import Measurement
from kernel.windows import WindowSize
from store import gpu_use
from store import models as model_rows
from store.database import Database
from store.gpu_settings import GpuTarget
from store.models import Model
from store.windows import Window


class GpuWindows:
    """What the GPUs of one workspace did."""

    def __init__(self, db: Database, workspace: str, targets: Sequence[GpuTarget]) -> None:
        self._db = db
        self._workspace = workspace
        self._targets = tuple(targets)

    def of(self, model: Model, windows: Sequence[Window]) -> dict[int, list[Measurement]]:
        """By the start of the window, of those in which something was read of a target that names the model.

        Args:
            windows: of one length, at least one.

        Raises:
            UnavailableError: the database is away.
        """
        serving = [target for target in self._targets if target.serves(model.name)]
        if not serving:
            return {}
        spans = [(window.start_us, window.end_us) for window in windows]
        used = gpu_use.of_windows(self._db, self._workspace, [target.name for target in serving], spans)
        if not used:
            return {}
        served = [
            known
            for name, known in model_rows.known(self._db, self._workspace).items()
            if any(target.serves(name) for target in serving)
        ]
        longest_us = length_us(WindowSize(windows[0].size))
        countable = all(length_us(known.window) <= longest_us for known in served)
        rows = gpu_use.rows_of(self._db, self._workspace, [known.name for known in served], spans) if countable else {}
        return {
            start_us: list(
                measure_gpus(
                    used[start_us], end_us - start_us, rows.get(start_us, 0) if countable else None, len(served)
                )
            )
            for start_us, end_us in spans
            if start_us in used
        }
