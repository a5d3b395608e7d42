"""Evidently's PSI of every column. Its frames share the memory of the arrays."""

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from bench.data import NAMES, reference, window
from bench.probe import once, report


def main() -> None:
    before = pd.DataFrame(reference().T, columns=NAMES, copy=False)
    now = pd.DataFrame(window().T, columns=NAMES, copy=False)
    _psi(now.iloc[:1_000, :1], before.iloc[:1_000, :1])
    report(once(lambda: _psi(now, before)))


def _psi(now: pd.DataFrame, before: pd.DataFrame) -> None:
    definition = DataDefinition(numerical_columns=list(now.columns))
    frames = [Dataset.from_pandas(frame, definition) for frame in (now, before)]
    found = Report([DataDriftPreset(num_method="psi")]).run(*frames).dict()["metrics"]
    assert len(found) == now.shape[1] + 1  # and the share of drifted columns


main()
