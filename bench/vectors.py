"""The vectors of the embeddings benchmark: the same for every subject, made in its own process."""

import numpy as np

COLUMNS = 768


def sides(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """A window, moved by a tenth of a deviation in every column, and its reference, each (rows, COLUMNS) of float32.

    It has moved so that every permutation is drawn: where nothing moves, ours stops early.
    """
    window, reference = (np.random.default_rng(seed).standard_normal((rows, COLUMNS), np.float32) for seed in (1, 2))
    window += np.float32(0.1)
    return window, reference
