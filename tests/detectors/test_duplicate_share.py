"""Rows that repeat others: estimated from samples, called where more do, and never where the law of rows has not changed."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from detectors import shares
from detectors.duplicate_share import duplicate_share, repeated_kinds, repeats
from kernel.samples import ROWS, Sample, count_sample, sample_of

ALPHA = 1e-4
Law = Callable[[Generator, int], np.ndarray]


def side(names: np.ndarray, salt: int = 0) -> Sample:
    """The sample of rows of these kinds, under hashes that look drawn (splitmix64, Steele et al. 2014)."""
    bits = (names.astype(np.uint64) + np.uint64(salt << 40)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes = 1 + (bits >> np.uint64(24)).astype(np.int64)
    return sample_of(count_sample(hashes, None, np.array([0]), np.array([len(hashes)]), ROWS.most)[0], ROWS)


def unique(rng: Generator, rows: int) -> np.ndarray:
    return 10**6 + rng.integers(0, 10**9, rows)


def pool(kinds: int) -> Law:
    return lambda rng, rows: rng.integers(0, kinds, rows)


def zipf(rng: Generator, rows: int) -> np.ndarray:
    law = np.cumsum(1 / np.arange(1, 10**6))
    return np.searchsorted(law, rng.random(rows) * law[-1])


def with_kinds(share: float, kinds: int) -> Law:
    """A share of rows is of a few kinds, such as a probe's; the others are of their own."""
    return lambda rng, rows: np.where(rng.random(rows) < share, rng.integers(0, kinds, rows), unique(rng, rows))


def sent_again(share: float) -> Law:
    def law(rng: Generator, rows: int) -> np.ndarray:
        names = unique(rng, rows)
        again = 1 + np.flatnonzero(rng.random(rows - 1) < share)
        names[again] = names[again - 1]
        return names

    return law


LAWS = {
    "unique": unique, "large pool": pool(10**6), "pool": pool(20_000), "small pool": pool(300), "zipf": zipf,
    "one heavy kind": with_kinds(0.3, 1), "some heavy kinds": with_kinds(0.3, 200), "sent again": sent_again(0.05),
}  # fmt: skip


@pytest.mark.parametrize("sizes", [(6_000, 600), (2_000, 2_000), (600, 6_000)])
@pytest.mark.parametrize("law", LAWS)
def test_rows_of_the_same_law_are_not_called_however_many_a_side_has(law, sizes) -> None:
    """Also without a tolerance, and at a level that is a hundred times as high."""
    rng = np.random.default_rng(sum(sizes))
    called = 0
    for salt in range(60):
        before, now = (side(LAWS[law](rng, rows), salt) for rows in sizes)
        called += duplicate_share(now, before, 0.01, tolerance=0.0).called(0.01)
    assert called <= 3


@pytest.mark.parametrize(
    ("law", "sizes"),
    [
        (sent_again(0.2), (500, 500)),
        (sent_again(0.2), (20_000, 20_000)),
        (sent_again(0.3), (6_000, 2_000)),
        (with_kinds(0.5, 1), (2_000, 2_000)),
        (with_kinds(0.5, 1), (100_000, 10_000)),
        (pool(3), (5_000, 1_000)),
    ],
)
def test_more_repeated_rows_are_called(law, sizes) -> None:
    rng = np.random.default_rng(sum(sizes))
    for salt in range(10):
        assert duplicate_share(side(law(rng, sizes[1]), salt), side(unique(rng, sizes[0]), salt), ALPHA).called(ALPHA)


@pytest.mark.parametrize("law", ["pool", "sent again", "some heavy kinds"])
def test_the_share_is_right_in_the_mean_and_exact_where_the_sample_holds_every_kind(law) -> None:
    rng = np.random.default_rng(7)
    gaps = []
    for salt in range(60):
        names = LAWS[law](rng, 5_000)
        gaps.append(repeats(side(names, salt), len(names)).share - (1 - len(np.unique(names)) / len(names)))
        few = names[:500]
        assert repeats(side(few), 500).share == pytest.approx(1 - len(np.unique(few)) / 500, abs=1e-12)
    assert abs(np.mean(gaps)) <= 4 * np.std(gaps) / np.sqrt(len(gaps))


@pytest.mark.parametrize("size", [1, 7, 60, 119, 120])
def test_what_a_part_of_the_rows_would_hold_is_what_parts_hold_in_the_mean(size) -> None:
    rng = np.random.default_rng(size)
    names = np.concatenate([np.arange(60), rng.integers(0, 20, 60)])
    drawn = [np.unique(rng.permutation(names)[:size], return_counts=True)[1] for _ in range(3_000)]
    again = [1 - len(counts) / size for counts in drawn]
    kinds = sum((counts > 1).sum() for counts in drawn) / sum(len(counts) for counts in drawn)
    assert repeats(side(names), size).share == pytest.approx(np.mean(again), abs=0.01)
    assert repeated_kinds(side(names), size).share == pytest.approx(kinds, abs=0.01)


def test_a_fall_is_not_called_and_no_rows_are_insufficient() -> None:
    some, none = side(np.arange(300)), side(np.empty(0, np.int64))
    assert not duplicate_share(some, side(np.arange(300) // 3), ALPHA).called(ALPHA)
    for sides in ((some, none), (none, some), (none, none)):
        assert duplicate_share(*sides, ALPHA) == shares.INSUFFICIENT
