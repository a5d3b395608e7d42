"""Performance without labels beside NannyML's, chunk by chunk, on the data sets that come with it.

To 1e-6 where the definition is the same: every ratio, every area of two classes, their sampling errors and thresholds. Where
NannyML lets chance decide, to what that leaves open: it ranks rows of one score in any order (the error of an area; areas of
several classes, whose chances differ within one score), and draws for the error of average precision. Trees are LightGBM's there
and ours here.
"""

import json
import math
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from detectors.estimate import Estimate
from detectors.without_labels import cbpe, cbpe_multiclass, dle
from detectors.without_labels.scored import Scored, of_cells, of_rows
from detectors.without_labels.thresholds import Thresholds
from kernel.column_spec import ColumnSpec
from kernel.profile import Kind
from kernel.profiling import profile_rows
from testing.peer_estimates.sets import SETS, WORTH, DataSet
from testing.peers import ROOT, SILENCE, PeerMissingError, python_of

EXACT = 1e-6
OF_TIES = 1e-5
RANKED = ("roc_auc", "average_precision")
CLASSIFIED = [name for name, of in SETS.items() if of.task != "regression"]
BINARY = [name for name, of in SETS.items() if of.task == "binary"]


@dataclass(frozen=True)
class Chunk:
    """A chunk's figures from NannyML, and our estimate of the same rows."""

    theirs: Mapping[str, list[float | None]]
    ours: Mapping[str, Estimate]


@dataclass(frozen=True)
class Side:
    """A data set that was estimated here and there."""

    calibrated: tuple[list[bool], list[bool]]
    errors: Mapping[str, float | None]
    thresholds: Mapping[str, Thresholds]
    chunks: list[Chunk]


@pytest.fixture(scope="module")
def peer() -> tuple[Path, dict[str, Any]]:
    """Where NannyML's data sets are, and what it says of them."""
    try:
        python = python_of("nannyml")
    except PeerMissingError as error:
        pytest.skip(str(error))
    command = [python, "-W", "ignore", "-m", "testing.peer_estimates.of_nannyml"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | SILENCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [package] = python.parent.parent.glob("lib/python*/site-packages/nannyml")
    return package / "datasets" / "data", json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def sides(peer) -> Callable[[str], Side]:
    made: dict[str, Side] = {}

    def side(name: str) -> Side:
        if name not in made:
            of, (folder, found) = SETS[name], peer
            tables = [_read(folder / file) for file in (of.reference, of.analysis)]
            fit = {"binary": _binary, "multiclass": _several, "regression": _regression}[of.task]
            made[name] = _beside(found[name], tables, *fit(of, tables[0], _chunks(found[name], tables[0].height)))
        return made[name]

    return side


def _read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema_length=None) if path.suffix == ".csv" else pl.read_parquet(path)


def _chunks(found: dict[str, Any], rows: int) -> np.ndarray:
    """Which chunk each row of the reference is of."""
    starts = [chunk["start"] for chunk in found["chunks"] if chunk["of_reference"]]
    return np.searchsorted(starts, np.arange(rows), side="right")


def _beside(
    found: dict[str, Any], tables: list[pl.DataFrame], fitted: Any, calibrated: list[bool], estimate: Any
) -> Side:
    reference, analysis = tables
    chunks = [
        Chunk(chunk, estimate((reference if chunk["of_reference"] else analysis)[chunk["start"] : chunk["end"]]))
        for chunk in found["chunks"]
    ]
    return Side((calibrated, found["calibrated"]), fitted.errors, fitted.thresholds, chunks)


def _scored(of: DataSet, table: pl.DataFrame) -> Scored:
    return of_rows(table[of.scores["1"]].to_numpy().astype(float), table[of.prediction].to_numpy() == 1)


def _binary(of: DataSet, reference: pl.DataFrame, chunks: np.ndarray) -> tuple[Any, ...]:
    fitted = cbpe.fit(_scored(of, reference), reference[of.label].to_numpy() == 1, chunks)

    def estimate(table: pl.DataFrame) -> dict[str, Estimate]:
        rows = _scored(of, table)
        return cbpe.estimate(fitted, rows) | {"business_value": cbpe.business_value(fitted, rows, WORTH)}

    return fitted, [fitted.calibration is not None], estimate


def _several(of: DataSet, reference: pl.DataFrame, chunks: np.ndarray) -> tuple[Any, ...]:
    names = list(of.scores)

    def scores(table: pl.DataFrame) -> np.ndarray:
        return table.select(list(of.scores.values())).to_numpy()

    def codes(table: pl.DataFrame, column: str) -> np.ndarray:
        return np.searchsorted(names, table[column].to_numpy().astype(str))

    fitted = cbpe_multiclass.fit(
        scores(reference), codes(reference, of.prediction), codes(reference, of.label), chunks=chunks
    )
    calibrated = [curve is not None for curve in fitted.calibrations]
    return fitted, calibrated, lambda t: cbpe_multiclass.estimate(fitted, scores(t), codes(t, of.prediction))


def _regression(of: DataSet, reference: pl.DataFrame, chunks: np.ndarray) -> tuple[Any, ...]:
    def features(table: pl.DataFrame) -> list[Any]:
        columns = (table[name] for name in of.features)
        return [c.to_list() if c.dtype == pl.String else c.to_numpy().astype(float) for c in columns]

    def numbers(table: pl.DataFrame, column: str) -> np.ndarray:
        return table[column].to_numpy().astype(float)

    fitted = dle.fit(features(reference), numbers(reference, of.prediction), numbers(reference, of.label), chunks)
    return fitted, [], lambda t: dle.estimate(fitted, features(t), numbers(t, of.prediction))


def _or_zero(value: float | None) -> float:
    """NannyML says 0 where a class is never predicted, and we that there is no value."""
    return 0.0 if value is None else value


@pytest.mark.parametrize("name", CLASSIFIED)
def test_the_same_scores_are_calibrated(name, sides) -> None:
    ours, theirs = sides(name).calibrated
    assert ours == theirs


@pytest.mark.parametrize("name", CLASSIFIED)
def test_every_estimate_of_a_classifier(name, sides) -> None:
    tolerance = dict.fromkeys(RANKED, OF_TIES if SETS[name].task == "multiclass" else EXACT)
    chunks = sides(name).chunks
    assert len(chunks) >= 15
    for chunk in chunks:
        for metric in SETS[name].metrics:
            value = _or_zero(chunk.ours[metric].value)
            assert value == pytest.approx(chunk.theirs[metric][0], abs=tolerance.get(metric, EXACT)), metric


@pytest.mark.parametrize("name", CLASSIFIED)
def test_every_interval_of_a_classifier(name, sides) -> None:
    """Half its width: to 1e-6; of an area to 0.5%; of average precision to 40%, for 50 draws leave a tenth open."""
    share = {"roc_auc": 0.005, "average_precision": 0.4}
    side = sides(name)
    for chunk in side.chunks:
        for metric in SETS[name].metrics:
            _, error, lower, upper, *_ = chunk.theirs[metric]
            found, off = chunk.ours[metric], EXACT + OF_TIES + 3 * error * share.get(metric, 0.0)
            assert side.errors[metric] / math.sqrt(found.rows) == pytest.approx(error, rel=share.get(metric, EXACT)), (
                metric
            )
            if found.value is not None:
                assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=off), metric


@pytest.mark.parametrize("name", SETS)
def test_every_threshold(name, sides) -> None:
    side = sides(name)
    for metric in SETS[name].metrics:
        *_, lower, upper = side.chunks[0].theirs[metric]
        found = side.thresholds[metric]
        assert (found.lower, found.upper) == pytest.approx((lower, upper), rel=EXACT), metric


@pytest.mark.parametrize("name", BINARY)
def test_what_a_window_is_worth(name, sides) -> None:
    for chunk in sides(name).chunks:
        value, _, lower, upper, *_ = chunk.theirs["business_value"]
        found = chunk.ours["business_value"]
        whole = [found.rows * part for part in (found.value, found.lower, found.upper)]
        assert whole == pytest.approx([value, lower, upper], rel=EXACT)


@pytest.mark.parametrize("name", BINARY)
def test_the_cells_of_a_profile(name, sides, peer) -> None:
    """To 1e-3; where rows of one cell have one score, as those of two decimals, to 1e-6."""
    of, (folder, found) = SETS[name], peer
    tables = [_read(folder / file) for file in (of.reference, of.analysis)]
    fitted = _binary(of, tables[0], _chunks(found[name], tables[0].height))[0]
    exact = of.reference.endswith(".csv")
    for chunk in found[name]["chunks"]:
        rows = tables[not chunk["of_reference"]][chunk["start"] : chunk["end"]]
        predicted = np.where(rows[of.prediction].to_numpy() == 1, "1", "0")
        table = pa.table({"score.1": rows[of.scores["1"]].to_numpy(), "prediction": predicted})
        profile = profile_rows(table, {"score.1": ColumnSpec(Kind.SCORE)}).columns["score.1"]
        cells = cbpe.estimate(fitted, of_cells(profile))
        for metric in set(of.metrics) - {"average_precision"}:
            value = _or_zero(cells[metric].value)
            assert value == pytest.approx(chunk[metric][0], abs=EXACT if exact else 1e-3), metric


def test_every_estimate_of_a_regression(sides) -> None:
    """Within NannyML's own interval everywhere, and mae within a tenth of it; half its width to 1e-6."""
    side = sides("car price")
    assert len(side.chunks) == 20
    for chunk in side.chunks:
        for metric in SETS["car price"].metrics:
            value, error, lower, upper, *_ = chunk.theirs[metric]
            found = chunk.ours[metric]
            assert lower < found.value < upper, metric
            assert side.errors[metric] / math.sqrt(found.rows) == pytest.approx(error, rel=EXACT), metric
        value, error, *_ = chunk.theirs["mae"]
        assert chunk.ours["mae"].value == pytest.approx(value, abs=0.3 * error)
