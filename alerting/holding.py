"""Stage 3: an alert that fires while a wider one of the same cause does is held: it joins that one's incident and tells nobody.

Pure. One lasting cause moves a column in every version, segment and window length. The alert of all rows speaks for its segments;
that of one version for the others, where a feature moved, since versions share the traffic, or where they fire in the same window;
one window length for the others, where their abnormal windows overlap; one of two scores for the other, its complement. A cover
speaks for what is no worse than itself, and only while it is decided; when in doubt, people are told. Who covers whom goes by event
time, so that any batching in window order holds the same alerts, as far as they are as bad and their windows as long.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alerting.gathering import in_incident
from alerting.revising import Change
from alerting.rules import P1, Rule
from kernel.column_names import profile_name
from kernel.column_spec import FEATURE, SCORE
from kernel.windows import WindowSize
from store.alert_groups import below
from store.alert_rows import ACKNOWLEDGED, FIRING, Alert

_COVERING = ("", "calm")  # what a person ended, late data took back or went with its model speaks for nothing
_NO_WORSE = 2.0  # times as far from what was expected as the cover
_Cause = tuple[str, str, str, str]


class Holder:
    """Places the alerts of one model that fire in one pass.

    Args:
        workspace: whose.
        rules: in force.
        two_scores: whether the model has two scores, of which either says what the other does.
    """

    def __init__(self, workspace: str, rules: Iterable[Rule], *, two_scores: bool = False) -> None:
        self._workspace = workspace
        self._rules = {rule.name: rule for rule in rules}
        self._two_scores = two_scores

    def place(self, changes: Sequence[Change], known: Iterable[Alert]) -> list[Change]:
        """The changes, what fires in an incident: a wider alert's, which it is then under, or one of its own.

        Args:
            changes: of one pass.
            known: the model's alerts before it, those open and those that had seen the earliest changed window.
        """
        known = list(known)
        changes = _released(changes, known)
        firing = sorted(((c, c.fired) for c in changes if c.fired), key=lambda pair: _order(pair[1]))
        others = [c for c in changes if not c.fired]
        changed = {c.before.alert for c in changes if c.before}
        covers: dict[_Cause, list[Alert]] = {}
        for alert in (*(a for a in known if a.alert not in changed), *(c.after for c in others if c.after)):
            covers.setdefault(self._cause(alert), []).append(alert)
        placed = []
        for change, alert in firing:
            after = self._placed(alert, covers)
            placed.append(replace(change, after=after))
            covers.setdefault(self._cause(after), []).append(after)
        return [*others, *placed]

    def _cause(self, alert: Alert, segment: str | None = None) -> _Cause:
        column = SCORE if self._two_scores and alert.column.startswith(SCORE) else alert.column
        return alert.rule, alert.metric, column, alert.segment if segment is None else segment

    def _placed(self, alert: Alert, covers: Mapping[_Cause, Sequence[Alert]]) -> Alert:
        wider = dict.fromkeys((self._cause(alert, ""), self._cause(alert)))
        found = [a for cause in wider for a in covers.get(cause, ()) if self._covers(a, alert)]
        cover = min(found, key=lambda a: (a.details.under != "", _order(a)), default=None)  # a head, if one still fires
        if cover is None or alert.incident not in ("", cover.incident):
            return in_incident(self._workspace, _under(alert, ""))
        joined = replace(_under(alert, cover.alert), incident=cover.incident)
        if cover.state == ACKNOWLEDGED and alert.state == FIRING:  # whoever took the cause on took this on
            by, details = cover.acknowledged_by, replace(joined.details, acknowledged_value=alert.value)
            at_us = alert.fired_us
            joined = replace(joined, state=ACKNOWLEDGED, acknowledged_us=at_us, acknowledged_by=by, details=details)
        return joined

    def _covers(self, wide: Alert, alert: Alert) -> bool:
        """Whether one speaks for the other; that the segment and the column are as wide is the caller's business."""
        rule = self._rules.get(wide.rule)
        if rule is None or not rule.group or not rule.concerns(wide) or _tier(wide) != _tier(alert):
            return False
        return (
            _is_no_worse(wide, alert) and _shared(wide, alert) and _fires(wide, alert, rule) and _overlaps(wide, alert)
        )


def _under(alert: Alert, cover: str) -> Alert:
    return replace(alert, details=replace(alert.details, under=cover))


def _order(alert: Alert) -> tuple[int, bool, int, str, str]:
    """By when it fired; within that the widest, the shortest windows first."""
    windows_a_quarter = WindowSize(alert.size).per_quarter()
    return _fired_end_us(alert), alert.segment != "", -round(windows_a_quarter), alert.column, alert.fingerprint


def _fired_end_us(alert: Alert) -> int:
    return WindowSize(alert.size).end(alert.details.fired_window_us or 0)


def _tier(alert: Alert) -> str:
    """That of its rule: only what was P1 escalates."""
    return P1 if alert.escalated_us is not None else alert.tier


def _is_no_worse(wide: Alert, alert: Alert) -> bool:
    taken = wide.details.acknowledged_value
    if wide.state == ACKNOWLEDGED and taken is not None and alert.distance > replace(wide, value=taken).distance:
        return False
    return alert.distance <= _NO_WORSE * wide.distance


def _shared(wide: Alert, alert: Alert) -> bool:
    """Versions share what they are asked; what they answer is each one's own, unless all of them change at once.

    What is under another speaks for its own segments only, or two versions that take turns would be one incident for ever.
    """
    if wide.details.under and wide.segment == alert.segment:
        return False
    feature = wide.column != "" and profile_name(wide.column).startswith(FEATURE)
    return wide.version == alert.version or feature or _fired_end_us(wide) == _fired_end_us(alert)


def _fires(wide: Alert, alert: Alert, rule: Rule) -> bool:
    """Whether one was firing, by event time, when the other began to; one that is decided no more no longer is."""
    if wide.details.fired_window_us is None or wide.details.resolution not in _COVERING:
        return False
    began_us, fired_us = _fired_end_us(wide), _fired_end_us(alert)
    size = WindowSize(wide.size)
    if not wide.is_live:
        return began_us <= fired_us < size.end(wide.seen_window_us)
    oldest_us = size.back(size.start(fired_us), 1 + rule.resolve_after)
    return began_us <= fired_us and wide.seen_window_us >= oldest_us


def _overlaps(wide: Alert, alert: Alert) -> bool:
    """Windows of different lengths are of one cause where they are of the same time."""
    if wide.size == alert.size:
        return True
    start_us = alert.details.fired_window_us or 0
    return wide.first_window_us < _fired_end_us(alert) and start_us < wide.details.last_window_end_us


def _released(changes: Sequence[Change], known: Sequence[Alert]) -> list[Change]:
    """With what was under an alert that late data took back, and still fires: it speaks for itself, and nobody took it on."""
    after = {a.alert: Change(a, a) for a in known} | {c.before.alert: c for c in changes if c.before}
    now = [c.after for c in after.values() if c.after]
    freed = {
        held.alert: replace(after[held.alert], after=_afresh(held, c.after))
        for c in changes
        if c.withdrawn and c.after
        for held in below(c.after.alert, now)
        if held.is_live
    }
    kept = [c for c in changes if not (c.before and c.before.alert in freed)]
    return [*kept, *freed.values()]


def _afresh(held: Alert, head: Alert) -> Alert:
    return replace(
        _under(held, ""),
        state=FIRING,
        tier=_tier(held),
        fired_us=head.resolved_us,
        acknowledged_us=None,
        acknowledged_by="",
        escalated_us=None,
    )
