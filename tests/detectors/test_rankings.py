"""NDCG and mean reciprocal rank of lists against scikit-learn and their definitions, ties and missing labels among them."""

from dataclasses import asdict
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from detectors import ndcg, reciprocal_rank
from detectors.outcomes import Task, outcomes
from detectors.performance import estimates, measure_performance
from detectors.rankings import Rankings
from kernel.clock import DAY_US
from testing.labelled_rows import joined

few = settings(max_examples=60, deadline=None, derandomize=True)
a_list = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=8)


def _ranked(lists):
    """Items of all lists, shuffled among one another."""
    items = np.array([(place, *item) for place, one in enumerate(lists) for item in one], float)
    items = items[np.random.default_rng(0).permutation(len(items))]
    return Rankings(items[:, 0].astype(np.intp), items[:, 1], items[:, 2])


@pytest.mark.parametrize("k", [1, 3, 10])
@few
@given(st.lists(a_list, min_size=1, max_size=5))
def test_ndcg_is_scikit_learns_also_where_scores_tie(k, lists):
    found = ndcg.values(_ranked(lists), k)
    for value, one in zip(found, lists, strict=True):
        scores, relevance = np.array(one, float).T
        assert value == pytest.approx(ndcg_score([relevance], [scores], k=k), abs=1e-12)


@few
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=5), min_size=1, max_size=4)
)
def test_the_reciprocal_rank_is_that_of_the_mean_place_over_all_orders_of_ties(lists):
    found = reciprocal_rank.values(_ranked(lists))
    for value, one in zip(found, lists, strict=True):
        places = [
            _first(order) for order in permutations(one) if [s for s, _ in order] == sorted((s for s, _ in one))[::-1]
        ]
        assert value == pytest.approx(0.0 if None in places else 1 / np.mean(places))


def _first(order):
    return next((place for place, (_, relevance) in enumerate(order, 1) if relevance > 0), None)


def lists_table(lists: int = 200, days: int = 40, told: float = 1.0) -> pa.Table:
    """Lists of five items over some days, of some of which no item has a label."""
    rng = np.random.default_rng(5)
    relevance = rng.integers(0, 3, 5 * lists).astype(float)
    scores = (relevance + rng.normal(0, 1.5, 5 * lists)).round(1)
    known = np.repeat(rng.random(lists) < told, 5)
    table = joined(scores.tolist(), [r if k else None for r, k in zip(relevance, known, strict=True)])
    place = np.repeat(np.arange(lists), 5)
    table = with_column(table, "ts_us", place % days * DAY_US)
    return table.append_column("list", pa.array([f"q{i}" for i in place]))


def with_column(table: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def test_a_ranking_is_measured_by_its_lists():
    table = lists_table(told=0.5)
    found = estimates(outcomes(table, Task("ranking", k=3)), Task("ranking", k=3))
    known = np.array(table["label_value"].is_valid()).reshape(-1, 5)[:, 0]
    scores, relevance = (table[name].to_numpy().reshape(-1, 5)[known] for name in ("prediction_value", "label_value"))
    assert found.keys() == {"ndcg", "mrr"}
    assert found["ndcg"].value == pytest.approx(ndcg_score(relevance, scores, k=3), rel=1e-12)
    assert (found["ndcg"].rows, found["ndcg"].basis) == (known.sum(), "cluster")
    assert found["ndcg"].lower < found["ndcg"].value < found["ndcg"].upper


def test_an_item_without_a_label_is_of_no_relevance_in_a_list_that_has_one():
    table = joined([0.9, 0.8, 0.7, 0.9], [None, 1.0, None, None]).append_column("list", pa.array(["a", "a", "a", "b"]))
    found = {m.metric: m for m in measure_performance(outcomes(table, Task("ranking")), {}, Task("ranking"))}
    assert (found["mrr"].value, found["mrr"].rows) == (0.5, 1)
    assert found["ndcg"].value == pytest.approx(ndcg_score([[0, 1, 0]], [[0.9, 0.8, 0.7]]))
    assert found["label_coverage"].value == 0.25


def test_lists_that_nobody_labelled_or_named_are_not_measured():
    named = joined([0.9, 0.8], [None, None]).append_column("list", pa.array(["a", "a"]))
    for table in (named, joined([0.9, 0.8], [1.0, 0.0])):
        found = [m.metric for m in measure_performance(outcomes(table, Task("ranking")), {}, Task("ranking"))]
        assert found == ["label_coverage"]


def test_a_ranking_that_got_worse_is_degraded():
    worse = with_column(lists_table(), "prediction_value", np.random.default_rng(1).random(1_000))
    task = Task("ranking")
    before = {name: asdict(e) for name, e in estimates(outcomes(lists_table(), task), task).items()}
    found = {m.metric: m.status for m in measure_performance(outcomes(worse, task), before, task)}
    assert found == {"label_coverage": "ok", "ndcg": "degraded", "mrr": "degraded"}
