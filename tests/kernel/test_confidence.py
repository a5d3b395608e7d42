"""Entropy and margin of predictions, from their scores."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from kernel.column_spec import ColumnSpec
from kernel.confidence import ENTROPY, MARGIN, with_confidence
from kernel.profile import Kind, WindowProfile
from kernel.profiling import profile_rows


def confidence(**scores: list[float | None]) -> tuple[list[float | None], list[float | None]]:
    table = with_confidence(
        pa.table({f"score.{name}": pa.array(values, pa.float64()) for name, values in scores.items()})
    )
    return table[ENTROPY].to_pylist(), table[MARGIN].to_pylist()


def test_of_many_classes_it_is_shannons_entropy_over_that_of_equal_ones_and_the_gap_of_the_two_likeliest() -> None:
    rng = np.random.default_rng(1)
    scores = rng.dirichlet([0.5] * 4, 1_000)
    entropy, margin = confidence(**{f"c{i}": scores[:, i].tolist() for i in range(4)})
    np.testing.assert_allclose(entropy, stats.entropy(scores, axis=1) / np.log(4), rtol=1e-12, atol=1e-12)
    ordered = np.sort(scores, axis=1)
    np.testing.assert_allclose(margin, ordered[:, -1] - ordered[:, -2], atol=1e-12)


def test_one_score_says_what_the_two_of_both_classes_say() -> None:
    scores = np.linspace(0, 1, 101)
    both = confidence(late=scores.tolist(), on_time=(1 - scores).tolist())
    alone = confidence(late=scores.tolist())
    np.testing.assert_allclose(alone, both, atol=1e-6)


def test_what_was_not_sent_is_one_more_class_and_scores_that_sum_to_more_are_shares() -> None:
    entropy, margin = confidence(a=[0.6, 0.9], b=[0.1, 0.6])
    assert margin[0] == pytest.approx(0.3)  # 0.6 beside the 0.3 that is missing
    assert margin[1] == pytest.approx(0.2)  # 0.6 beside 0.4
    assert entropy[1] == pytest.approx(stats.entropy([0.6, 0.4], base=2))


def test_a_row_without_a_score_or_with_one_that_is_no_probability_has_none() -> None:
    entropy, margin = confidence(a=[None, 1.5, float("nan"), -0.1, 0.0], b=[None, 0.2, 0.5, 0.5, None])
    assert entropy[:4] == margin[:4] == [None] * 4
    assert (entropy[4], margin[4]) == (0.0, 1.0)


def test_they_are_in_the_profile_beside_the_scores_and_nowhere_without() -> None:
    table = pa.table({"score.late": [0.5, 0.9, None], "feature.x": ["a", "b", "a"]})
    specs = {"score.late": ColumnSpec(Kind.SCORE), "feature.x": ColumnSpec(Kind.CATEGORICAL)}
    profile = profile_rows(table, specs)
    column = profile.columns[MARGIN]
    assert (column.values, column.missing, column.kind) == (2, 1, Kind.SCORE)
    assert column.moments.mean == pytest.approx(0.4)
    assert set(profile_rows(table.select(["feature.x"]), specs).columns) == {"feature.x", "rows.distinct"}
    halves = WindowProfile.merge([profile_rows(table.slice(0, 1), specs), profile_rows(table.slice(1), specs)])
    assert halves.columns[ENTROPY].moments.mean == pytest.approx(profile.columns[ENTROPY].moments.mean)
