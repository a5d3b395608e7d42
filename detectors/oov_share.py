"""Words of texts that the reference has in none of its texts: the out-of-vocabulary share."""

import numpy as np

from detectors import shares
from detectors.pair import FloatArray
from detectors.shares import ShareShift, Tally
from kernel.cells import Cells
from kernel.samples import WORDS, Sample, sample_of

_LEAST_KNOWN = 0.01


def oov_share(
    window: Cells,
    reference: Cells,
    texts: float,
    reference_texts: float,
    alpha: float,
    tolerance: float = shares.TOLERANCE,
) -> ShareShift:
    """Compare the share of words that no text of the reference has with what a reference of its size leaves unseen.

    A word counts once a text. What the reference leaves unseen are its words that one text alone has: each text's are what
    the other texts would call unseen. Both are taken from the words with the smallest hashes, as far as both samples reach
    (kernel/samples.py), and divided by all words times that reach. Words of one text go together, so the rows of the test
    are texts, and fewer where the sample leaves words out. Sources: Good, "The population frequencies of species" (1953),
    equation 9; Horvitz and Thompson (1952) for the sample; Kish, "Survey Sampling" (1965), for clusters.

    Args:
        window, reference: the cells of the words (Kind.WORDS).
        texts, reference_texts: how many there are, effective numbers where they are weighted.

    >>> from kernel.samples import count_sample
    >>> def words(*hashes):
    ...     return count_sample(np.array(hashes), None, np.array([0]), np.array([len(hashes)]), WORDS.most)[0]
    >>> shift = oov_share(words(*[1, 2, 9, 9] * 50), words(*[1, 2] * 500, 3), 100, 500, alpha=1e-4)
    >>> shift.value, round(shift.expected, 4), shift.called(1e-4)
    (0.5, 0.001, True)
    """
    now, before = sample_of(window, WORDS), sample_of(reference, WORDS)
    below = min(now.below, before.below)
    now, before = now.under(below), before.under(below)
    if min(now.total, before.total, texts, reference_texts, below - 1) <= 0:
        return shares.INSUFFICIENT
    once = before.cells.shares_of[before.cells.rows == 1]
    strange = now.cells.shares_of[~np.isin(now.cells.index, before.cells.index)]
    unseen = _share(once, before)
    held, found = _rows(once, before, reference_texts, unseen), _rows(strange, now, texts, unseen)
    return shares.unseen_share(Tally(_share(strange, now) * found, found), held, unseen * held, alpha, tolerance)


def _share(words: FloatArray, sample: Sample) -> float:
    return min(1.0, float(words.sum()) / (sample.reach * sample.total))


def _rows(words: FloatArray, sample: Sample, texts: float, usual: float) -> float:
    """How many independent rows the share of these words is worth: the variances of texts and of the sample add up."""
    heavy = max(sample.unit, float(words @ words) / float(words.sum())) if words.size else sample.unit
    left_out = (1 - sample.reach) * heavy / (sample.reach * sample.total * max(_LEAST_KNOWN, 1 - usual))
    return 1 / (1 / texts + left_out)
