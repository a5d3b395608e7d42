"""Stage 1: which series the changed decisions belong to, rule by rule."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerting.fold import Window
from alerting.rules import Rule
from store.decision_feed import Decision


@dataclass(frozen=True, slots=True)
class Series:
    """What one alert can be about: a rule on one metric (or on the drift metrics together) of one column.

    Attributes:
        metric: the first of `metrics`.
        metrics: those whose decisions are evidence of one and the same alert.
    """

    rule: str
    model: str
    version: str
    segment: str
    size: str
    metric: str
    column: str
    metrics: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Its identity, the same in every process."""
        parts = (self.rule, self.model, self.version, self.segment, self.size, self.metric, self.column)
        return json.dumps(parts, ensure_ascii=False)


def match(rules: Sequence[Rule], decisions: Iterable[Decision]) -> dict[Series, list[Decision]]:
    """The decisions of each series that a rule watches, in the order given."""
    matched: dict[Series, list[Decision]] = {}
    for decision in decisions:
        for rule in rules:
            if rule.concerns(decision):
                matched.setdefault(_series(rule, decision), []).append(decision)
    return matched


def _series(rule: Rule, decision: Decision) -> Series:
    family = rule.family(decision.metric)
    return Series(
        rule=rule.name,
        model=decision.model,
        version=decision.version,
        segment=decision.segment,
        size=decision.size,
        metric=family[0],
        column=decision.column,
        metrics=family,
    )


def windows(rule: Rule, decisions: Iterable[Decision]) -> list[Window]:
    """A series' windows as its rule sees them, ascending: abnormal where any metric is; those that say nothing left out."""
    by_start: dict[int, list[tuple[Decision, bool]]] = {}
    for decision in decisions:
        verdict = rule.when(decision)
        if verdict is not None:
            by_start.setdefault(decision.window_start_us, []).append((decision, verdict))
    return [_window(start_us, by_start[start_us]) for start_us in sorted(by_start)]


def _window(start_us: int, judged: list[tuple[Decision, bool]]) -> Window:
    evidence = tuple(decision for decision, _ in judged)
    return Window(start_us, evidence[0].window_end_us, any(verdict for _, verdict in judged), evidence)
