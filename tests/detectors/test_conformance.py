"""One suite for all detectors of windows: what each of them owes, whatever the rows look like.

Rows take the way that they take in production: into profiles (`profile_rows`), and from these to measurements. A case is a shape of
rows (`testing.shapes`), with all metrics that it has; each is looked at on both sides, and on either side beside ordinary rows.
"""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import metrics
from detectors.performance import WEIGHTED
from detectors.univariate import DISTANCES
from detectors.without_labels.estimator import OfTwo
from kernel.measurement import SERVICE_LEVELS, Measurement, Status
from testing import shapes
from testing.conformance import SCORE, SUBJECTS, Found, Look, X, looks, numbers_of
from testing.labelled_rows import joined

pytestmark = pytest.mark.filterwarnings("error")
few = settings(max_examples=40, deadline=None, derandomize=True)

ROUNDING = 1e-9  # relative, of sums in another order
ROOT_OF_ROUNDING = 1e-7  # a distance that is a root is so far from 0 where its square is a rounding error
OF_TAILS = 1e-6  # relative, of a probability whose statistic was rounded

VALUES = ("value", "expected", "lower", "upper")
PROBABILITIES = ("p_value", "p_change", "alpha")
SHARES = (
    *metrics.QUALITY,
    *metrics.CONFIDENCE,
    *metrics.DUPLICATES,
    "error_rate",
    "label_coverage",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "pr_auc",
    *WEIGHTED,
    "calibration_error",
    "conformal_threshold",
    "conformal_coverage",
    "brier_reliability",
    "brier_uncertainty",
    *metrics.OF_RANKINGS,
    *(f"estimated_{metric}" for metric in OfTwo.metrics),
)
RANGES = (
    dict.fromkeys(metrics.METRICS, (0.0, math.inf))
    | dict.fromkeys(("js_distance", "hellinger", "tvd", "linf", "ks", *SHARES), (0.0, 1.0))
    | {"bias": (-math.inf, math.inf), "r2": (-math.inf, 1.0), "brier_resolution": (-1.0, 1.0)}
    | dict.fromkeys((*metrics.OF_WORTH, "estimated_value_per_row"), (-math.inf, math.inf))
)


CASES = [(name, shape.name) for name, subject in SUBJECTS.items() for shape in subject.shapes]
PROFILED = [case for case in CASES if not case[0].endswith("labels")]
every_case = pytest.mark.parametrize(("subject", "shape"), CASES)
every_profiled_case = pytest.mark.parametrize(("subject", "shape"), PROFILED)


def assert_sound(found: Measurement) -> None:
    """No number that is none, and each within its range and on its side of the others."""
    numbers = numbers_of(found)
    assert all(number is None or math.isfinite(number) for number in numbers.values()), found
    least, most = RANGES[found.metric]
    assert all(least <= numbers[name] <= most for name in VALUES if numbers[name] is not None), found
    assert all(0 <= numbers[name] <= 1 for name in PROBABILITIES if numbers[name] is not None), found
    value, lower, upper = found.value, found.lower, found.upper
    assert value is not None or (lower is None and upper is None), found
    assert lower is None or lower <= value, found
    assert upper is None or value <= upper, found


def assert_same(found: Measurement, other: Measurement) -> None:
    """Equal but for what rounding does to sums in another order."""
    assert (found.status, found.basis) == (other.status, other.basis), (found, other)
    numbers, others = numbers_of(found), numbers_of(other)
    largest = max((abs(numbers[name]) for name in VALUES if numbers[name] is not None), default=0.0)
    within = max(ROUNDING * largest, ROOT_OF_ROUNDING if found.metric in metrics.SHIFT else 0.0)
    for name, number in numbers.items():
        if number is None or others[name] is None:
            assert number == others[name], (name, found, other)
        elif name in PROBABILITIES:
            assert number == pytest.approx(others[name], rel=OF_TAILS, abs=0.0), (name, found, other)
        else:
            assert number == pytest.approx(others[name], rel=ROUNDING, abs=within), (name, found, other)


def assert_all_same(found: Found, other: Found) -> None:
    assert found.keys() == other.keys()
    for metric, measured in found.items():
        assert_same(measured, other[metric])


def test_every_metric_is_in_a_case() -> None:
    """Service levels and GPUs are measured of counts (test_burn_rate.py, test_gpu_windows.py), many columns of samples
    (test_together.py), a confusion matrix has a measurement a cell (test_confusion_cells.py) and a reliability diagram one a bin
    (test_calibration_checks.py), the error of an estimate is of both sides' measurements (test_estimators.py), fairness is of two
    parts of a window (test_fairness.py), and late labels are of moments (test_label_delay.py).
    """
    elsewhere = {*SERVICE_LEVELS, *metrics.GPU, *metrics.TOGETHER, metrics.CONFUSION, metrics.ESTIMATE_ERROR}
    elsewhere |= {*metrics.FAIRNESS, *metrics.CORRECTED, *metrics.ARRIVAL, metrics.RELIABILITY}
    assert (
        {metric for subject in SUBJECTS.values() for metric in subject.metrics}
        == set(metrics.METRICS) - elsewhere
        >= set(DISTANCES)
    )


@every_case
def test_a_subject_has_its_metrics_whatever_the_shape(subject, shape) -> None:
    of = SUBJECTS[subject]
    for look in looks(subject, shape):
        assert set(look.found) == set(of.metrics)


@every_case
def test_numbers_are_numbers_within_their_ranges_or_the_metric_is_insufficient(subject, shape) -> None:
    """Only wasserstein may have no value and a status: a constant reference gives it no unit, and psi decides for it."""
    for look in looks(subject, shape):
        for metric, found in look.found.items():
            assert_sound(found)
            assert found.value is not None or found.status is Status.INSUFFICIENT or metric == "wasserstein"


@every_case
def test_the_same_rows_have_the_same_answer_always_and_are_not_touched(subject, shape) -> None:
    for look in looks(subject, shape):
        again, untouched = look.again
        assert again == look.found
        assert untouched


@every_profiled_case
def test_profiles_of_parts_merged_are_measured_as_one(subject, shape) -> None:
    for look in looks(subject, shape):
        assert_all_same(look.in_parts, look.found)


@every_case
def test_the_order_of_rows_does_not_matter(subject, shape) -> None:
    for look in looks(subject, shape):
        assert_all_same(look.shuffled, look.found)


@every_profiled_case
def test_a_stored_profile_is_measured_like_a_new_one(subject, shape) -> None:
    """What rests on sums to float32, all else to the last bit; sums that float32 has not leave no distance."""
    of_sums = {"wasserstein", *metrics.HEALTH, *metrics.CONFIDENCE, *metrics.ESTIMATED}
    for look in looks(subject, shape):
        for metric, fresh in look.found.items():
            stored = look.stored[metric]
            assert_sound(stored)
            if metric in of_sums:
                assert stored.value is None or stored.value == pytest.approx(fresh.value, rel=1e-5, abs=1e-5), stored
                assert (stored.status, stored.p_value, stored.rows) == (fresh.status, fresh.p_value, fresh.rows), stored
            else:
                assert stored == fresh


ON_VALUES = (*metrics.SHIFT, "unseen_share", "oov_share", "out_of_range_share")
EMPTY = [
    case for case in CASES if case[1] in ("empty", "all missing", "not a number", "infinities alone", "texts alone")
]


@pytest.mark.parametrize(("subject", "shape"), EMPTY)
def test_where_a_side_has_nothing_there_is_nothing_to_say(subject, shape) -> None:
    for look in looks(subject, shape):
        for metric, found in look.found.items():
            if metric in ON_VALUES or (shape == "empty" and metric in metrics.QUALITY):
                assert found.status is Status.INSUFFICIENT, found
                numbers = numbers_of(found)
                assert {numbers[name] for name in ("value", "expected", "p_value", "p_change")} == {None}, found
            if metric in ("rows", "throughput"):
                assert (found.status, found.value is None) == (Status.OK, False), found


def test_a_window_without_a_row_has_no_rate_and_one_without_a_reference_only_that() -> None:
    both, window, reference = looks("service", "empty")
    statuses = [look.found["error_rate"].status for look in (both, window, reference)]
    assert statuses == [Status.INSUFFICIENT, Status.INSUFFICIENT, Status.PROVISIONAL]
    assert window.found["latency_p99"].status is Status.INSUFFICIENT
    assert reference.found["latency_p99"].status is Status.OK


@every_profiled_case
def test_rows_beside_themselves_have_not_moved(subject, shape) -> None:
    now = looks(subject, shape)[0].now
    for metric, found in SUBJECTS[subject].measured(now, now).items():
        assert found.status in (Status.OK, Status.INSUFFICIENT), found
        if metric in ON_VALUES:
            assert found.value is None or found.value == pytest.approx(0.0, abs=ROOT_OF_ROUNDING), found
        elif metric in metrics.QUALITY or metric == "error_rate":
            assert found.value == found.expected, found
        if metric not in ("unseen_share", "oov_share"):  # which expect of new rows what they would bring of new ones
            assert found.p_change is None or found.p_change == pytest.approx(1.0), found


@pytest.mark.parametrize("shape", [s.name for s in shapes.labelled_classes(["late", "ok"])])
@pytest.mark.parametrize("subject", ["binary labels", "class labels"])
def test_classes_that_are_what_happened_are_without_error(subject, shape) -> None:
    now = looks(subject, shape)[0].now
    truth = now.filter(now["label"].is_valid())
    found = SUBJECTS[subject].measured(truth, as_it_happened(truth))
    perfect = {name: found[name].value for name in ("accuracy", "precision", "recall", "f1", "label_coverage")}
    assert {value for value in perfect.values() if value is not None} == {1.0}
    for name in ("log_loss", "brier", "calibration_error"):
        assert found[name].value == pytest.approx(0.0, abs=1e-9)
    if subject == "binary labels":
        assert found["roc_auc"].value in (None, 1.0)


def as_it_happened(table: pa.Table) -> pa.Table:
    """With the labels predicted, in full certainty."""
    names = sorted({name for row in table["scores"].to_pylist() for name, _ in row})
    labels = table["label"].to_pylist()
    scores = [{name: float(name == label) for name in names} for label in labels]
    return joined(labels, labels, scores, weights=table["weight"].fill_null(1.0).to_numpy())


@pytest.mark.parametrize("shape", [s.name for s in shapes.labelled_numbers()])
def test_numbers_that_are_what_happened_are_without_error(shape) -> None:
    labels = looks("number labels", shape)[0].now["label_value"].to_pylist()
    found = SUBJECTS["number labels"].measured(joined(labels, labels), joined(labels, labels))
    assert [found[name].value for name in ("label_coverage", "mae", "rmse", "mape", "bias")] == [
        1.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ]
    assert found["r2"].value in (None, 1.0)  # constant labels, or such that have no spread in float64, have none


any_number = st.one_of(st.none(), st.floats())  # NaN, the infinities, the denormal and the largest among them
some_classes = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]), st.text(max_size=3))
ANY = {
    "number": (any_number, pa.float64()),
    "class": (some_classes, pa.string()),
    "boolean": (st.one_of(st.none(), st.booleans()), pa.bool_()),
    "boolean beside texts": (st.one_of(st.none(), st.sampled_from(["true", "false", "0", "1", "n/a"])), pa.string()),
    "number beside texts": (st.one_of(st.none(), st.text(max_size=3), st.floats().map(str)), pa.string()),
    "score": (any_number, pa.float64()),
}


@pytest.mark.parametrize("subject", ANY)
@few
@given(st.data())
def test_any_rows_at_all_are_measured_soundly_and_alike_however_they_were_split(subject, data) -> None:
    values, type_ = ANY[subject]
    name = SCORE if subject == "score" else X
    sides = []
    for _ in range(2):
        rows = data.draw(st.lists(values, max_size=40))
        table = pa.table({name: pa.array(rows, type_)})
        if data.draw(st.booleans()):
            weights = data.draw(
                st.lists(st.sampled_from([1e-9, 0.1, 1.0, 1e9]), min_size=len(rows), max_size=len(rows))
            )
            table = table.append_column("weight", pa.array(weights, pa.float64()))
        sides.append(table)
    look = Look(SUBJECTS[subject], *sides)
    for metric, found in look.found.items():
        assert_sound(found)
        if metric != "wasserstein":  # in it the rounding of a share counts by how far off an outlier is
            assert_same(look.in_parts[metric], found)
            assert_same(look.shuffled[metric], found)


@few
@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2, st.sampled_from([1e-9, 1.0, 1e9]))))
def test_any_numbers_at_all_beside_their_labels_are_measured_soundly(rows) -> None:
    predicted, actual, weights = ([row[side] for row in rows] for side in range(3))
    table = joined(predicted, actual, days=40, weights=np.array(weights, np.float64))
    for found in SUBJECTS["number labels"].measured(table, table).values():
        assert_sound(found)
