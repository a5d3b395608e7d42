"""Fairness: against plain computations on the rows, published and scipy's intervals, and simulation."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats.contingency import relative_risk
from sklearn.metrics import recall_score

from detectors import disparate_impact, newcombe, opportunity_gap, parity_difference
from detectors.clustered_shares import Side, Sides
from detectors.estimate import Estimate
from detectors.fairness import measure_corrected_opportunity, measure_opportunity, measure_parity
from detectors.label_arrival import Arrival
from detectors.label_delay import DelayCurve
from detectors.outcomes import Task
from detectors.predicted_as import PredictedAs
from detectors.shares import Tally
from kernel.clock import SECOND_US
from kernel.column_spec import ColumnSpec
from kernel.grid import Grid
from kernel.measurement import Status
from kernel.profile import Kind
from kernel.profiling import profile_rows
from testing.labelled_rows import joined

SIMULATED = 1_000


@pytest.mark.parametrize(
    ("group", "rest", "ends"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(group, rest, ends) -> None:
    """Newcombe (1998), table II, method 10."""
    share, other = group[0] / group[1], rest[0] / rest[1]
    assert newcombe.interval(share, group[1], other, rest[1]) == pytest.approx(ends, abs=5e-5)


@pytest.mark.parametrize(("group", "rest"), [((30, 100), (50, 100)), ((9, 40), (300, 2_000)), ((5, 5), (90, 100))])
def test_the_ratio_and_its_interval_are_scipys(group, rest) -> None:
    found, known = disparate_impact.estimate(Tally(*group), Tally(*rest)), relative_risk(*group, *rest)
    assert found.value == pytest.approx(known.relative_risk, rel=1e-12)
    assert (found.lower, found.upper) == pytest.approx(tuple(known.confidence_interval(0.95)), rel=1e-9)


def test_a_group_that_is_never_chosen_has_a_ratio_of_0_that_may_be_more() -> None:
    found = disparate_impact.estimate(Tally(0, 5), Tally(50, 100))
    assert (found.value, found.lower) == (0.0, 0.0)
    assert found.upper > 1  # five rows say little
    assert disparate_impact.estimate(Tally(0, 500), Tally(50, 100)).upper < 0.1


@pytest.mark.parametrize("measure", [parity_difference.estimate, disparate_impact.estimate])
def test_without_rows_on_a_side_there_is_no_value(measure) -> None:
    assert measure(Tally(0, 0), Tally(5, 10)).value is measure(Tally(5, 10), Tally(0, 0)).value is None


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    held = np.zeros(2)
    for chosen, others in zip(rng.binomial(150, 0.1, SIMULATED), rng.binomial(700, 0.2, SIMULATED), strict=True):
        sides = Tally(float(chosen), 150.0), Tally(float(others), 700.0)
        found, ratio = parity_difference.estimate(*sides), disparate_impact.estimate(*sides)
        held += found.lower <= -0.1 <= found.upper, ratio.lower <= 0.5 <= ratio.upper
    assert (np.abs(held / SIMULATED - 0.95) < 0.02).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [Kind.CATEGORICAL, Kind.NUMERIC, Kind.BOOLEAN])
def test_what_profiles_say_of_groups_is_what_their_rows_say(kind, weighted) -> None:
    rng = np.random.default_rng(2)
    groups, chosen = rng.choice(["f", "m", "x"], 600), rng.random(600) < 0.3
    weights = rng.choice([1.0, 4.0], 600) if weighted else np.ones(600)
    columns = {
        Kind.CATEGORICAL: ("hired", pa.array(np.where(chosen, "hired", "no")), "prediction"),
        Kind.NUMERIC: ("1", pa.array(chosen.astype(float)), "prediction_value"),
        Kind.BOOLEAN: ("true", pa.array(chosen), "prediction"),
    }
    name, values, column = columns[kind]
    grid = Grid.fit(chosen.astype(float))
    spec = ColumnSpec(kind, 1 if kind is Kind.NUMERIC else 0, grid, {"hired": 1, "no": 2})
    table = pa.table({column: values, "weight": weights})
    profiles = {("1", ""): profile_rows(table, {"prediction": spec})} | {
        ("1", f"sex={group}"): profile_rows(table.filter(pa.array(groups == group)), {"prediction": spec})
        for group in "fmx"
    }
    found = list(measure_parity(profiles, ["sex"], PredictedAs(name, 1, {1: grid.centre})))
    assert len(found) == 6
    for (_, segment), one in found:
        mine = groups == segment.removeprefix("sex=")
        share, other = (np.average(chosen[side], weights=weights[side]) for side in (mine, ~mine))
        expected = {"parity_difference": share - other, "disparate_impact": share / other}
        assert one.value == pytest.approx(expected[one.metric], rel=1e-9)
        size = weights[mine].sum() ** 2 / (weights[mine] ** 2).sum()
        assert (one.status, one.basis, one.rows) == (Status.OK, "iid", round(size))


def test_a_group_that_is_all_there_is_and_one_without_predictions_are_held_against_nothing() -> None:
    spec = {"prediction": ColumnSpec(Kind.CATEGORICAL, categories={"hired": 1})}
    some, none = (profile_rows(pa.table({"prediction": pa.array(rows, pa.string())}), spec) for rows in (["hired"], []))
    found = measure_parity(
        {("1", ""): some, ("1", "sex=f"): some, ("1", "sex=m"): none}, ["sex"], PredictedAs("hired", 1)
    )
    assert {(one.value, one.status) for _, one in found} == {(None, Status.INSUFFICIENT)}


def _clustered(chosen: np.ndarray, group: np.ndarray, keys: np.ndarray, weights: np.ndarray) -> Sides:
    hits = weights * chosen
    sums, count = np.stack([weights, hits, weights**2, weights * hits]), int(keys.max()) + 1
    whole, mine = Side.of(sums, keys, count), Side.of(sums[:, group], keys[group], count)
    return Sides(mine, whole.less(mine))


def _tallies(chosen: np.ndarray, group: np.ndarray) -> tuple[Tally, Tally]:
    return tuple(Tally(float(chosen[side].sum()), float(side.sum())) for side in (group, ~group))


def test_the_interval_of_a_difference_by_cluster_is_that_of_the_gap_of_the_same_rows() -> None:
    rng = np.random.default_rng(5)
    group, keys, weights = rng.random(3_000) < 0.4, rng.integers(0, 45, 3_000), rng.choice([1.0, 4.0], 3_000)
    chosen = rng.random(3_000) < 0.3 + 0.3 * (keys % 2) - 0.1 * group
    share, other = (np.average(chosen[side], weights=weights[side]) for side in (group, ~group))
    sides = Tally(share * 100, 100), Tally(other * 100, 100)
    found = parity_difference.estimate(*sides, by_cluster=_clustered(chosen, group, keys, weights))
    same = opportunity_gap.estimate(chosen, group, weights, keys)
    assert found.basis == same.basis == "cluster"
    assert (found.value, found.lower, found.upper) == pytest.approx((same.value, same.lower, same.upper))
    assert found.design_effect == pytest.approx(same.design_effect, rel=1e-3)


def test_of_few_clusters_and_of_a_side_whose_rows_are_all_alike_intervals_are_of_independent_rows() -> None:
    rng = np.random.default_rng(6)
    group, chosen, ones = np.arange(600) % 2 == 0, rng.random(600) < 0.5, np.ones(600)
    for rows, clusters in ((chosen, 29), (chosen & group, 40), (chosen | group, 40)):
        sides = _clustered(rows, group, np.arange(600) % clusters, ones)
        for measure in (parity_difference.estimate, disparate_impact.estimate):
            tallies = _tallies(rows, group)
            assert measure(*tallies, by_cluster=sides) == measure(*tallies)


def test_rows_that_are_all_alike_but_for_the_rounding_of_their_weights_are_so_by_cluster_too() -> None:
    rng = np.random.default_rng(1)
    ratio = Estimate(1.1, 0.9, 1.3, 300)
    for _ in range(200):
        group, keys, weights = rng.random(300) < 0.3, np.arange(300) % 40, 1 / rng.choice([0.05, 0.1, 0.3, 0.7], 300)
        chosen = rng.random(300) < 0.4
        for rows in (chosen & group, chosen | group, chosen & ~group, chosen | ~group):
            sides = _clustered(rows, group, keys, weights)
            assert sides.difference(ratio) == sides.ratio(ratio) == ratio


def test_intervals_of_predictions_hold_where_the_rows_of_a_cluster_go_together() -> None:
    rng = np.random.default_rng(8)
    keys, group = np.repeat(np.arange(60), 40), np.arange(2_400) % 3 == 0
    held = {"robust": np.zeros(2), "plain": np.zeros(2)}
    for _ in range(300):
        off = rng.normal(0.0, 0.12, (2, 60))
        chosen = rng.random(keys.size) < np.clip(np.where(group, 0.3 + off[0][keys], 0.4 + off[1][keys]), 0.0, 1.0)
        tallies = _tallies(chosen, group)
        for name, sides in (("robust", _clustered(chosen, group, keys, np.ones(keys.size))), ("plain", None)):
            parity, impact = (m.estimate(*tallies, by_cluster=sides) for m in (parity_difference, disparate_impact))
            held[name] += parity.lower <= -0.1 <= parity.upper, impact.lower <= 0.75 <= impact.upper
    assert (held["robust"] / 300 > 0.92).all()
    assert (held["plain"] / 300 < 0.9).all()


def _labelled(rows: int = 900, days: int = 1, weighted: bool = False) -> tuple[pa.Table, np.ndarray]:
    rng = np.random.default_rng(3)
    groups, happened = rng.choice(["f", "m"], rows), rng.random(rows) < 0.4
    said = np.where(rng.random(rows) < np.where(groups == "f", 0.6, 0.8), happened, ~happened)
    names = [np.where(side, "hired", "no").tolist() for side in (said, happened)]
    table = joined(*names, days=days, weights=rng.choice([1.0, 4.0], rows) if weighted else None)
    return table.append_column("feature.sex", pa.array(groups.tolist())), groups


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gap_of_opportunity_is_that_of_scikit_learns_recalls(weighted) -> None:
    table, groups = _labelled(weighted=weighted)
    task = Task("binary", "hired")
    found = dict(measure_opportunity(table, task, ["sex=f", "sex=m"]))
    frame = table.to_pandas().fillna({"weight": 1.0})
    share, other = (
        recall_score(rows["label"], rows["prediction"], pos_label="hired", sample_weight=rows["weight"])
        for rows in (frame[groups == "f"], frame[groups == "m"])
    )
    assert found["sex=f"].value == pytest.approx(share - other, rel=1e-9)
    assert found["sex=m"].value == pytest.approx(other - share, rel=1e-9)
    assert (found["sex=m"].lower, found["sex=m"].upper) == pytest.approx((-found["sex=f"].upper, -found["sex=f"].lower))
    assert found["sex=f"].upper < 0


def test_the_corrected_gap_is_that_of_all_labels_in_the_mean_where_those_of_a_group_come_late() -> None:
    """Positives that are found are predicted late in the window, so fewer of their labels are there."""
    rng = np.random.default_rng(7)
    ts_us, group = np.linspace(0, 100 * SECOND_US, 4_000).astype(np.int64), np.arange(4_000) % 2 == 0
    found = rng.random(4_000) < np.where(group, 0.2 + 0.6 * ts_us / ts_us.max(), 0.5)
    curves = {"": DelayCurve((0.0, 150.0), (0.0, 1.0)), "sex=f": DelayCurve((0.0, 200.0), (0.0, 1.0))}
    arrivals = {name: Arrival({"": curve}, now_us=150 * SECOND_US) for name, curve in curves.items()}
    truth, plain, corrected = found[group].mean() - found[~group].mean(), [], []
    for _ in range(40):
        chance = np.where(group, *(arrivals[name].chances(ts_us, None) for name in ("sex=f", "")))
        there = rng.random(4_000) < chance
        names = np.where(found, "hired", "no")[there].tolist()
        table = (
            joined(names, ["hired"] * len(names)).drop_columns(["ts_us"]).append_column("ts_us", pa.array(ts_us[there]))
        )
        table = table.append_column("feature.sex", pa.array(np.where(group, "f", "m")[there].tolist()))
        task, end_us = Task("binary", "hired"), int(ts_us.max())
        plain.append(dict(measure_opportunity(table, task, ["sex=f"]))["sex=f"].value)
        corrected.append(dict(measure_corrected_opportunity(table, task, arrivals, end_us))["sex=f"].value)
    assert np.mean(corrected) == pytest.approx(truth, abs=0.008)
    assert abs(np.mean(plain) - truth) > 0.03


def test_where_labels_have_hardly_begun_to_come_no_corrected_gap_is_told() -> None:
    table, _ = _labelled()
    soon, late = (Arrival({"": DelayCurve((0.0, s), (0.0, 1.0))}, now_us=SECOND_US) for s in (1.0, 100.0))
    found = measure_corrected_opportunity(table, Task("binary", "hired"), {"": soon, "sex=f": late}, 0)
    assert [(one.value, one.status) for _, one in found] == [(None, Status.INSUFFICIENT)]


def test_labels_that_miss_on_either_side_and_groups_without_a_positive_are_left_out() -> None:
    table = joined(["hired", None, "no", "hired"], ["hired", "hired", None, "no"])
    table = table.append_column("feature.sex", pa.array(["f", "f", "m", "m"]))
    found = dict(measure_opportunity(table, Task("binary", "hired"), ["sex=f", "sex=m"]))
    assert {one.status for one in found.values()} == {Status.INSUFFICIENT}


def test_a_group_all_of_whose_positives_are_found_is_not_sure_of_it_whatever_the_clusters() -> None:
    days, group = np.arange(400) % 40, np.arange(400) < 20
    found = opportunity_gap.estimate(group | (np.arange(400) % 2 == 0), group, keys=days)
    assert found.value == pytest.approx(0.5)
    assert found.lower < 0.4  # 20 rows


def test_the_interval_of_a_gap_holds_where_the_rows_of_a_day_go_together() -> None:
    rng = np.random.default_rng(4)
    days, group = np.repeat(np.arange(60), 40), np.arange(2_400) % 3 == 0
    held = independent = 0
    for _ in range(300):
        off = rng.normal(0.0, 0.15, (2, 60))
        chance = np.clip(np.where(group, 0.5 + off[0][days], 0.6 + off[1][days]), 0.0, 1.0)
        found = rng.random(days.size) < chance
        robust, plain = (opportunity_gap.estimate(found, group, keys=keys) for keys in (days, None))
        assert robust.basis == "cluster"
        held += robust.lower <= -0.1 <= robust.upper
        independent += plain.lower <= -0.1 <= plain.upper
    assert held / 300 > 0.92
    assert independent / 300 < 0.9
