"""Detectors of concept drift: how soon they call a level that rises, how rarely noise, and that clustered errors are no storm."""

import numpy as np
import pyarrow as pa
import pytest
from river import drift

from detectors.concept_drift import DETECTORS, TOGETHER, detect
from detectors.concept_series import called
from detectors.pair import FloatArray

WINDOWS, RISES_AT = 200, 100


def noise(seed: int, kept: float = 0.0) -> FloatArray:
    """Windows around 0 with a deviation of 1, each of which keeps so much of the one before."""
    moves = np.random.default_rng(seed).normal(0, np.sqrt(1 - kept**2), WINDOWS)
    values = np.empty(WINDOWS)
    level = 0.0
    for place, move in enumerate(moves):
        level = kept * level + move
        values[place] = level
    return values


def risen(seed: int, by: float, kept: float = 0.0) -> FloatArray:
    return noise(seed, kept) + by * (np.arange(WINDOWS) >= RISES_AT)


@pytest.mark.parametrize(("by", "within"), [(2.0, 25), (3.0, 20)])
def test_a_level_that_rises_is_agreed_on_soon(by: float, within: int) -> None:
    found = [detect(risen(seed, by)).agreed for seed in range(20)]
    assert all(places.size == 1 for places in found)
    delays = np.concatenate(found) - RISES_AT
    assert delays.min() >= 0
    assert np.median(delays) <= within
    assert delays.max() <= 2 * within


@pytest.mark.parametrize(("kept", "most"), [(0.0, 0), (0.6, 4)])
def test_noise_is_seldom_agreed_on_even_where_it_wanders(kept: float, most: int) -> None:
    assert sum(detect(noise(seed, kept)).agreed.size for seed in range(20)) <= most


def test_each_detector_has_a_part_in_what_is_agreed_on() -> None:
    found = [detect(risen(seed, 2.0)) for seed in range(20)]
    near = {
        name
        for calls in found
        for name, places in calls.by_detector.items()
        if ((calls.agreed[0] - TOGETHER < places) & (places <= calls.agreed[0])).any()
    }
    assert near == set(DETECTORS)


def test_a_bad_week_is_no_storm() -> None:
    """Errors cluster: seven windows in a row are far worse than any, and all is as it was."""
    for seed in range(20):
        errors = noise(seed)
        errors[RISES_AT : RISES_AT + 7] += 30
        found = detect(errors)
        assert found.agreed.size <= 1
        assert sum(places.size for places in found.by_detector.values()) <= 5


def test_days_that_differ_are_a_storm_row_by_row_and_nothing_window_by_window() -> None:
    """Errors of one day go together, as those of flights do; over all days nothing moves."""
    rng = np.random.default_rng(11)
    chance = rng.beta(4, 12, WINDOWS)
    wrong = rng.random((WINDOWS, 900)) < chance[:, None]
    by_rows, storm = drift.ADWIN(), 0
    for row in wrong.ravel().tolist():
        by_rows.update(row)
        storm += by_rows.drift_detected
    assert storm > 50
    found = detect(wrong.mean(axis=1))
    assert not found.agreed.size
    assert sum(places.size for places in found.by_detector.values()) <= 1


def test_a_second_rise_is_called_on_the_new_scale() -> None:
    errors = noise(3)
    errors[60:] += 8
    errors[140:] += 8
    first, second = detect(errors).agreed.tolist()
    assert 60 <= first < 85
    assert 140 <= second < 165


def test_an_error_that_falls_is_not_agreed_on() -> None:
    assert sum(detect(-risen(seed, 3.0)).agreed.size for seed in range(20)) == 0


def test_detectors_read_what_river_reads() -> None:
    """Up to their first agreement, river's own on the scaled series."""
    errors = risen(4, 2.0)
    usual = errors[:30]
    spread = 1.4826 * np.median(np.abs(usual - np.median(usual)))
    hinkley, binary = drift.PageHinkley(mode="up"), drift.binary.HDDMA()
    first: dict[str, int] = {}
    for place, error in enumerate(errors):
        hinkley.update(float(np.clip((error - np.median(usual)) / spread, -5, 5)))
        binary.update(bool(error > np.median(usual)))
        for name, detector in (("page_hinkley", hinkley), ("hddm", binary)):
            if detector.drift_detected:
                first.setdefault(name, place)
    found = detect(errors)
    assert first
    for name, place in first.items():
        assert found.by_detector[name].tolist()[:1] == ([place] if place <= found.agreed[0] else [])


@pytest.mark.parametrize("size", [0, 1, 30])
def test_so_few_windows_call_nothing(size: int) -> None:
    found = detect(np.arange(size, dtype=np.float64))
    assert not found.agreed.size
    assert not any(places.size for places in found.by_detector.values())


def test_an_error_that_never_moved_is_called_once_it_does() -> None:
    assert not detect(np.full(WINDOWS, 0.2)).agreed.size
    assert detect(np.repeat([0.0, 0.1], [60, 40])).agreed.tolist() == [67]


def series(metric: str, values: FloatArray, **columns: object) -> pa.Table:
    n = values.size
    usual = {"status": ["ok"] * n, "rows": np.full(n, 500.0)}
    return pa.table(
        {"window_start": np.arange(n) * 10, "metric": [metric] * n, "value": values} | usual | columns  # type: ignore[dict-item]
    )


def starts(table: pa.Table, metric: str) -> list[int]:
    return list(called(table, (metric,))[0].starts_us)


def test_an_error_rises_where_accuracy_falls() -> None:
    errors = risen(1, 3.0)
    (rise,) = starts(series("mae", errors), "mae")
    assert starts(series("accuracy", -errors), "accuracy") == [rise]
    assert starts(series("accuracy", errors), "accuracy") == []


def test_windows_that_say_nothing_are_not_read() -> None:
    """Provisional ones, those with few labels and those without a value would shift the level if they were read."""
    errors = noise(5)
    wild = np.where(np.arange(WINDOWS) % 3 == 0, 50.0, errors)
    wild[0] = np.nan
    status = np.where(np.arange(WINDOWS) % 6 == 0, "provisional", "ok")
    rows = np.where(np.arange(WINDOWS) % 6 == 3, 29.0, 30.0)
    found = called(series("mae", wild, status=status.tolist(), rows=rows), ("mae",))
    assert found[0].windows == sum(np.arange(WINDOWS) % 3 != 0)
    assert found[0].starts_us == ()


def test_the_first_metric_that_there_is_is_read() -> None:
    assert {one.metric for one in called(series("mae", noise(1)))} == {"mae"}
    assert called(series("mae", noise(1)), ("ndcg",)) == []
