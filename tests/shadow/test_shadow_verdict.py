"""The verdict on comparisons made by hand."""

from dataclasses import replace

import pytest

from shadow.comparison import Comparison, Latencies, Quantiles
from shadow.deltas import Delta
from shadow.spec import Bars
from shadow.verdict import Decision, decide

FAST = Latencies(Quantiles(5.0, 10.0, 20.0), Quantiles(0.1, 0.2, 0.3))


def found(*metrics: Delta, **changes: object) -> Comparison:
    base = Comparison(
        rows=10_000, unscored=0, agreement=0.9, kappa=0.8, classes=("late", "on_time"), churn=((5_000, 500), (500, 4_000)),
        mcnemar=None, metrics=metrics, latency_ms=FAST, labels=8_000, label_coverage=0.8, label_days=60,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def delta(metric: str, lower: float, upper: float) -> Delta:
    middle = (lower + upper) / 2
    return Delta(metric, 0.8, 0.8 + middle, middle, lower, upper, 8_000, "cluster")


@pytest.mark.parametrize(
    ("lower", "upper", "decision"),
    [
        (0.01, 0.03, Decision.PROMOTE),  # better
        (-0.03, -0.015, Decision.REJECT),  # worse
        (-0.03, 0.01, Decision.HOLD),  # not settled
        (-0.005, 0.005, Decision.HOLD),  # no worse, nothing gained
        (-0.03, -0.001, Decision.REJECT),  # worse, perhaps by a little only
        (-0.004, -0.001, Decision.HOLD),  # worse by less than matters, nothing gained
    ],
)
def test_the_deciding_metric(lower: float, upper: float, decision: Decision) -> None:
    verdict = decide(found(delta("accuracy", lower, upper)), Bars())
    assert verdict.decision is decision
    assert verdict.reasons[0].startswith("Accuracy ")


def test_no_worse_with_something_gained_is_promoted() -> None:
    verdict = decide(found(delta("accuracy", -0.005, 0.005), delta("roc_auc", 0.01, 0.02)), Bars())
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reasons[1] == (
        "ROC AUC rises from 0.8 to 0.815, by +0.015 (95% interval +0.01 to +0.02), on 8,000 labelled rows of 60 days."
    )


def test_of_a_loss_less_is_better() -> None:
    assert decide(found(delta("log_loss", -0.03, -0.01)), Bars(metric="log_loss")).decision is Decision.PROMOTE
    assert decide(found(delta("log_loss", 0.02, 0.03)), Bars(metric="log_loss")).decision is Decision.REJECT
    numbers = found(delta("mae", -0.03, -0.01), classes=(), agreement=None, kappa=None)
    assert decide(numbers, Bars()).decision is Decision.PROMOTE


def test_clearly_worse_in_another_summary_is_for_people_to_weigh() -> None:
    verdict = decide(found(delta("accuracy", 0.01, 0.03), delta("roc_auc", -0.05, -0.03)), Bars())
    assert verdict.decision is Decision.HOLD
    assert "ROC AUC falls" in verdict.reasons[1]
    traded = decide(found(delta("accuracy", 0.01, 0.03), delta("recall", -0.05, -0.03)), Bars())
    assert traded.decision is Decision.PROMOTE


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (("recall", -0.05, -0.03), "At a price: recall falls from 0.8 to 0.76, by -0.04 (95% interval -0.05 to -0.03)"),
        (("f1", -0.008, -0.002), "At a price: F1 falls from 0.8 to 0.795, by -0.005 (95% interval -0.008 to -0.002)"),
        (("log_loss", 0.002, 0.008), "At a price: log loss rises from 0.8 to 0.805, by +0.005"),
    ],
)
def test_a_promotion_says_what_is_lost(lost: tuple[str, float, float], said: str) -> None:
    even = delta("precision", -0.01, 0.02)
    verdict = decide(found(delta("accuracy", 0.01, 0.03), even, delta(*lost)), Bars())
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reasons[1].startswith(said)
    assert len(verdict.reasons) == 2


@pytest.mark.parametrize(
    ("changes", "bars", "reason"),
    [
        ({"rows": 999}, Bars(), "Only 999 rows were replayed; 1,000 are needed."),
        ({"labels": 10}, Bars(), "Only 10 of them have a label; 500 are needed."),
        ({"label_days": 3}, Bars(), "Only 3 days have labels; 30 are needed."),
        ({}, Bars(max_churn=0.05), "10.0% of the predictions change; at most 5.0% may."),
        (
            {"latency_ms": Latencies(FAST.candidate, FAST.champion)},
            Bars(),
            "Its P90 latency is 50 times the champion's; at most 2 may be.",
        ),
        ({}, Bars(metric="roc_auc"), "These rows give no ROC AUC with an interval, which was to decide."),
    ],
)
def test_a_bar_that_is_not_passed_holds(changes: dict[str, object], bars: Bars, reason: str) -> None:
    verdict = decide(found(delta("accuracy", 0.01, 0.03), **changes), bars)
    assert verdict.decision is Decision.HOLD
    assert reason in verdict.reasons


def test_a_broken_candidate_is_rejected_whatever_else() -> None:
    verdict = decide(found(delta("accuracy", 0.01, 0.03), unscored=7, labels=0), Bars(), ["out of bounds."])
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons == (
        "The candidate gave no prediction for 7 of 10,000 rows.",
        "It failed with: out of bounds.",
    )


def test_few_days_are_said_where_they_are_allowed() -> None:
    accurate = replace(delta("accuracy", 0.01, 0.03), basis="iid")
    verdict = decide(found(accurate, label_days=10), Bars(min_days=5))
    assert verdict.decision is Decision.PROMOTE
    assert verdict.reasons[1] == "The interval assumes independent rows: fewer than 30 days have labels."
