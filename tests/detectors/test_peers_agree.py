"""Distances from profiles beside Evidently's and NannyML's from the rows, where the definition is the same.

Bins are where definitions part. So the peers are given the bins: as a class's name, and as numbers of which each is a cell of its
own. Evidently's PSI puts 0.0001 in place of an empty share as ours does, where no share that is not empty is below that.
"""

import os
import subprocess
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from detectors import column_drift
from detectors.binning import decile_bins
from detectors.metrics import DISTANCES
from kernel.column_spec import ColumnSpec
from kernel.grid import Grid, encode
from kernel.profile import Kind
from kernel.profiling import profile_rows
from testing.peer_distances import cases
from testing.peer_distances.cases import Case
from testing.peers import ROOT, SILENCE, PeerMissingError, python_of

PEERS = ("evidently", "nannyml")
TEST = column_drift.Test(1e-4, distances=DISTANCES[1:])
SAME = {"rel": 1e-9, "abs": 1e-7}  # where a divergence is a rounding error, its root is 1e-8


@dataclass(frozen=True)
class Column:
    """A column's rows, and what the peers are given in their place."""

    spec: ColumnSpec
    reference: np.ndarray
    window: np.ndarray
    given: Case

    def measured(self) -> dict[str, float]:
        before, now = (profile_rows(pa.table({"feature.x": side}), {"feature.x": self.spec}) for side in self.sides)
        return {m.metric: m.value for m in column_drift.measure_column("x", "feature.x", now, before, TEST)}

    @property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        return self.reference, self.window


def _classes(reference: np.ndarray, window: np.ndarray) -> Column:
    known = {name: code for code, name in enumerate(np.unique(reference).tolist(), start=1)}
    spec = ColumnSpec(Kind.CATEGORICAL, categories=known)
    return Column(spec, reference, window, Case(numbers=False, reference=reference.tolist(), window=window.tolist()))


def _binned(reference: np.ndarray, window: np.ndarray) -> Column:
    """Numbers of which the peers are given the bin, by name."""
    spec = _numeric(reference)
    grid = spec.grid
    assert grid is not None
    cell_of = [grid.lookup()[encode(side, grid.centre)] for side in (reference, window)]
    bins = decile_bins(np.bincount(cell_of[0], minlength=grid.cells).astype(float))
    names = [[f"bin {bin_}" for bin_ in bins[cells]] for cells in cell_of]
    return Column(spec, reference, window, Case(numbers=False, reference=names[0], window=names[1]))


def _few_numbers(reference: np.ndarray, window: np.ndarray) -> Column:
    return Column(_numeric(reference), reference, window, Case(True, reference.tolist(), window.tolist()))


def _numeric(reference: np.ndarray) -> ColumnSpec:
    return ColumnSpec(Kind.NUMERIC, 1, Grid.fit(reference))


def _drawn(names: str, shares: list[float], rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(list(names), rows, p=shares)


def _columns() -> dict[str, Column]:
    rng = np.random.default_rng(1)
    even = _drawn("abc", [0.5, 0.3, 0.2], 4_000, 1)
    return {
        "classes": _classes(even, _drawn("abc", [0.4, 0.3, 0.3], 900, 2)),
        "the same": _classes(even, even),
        "a class that is gone": _classes(even, _drawn("ab", [0.5, 0.5], 700, 3)),
        "a class that is new": _classes(even, _drawn("abcd", [0.4, 0.3, 0.2, 0.1], 800, 4)),
        "no class in common": _classes(even, _drawn("x", [1.0], 500, 5)),
        "deciles of a normal column": _binned(rng.normal(size=5_000), rng.normal(0.3, 1.2, 1_000)),
        "deciles of a skewed column": _binned(rng.lognormal(0, 2, 5_000), rng.lognormal(0.2, 2, 1_000)),
        "mostly zeros": _binned(*(rng.normal(m, 1, n) * (rng.random(n) < 0.3) for m, n in ((5, 5_000), (6, 900)))),
        "few numbers": _few_numbers(*(rng.integers(*ends, n).astype(float) for ends, n in (((0, 30), 3_000), ((5, 40), 700)))),
    }  # fmt: skip


COLUMNS = _columns()


@pytest.fixture(scope="module")
def of_peers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, float]]]:
    """Each peer's distances, by column; one process a peer."""
    path = tmp_path_factory.mktemp("peers") / "cases.json"
    cases.write({name: column.given for name, column in COLUMNS.items()}, path)
    return {peer: _asked(peer, str(path)) for peer in PEERS}


def _asked(peer: str, path: str) -> dict[str, dict[str, float]]:
    try:
        python = python_of(peer)
    except PeerMissingError as error:
        pytest.skip(str(error))
    command = [python, "-W", "ignore", "-m", f"testing.peer_distances.of_{peer}", path]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | SILENCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return cases.read(done.stdout)


@pytest.mark.parametrize("name", COLUMNS)
def test_psi_and_the_distances_of_evidently(name, of_peers) -> None:
    ours, theirs = COLUMNS[name].measured(), of_peers["evidently"][name]
    assert len(theirs) == (1 if COLUMNS[name].given.numbers else 3)
    for metric, value in theirs.items():
        assert ours[metric] == pytest.approx(value, **SAME), metric


@pytest.mark.parametrize("name", COLUMNS)
def test_the_distances_of_nannyml(name, of_peers) -> None:
    column = COLUMNS[name]
    ours, theirs = column.measured(), of_peers["nannyml"][name]
    assert len(theirs) == (2 if column.given.numbers else 4)
    if column.given.numbers:
        ours["wasserstein"] *= column.reference.std()
    for metric, value in theirs.items():
        assert ours[metric] == pytest.approx(value, **SAME), metric
