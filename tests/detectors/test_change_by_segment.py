"""A change of a metric by segments: parts that add up, and intervals that hold what is known."""

import numpy as np
import pytest

from detectors.change_by_segment import SegmentPart, by_segment
from detectors.change_split import Rows

NAMES = np.array(["a", "b", "c"])
BEFORE, AFTER = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.5, 0.3])
"""Shares."""
MEAN_BEFORE, MEAN_AFTER = np.array([0.9, 0.6, 0.7]), np.array([0.9, 0.5, 0.7])


def drawn(seed: int, count: int = 1000) -> tuple[Rows, np.ndarray]:
    rng = np.random.default_rng((seed, 9))
    is_after = np.arange(2 * count) >= count
    codes = np.concatenate([rng.choice(3, count, p=shares) for shares in (BEFORE, AFTER)])
    chance = np.where(is_after, MEAN_AFTER[codes], MEAN_BEFORE[codes])
    values = (rng.random(codes.size) < chance).astype(float)
    return Rows(values, np.ones(codes.size), np.zeros(codes.size), is_after), NAMES[codes]


def total(parts: list[SegmentPart]) -> float:
    return sum(part.mix.value + part.within.value for part in parts)  # type: ignore[operator,misc]


def test_intervals_hold_what_is_known_of_the_parts() -> None:
    mix = (AFTER - BEFORE) * (MEAN_BEFORE - BEFORE @ MEAN_BEFORE)
    within = AFTER * (MEAN_AFTER - MEAN_BEFORE)
    runs = 200
    found = [by_segment(*drawn(seed)) for seed in range(runs)]
    for place, name in enumerate(NAMES):
        for part, truth in (("mix", mix[place]), ("within", within[place])):
            estimates = [getattr(parts[place], part) for parts in found]
            assert found[0][place].segment == name
            assert np.mean([e.value for e in estimates]) == pytest.approx(truth, abs=0.004)
            assert 0.9 <= np.mean([e.lower <= truth <= e.upper for e in estimates]) <= 0.99


def test_the_parts_add_up_whatever_rows_weigh() -> None:
    rows, names = drawn(1)
    weights = np.random.default_rng(1).uniform(0.5, 3, rows.values.size)
    one = Rows(rows.values, weights, rows.clusters, rows.is_after)
    before, after = (np.average(one.values[side], weights=weights[side]) for side in (~one.is_after, one.is_after))
    assert total(by_segment(one, names)) == pytest.approx(after - before, abs=1e-12)


def test_a_segment_that_is_new_or_gone_is_all_mix() -> None:
    rows, names = drawn(2)
    moved = np.where(~rows.is_after & (names == "c"), "gone", np.where(rows.is_after & (names == "c"), "new", names))
    found = {part.segment: part for part in by_segment(rows, moved)}
    assert set(found) == {"a", "b", "gone", "new"}
    assert (found["new"].within.value, found["gone"].within.value) == (0.0, 0.0)
    assert (found["new"].before, found["gone"].after) == (None, None)
    assert found["new"].share_after == pytest.approx(np.mean(names[rows.is_after] == "c"))
    whole = rows.values[~rows.is_after].mean()
    assert found["new"].mix.value == pytest.approx(found["new"].share_after * (found["new"].after - whole))  # type: ignore[operator]
    after, before = rows.values[rows.is_after].mean(), whole
    assert total(list(found.values())) == pytest.approx(after - before, abs=1e-12)


def test_a_segment_that_only_grew_adds_nothing_where_it_is_like_all_others() -> None:
    is_after = np.repeat([False, True], 4)
    names = np.array(["a", "a", "b", "b", "a", "b", "b", "b"])
    values = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.5])
    parts = by_segment(Rows(values, np.ones(8), np.zeros(8), is_after), names)
    assert [part.mix.value for part in parts] == [0.0, 0.0]
    assert parts[0].within.value == pytest.approx(0.25 * 0.5)
