"""How sure a model was of each prediction: columns derived from the scores that it sent, and counted like scores."""

from functools import reduce

import numpy as np
import pyarrow as pa
from scipy import special

from kernel.arrays import whole
from kernel.column_spec import CONFIDENCE, SCORE
from kernel.grid import Float64Array

ENTROPY, MARGIN = CONFIDENCE + "entropy", CONFIDENCE + "margin"
_SURELY_LESS = 1e-6  # scores of all classes sum to 1 within this


def with_confidence(table: pa.Table) -> pa.Table:
    """A flat table with the entropy and the margin of its scores, both from 0 to 1; as it is where it has no scores.

    The margin is the gap between the two likeliest classes. The entropy is Shannon's, over that of the row's classes, were
    they equally likely. What the scores of a row lack of 1 is taken for one more class, so that a single score is that of
    two; scores that sum to more are divided by their sum. All of it follows from the row alone, whatever came with it. Null
    where a row has no score, or one that is no probability. Sources: Shannon (1948); Scheffer et al., "Active hidden Markov
    models for information extraction" (2001), for the margin.

    >>> found = with_confidence(pa.table({"score.late": [0.5, 0.9, None]}))
    >>> [[v and round(v, 3) for v in found[name].to_pylist()] for name in (ENTROPY, MARGIN)]
    [[1.0, 0.469, None], [0.0, 0.8, None]]
    """
    names = sorted(name for name in table.column_names if name.startswith(SCORE))
    if not names:
        return table
    columns = [whole(table[name]) for name in names]
    valid = [column.is_valid().to_numpy(zero_copy_only=False) for column in columns]
    scores = [_probabilities(column) for column in columns]
    total: Float64Array = reduce(np.add, scores)  # one after the other, so that a row's sum hangs on its scores alone
    unsent = np.where(total < 1 - _SURELY_LESS, 1 - total, 0.0)
    sum_to = np.maximum(total, 1.0)
    first, second, entropy = np.zeros((3, len(total)))
    for score in (*scores, unsent):
        share = score / sum_to
        second = np.maximum(second, np.minimum(first, share))
        first = np.maximum(first, share)
        entropy += special.entr(share)
    sent = np.sum(valid, axis=0)
    entropy /= np.log(np.maximum(2, sent + (unsent > 0)))
    unknown = np.isnan(total) | (sent == 0)
    for name, values in ((ENTROPY, entropy), (MARGIN, first - second)):
        table = table.append_column(name, pa.array(np.clip(values, 0.0, 1.0), mask=unknown))
    return table


def _probabilities(column: pa.Array) -> Float64Array:
    """The scores of a class: 0 where a row has none, NaN where it is no probability."""
    floats = column.cast(pa.float64())
    values: Float64Array = (floats.fill_null(0.0) if floats.null_count else floats).to_numpy(zero_copy_only=False)
    return np.where((values >= 0) & (values <= 1), values, np.nan)
