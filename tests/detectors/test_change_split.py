"""A change of a metric split into covariate and concept shift: what is known of simulated rows lies in the intervals."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import integrate, special, stats
from sklearn.linear_model import LogisticRegression

from detectors.change_split import Rows, Split, split
from detectors.multivariate.classifier_columns import expand
from detectors.pair import FloatArray


@dataclass(frozen=True)
class Drawn:
    """Rows with a normal feature, right with a chance that falls with it; later ones moved along it, or right less often.

    Attributes:
        moved: deviations by which the feature's mean lies higher later.
        harder: by how much the log-odds of being right are lower later.
    """

    moved: float = 0.0
    harder: float = 0.0
    earlier: int = 1500
    later: int = 1500

    def right(self, x: FloatArray, *, later: bool) -> FloatArray:
        return np.asarray(special.expit(1 - x - self.harder * later))

    def rows(self, seed: int) -> tuple[Rows, FloatArray]:
        rng = np.random.default_rng((seed, 5))
        is_after = np.arange(self.earlier + self.later) >= self.earlier
        x = rng.normal(self.moved * is_after, 1.0)
        chance = np.where(is_after, self.right(x, later=True), self.right(x, later=False))
        values = (rng.random(x.size) < chance).astype(float)
        features = expand(np.column_stack([x, rng.normal(size=x.size)]))
        return Rows(values, np.ones(x.size), np.zeros(x.size), is_after), features

    def truth(self) -> tuple[float, float, float]:
        """Covariate part, concept part and overlap, by the densities themselves."""

        def mean(weight: object, *, later: bool) -> float:
            over = lambda f: integrate.quad(f, -8, 8 + self.moved)[0]  # noqa: E731
            whole = over(lambda x: weight(x) * self.right(x, later=later))  # type: ignore[operator]
            return float(whole / over(weight))

        p, q = stats.norm(0).pdf, stats.norm(self.moved).pdf
        common = lambda x: p(x) * q(x) / (p(x) + q(x))  # noqa: E731
        concept = mean(common, later=True) - mean(common, later=False)
        total = mean(q, later=True) - mean(p, later=False)
        return total - concept, concept, 2 * integrate.quad(common, -8, 8 + self.moved)[0]


CASES = {
    "nothing": Drawn(),
    "other rows": Drawn(moved=0.8),
    "other outcomes": Drawn(harder=0.8),
    "both": Drawn(moved=0.8, harder=0.8),
    "few later rows": Drawn(moved=0.5, harder=0.5, later=400),
}


@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_what_is_known_of_the_parts(case: str) -> None:
    drawn, runs = CASES[case], 60
    covariate, concept, overlap = drawn.truth()
    found = [split(*drawn.rows(seed)) for seed in range(runs)]
    for part, truth in (("covariate", covariate), ("concept", concept)):
        estimates = [getattr(one, part) for one in found]
        assert sum(e.lower <= truth <= e.upper for e in estimates) >= 0.87 * runs
        widths = np.mean([e.upper - e.lower for e in estimates]) / (2 * 1.96)
        assert widths == pytest.approx(np.std([e.value for e in estimates]), rel=0.35)
    assert np.mean([one.overlap for one in found]) == pytest.approx(overlap, abs=0.02)


def test_the_parts_add_up() -> None:
    rows, features = CASES["both"].rows(1)
    weighted = Rows(
        rows.values, np.random.default_rng(1).uniform(0.5, 3, rows.values.size), rows.clusters, rows.is_after
    )
    for one in (rows, weighted):
        found = split(one, features)
        means = [np.average(one.values[side], weights=one.weights[side]) for side in (~one.is_after, one.is_after)]
        assert found.total.value == pytest.approx(means[1] - means[0], abs=1e-12)
        assert found.covariate.value + found.concept.value == pytest.approx(found.total.value, abs=1e-12)  # type: ignore[operator]


def test_rows_are_weighed_as_scikit_learn_has_their_chances() -> None:
    rows, features = CASES["both"].rows(2)
    sure = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(features, rows.is_after)
    chance = sure.predict_proba(features)[:, 1]
    means = [
        np.average(rows.values[side], weights=weight[side])
        for side, weight in ((~rows.is_after, chance), (rows.is_after, 1 - chance))
    ]
    assert split(rows, features).concept.value == pytest.approx(means[1] - means[0], abs=1e-4)


def test_a_row_that_weighs_two_is_two_rows() -> None:
    rows, features = CASES["both"].rows(3)
    twice = np.arange(rows.values.size) % 3 == 0
    weighed = split(Rows(rows.values, 1.0 + twice, rows.clusters, rows.is_after), features)
    again = np.concatenate([np.arange(twice.size), np.flatnonzero(twice)])
    repeated = split(
        Rows(rows.values[again], np.ones(again.size), rows.clusters[again], rows.is_after[again]), features[again]
    )
    assert weighed.concept.value == pytest.approx(repeated.concept.value, abs=2e-4)  # type: ignore[arg-type]
    assert weighed.overlap == pytest.approx(repeated.overlap, abs=1e-3)


def test_errors_of_a_day_that_go_together_widen_the_interval_and_from_thirty_days_on_it_says_so() -> None:
    rng = np.random.default_rng(4)
    days, of_a_day = 80, 50
    day = np.repeat(np.arange(days), of_a_day)
    is_after = day >= days // 2
    chance = np.clip(0.7 + rng.normal(0, 0.15, days), 0, 1)[day]
    values = (rng.random(day.size) < chance).astype(float)
    features = expand(rng.normal(size=(day.size, 2)))

    def found(keys: FloatArray) -> Split:
        return split(Rows(values, np.ones(day.size), keys, is_after), features)

    clustered, independent = found(day), found(day * 0)
    assert (clustered.concept.basis, independent.concept.basis) == ("cluster", "iid")
    assert _width(clustered) > 1.8 * _width(independent)
    one_sided = np.where(is_after, day, -1)  # the earlier time is one cluster
    assert found(one_sided).concept.basis == "iid"


def test_times_with_nothing_in_common_have_no_parts() -> None:
    rows, features = Drawn(moved=12.0).rows(5)
    found = split(rows, features)
    assert found.overlap < 0.05
    assert (found.covariate.value, found.concept.value) == (None, None)
    assert found.total.value is not None


def test_without_features_all_is_concept() -> None:
    rows, _ = CASES["both"].rows(6)
    found = split(rows, np.zeros((rows.values.size, 0)))
    assert found.overlap == pytest.approx(1.0)
    assert found.covariate.value == pytest.approx(0.0, abs=1e-9)
    assert found.concept.value == pytest.approx(found.total.value)  # type: ignore[arg-type]


def _width(found: Split) -> float:
    assert found.concept.upper is not None
    assert found.concept.lower is not None
    return found.concept.upper - found.concept.lower
