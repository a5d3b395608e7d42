"""Categories as numbers by how wrong predictions were among them, so that a tree parts them as it parts numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from detectors.pair import FloatArray

Categories = Sequence[str | None]
Column = FloatArray | Categories


def codes(categories: Categories, losses: FloatArray) -> dict[str, float]:
    """Return the mean loss of each category; of both, shape (rows,).

    In that order the best split of categories for the squared error is one cut. Source: Fisher, "On grouping for maximum
    homogeneity" (1958); Breiman et al., "Classification and Regression Trees" (1984), theorem 4.5.

    >>> codes(["gas", "diesel", "gas", None], np.array([1.0, 5.0, 3.0, 9.0]))
    {'diesel': 5.0, 'gas': 2.0}
    """
    known = np.array([value is not None for value in categories], np.bool_)
    names, places = np.unique(
        np.array([value for value in categories if value is not None], np.str_), return_inverse=True
    )
    means = np.bincount(places, losses[known], names.size) / np.maximum(np.bincount(places, minlength=names.size), 1)
    return dict(zip(names.tolist(), means.tolist(), strict=True))


def as_rows(columns: Sequence[Column], of: Sequence[Mapping[str, float] | None]) -> FloatArray:
    """Return columns as numbers, shape (rows, columns); a category that is missing, or that the codes lack, is NaN.

    Args:
        columns: numbers, or categories; each of shape (rows,).
        of: by column the codes of its categories, None for numbers.

    >>> as_rows([np.array([1.0, 2.0]), ["gas", "steam"]], [None, {"gas": 5.0}]).tolist()
    [[1.0, 5.0], [2.0, nan]]
    """
    pairs = zip(columns, of, strict=True)
    return np.column_stack([_numbers(column) if held is None else _coded(column, held) for column, held in pairs])


def _numbers(column: Column) -> FloatArray:
    return np.asarray(column, np.float64)


def _coded(column: Column, held: Mapping[str, float]) -> FloatArray:
    names, places = np.unique(
        np.array(["" if value is None else value for value in column], np.str_), return_inverse=True
    )
    present = np.array([value is not None for value in column], np.bool_)
    found = np.array([held.get(name, np.nan) for name in names.tolist()], np.float64)[places]
    return np.where(present, found, np.nan)
