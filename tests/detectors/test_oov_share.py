"""Words that no text of the reference has: estimated from samples, and called where there are more than chance brings."""

import numpy as np
import pytest

from detectors import shares
from detectors.oov_share import oov_share
from kernel.cells import Cells
from kernel.samples import WORDS, count_sample

ALPHA = 0.01


def zipf_texts(rng, texts: int, known: int, *, fresh: float = 0.0, topics: int = 1) -> np.ndarray:
    """The words of texts of some ten words each by Zipf's law, each once a text: (words,); `fresh` of them are of 3,000 new ones.

    Args:
        topics: each text has one, which most of its words are of.
    """
    lengths = np.maximum(1, rng.lognormal(2.2, 0.6, texts).astype(np.int64))
    text = np.repeat(np.arange(texts), lengths)
    law = np.cumsum(1 / np.arange(1, known + 1) ** 1.05)
    found = np.searchsorted(law, rng.random(len(text)) * law[-1])
    found += known * rng.integers(0, topics, texts)[text] * (rng.random(len(text)) < 0.6)
    new = rng.random(len(text)) < fresh
    found[new] = 10**8 + rng.integers(0, 3_000, new.sum())
    return np.unique(text * 10**9 + found) % 10**9


def hashed(names: np.ndarray, salt: int) -> np.ndarray:
    """Hashes that look drawn, the same for the same name (splitmix64, Steele et al. 2014)."""
    bits = (names.astype(np.uint64) + np.uint64(salt << 40)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return 1 + (bits >> np.uint64(40)).astype(np.int64)


def cells(names: np.ndarray, salt: int = 0) -> Cells:
    return count_sample(hashed(names, salt), None, np.array([0]), np.array([len(names)]), WORDS.most)[0]


@pytest.mark.parametrize(("known", "within"), [(1_500, 2e-4), (20_000, 0.02)])
def test_the_share_is_that_of_all_words_but_for_shared_hashes_where_the_samples_hold_them_all(known, within) -> None:
    rng = np.random.default_rng(known)
    found = []
    for salt in range(20):
        before, now = zipf_texts(rng, 5_000, known), zipf_texts(rng, 1_000, known)
        exact = np.mean(~np.isin(now, before))
        singles = np.unique(before, return_counts=True)[1] == 1
        shift = oov_share(cells(now, salt), cells(before, salt), 1_000, 5_000, ALPHA)
        found.append((shift.value - exact, shift.expected - singles.sum() / len(before)))
        assert np.abs(found[-1]).max() <= within
    assert np.abs(np.mean(found, axis=0)).max() <= within / 4


@pytest.mark.parametrize("topics", [1, 20])
@pytest.mark.parametrize(("texts", "known"), [((400, 400), 2_000), ((2_000, 400), 20_000), ((400, 4_000), 20_000)])
def test_texts_of_the_same_law_have_the_expected_share_and_are_not_called(texts, known, topics) -> None:
    """Also without a tolerance, where words of one text go together, and beside a reference that is small."""
    rng = np.random.default_rng([*texts, known, topics])
    shifts = []
    for salt in range(60):
        before, now = (zipf_texts(rng, n, known, topics=topics) for n in texts)
        shifts.append(oov_share(cells(now, salt), cells(before, salt), texts[1], texts[0], ALPHA, tolerance=0.0))
    assert sum(shift.called(ALPHA) for shift in shifts) == 0
    assert sum(shift.p_change < ALPHA for shift in shifts) <= 2
    gaps = [shift.value - shift.expected for shift in shifts]
    assert abs(np.mean(gaps)) <= 4 * np.std(gaps) / np.sqrt(len(gaps))


@pytest.mark.parametrize("known", [1_500, 10_000])
def test_new_words_are_called(known) -> None:
    rng = np.random.default_rng(known)
    before = zipf_texts(rng, 20_000, known)
    called = []
    for salt in range(10):
        now = zipf_texts(rng, 2_000, known, fresh=0.1)
        called.append(oov_share(cells(now, salt), cells(before, salt), 2_000, 20_000, 1e-5).called(1e-5))
    assert all(called)


def test_no_words_are_insufficient() -> None:
    some = cells(np.arange(9))
    for sides in ((Cells(), some), (some, Cells()), (Cells(), Cells())):
        assert oov_share(*sides, 5, 5, ALPHA) == shares.INSUFFICIENT
    assert oov_share(some, some, 0, 5, ALPHA) == shares.INSUFFICIENT
