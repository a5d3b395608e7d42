"""Stage 3: an alert that fires while a wider one of the same cause does is held: it joins that one's incident and tells nobody.

Pure. One lasting cause moves a column in every version, segment and window length. The alert of all rows speaks for its segments;
that of one version for the others, where a column moved, since versions share the traffic, or where they fire in the same window;
one window length for the others; one of two scores for the other, its complement. Who covers whom goes by event time, so that any
batching in window order holds the same alerts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from alerting.gathering import in_incident
from alerting.revising import Change
from kernel.column_spec import SCORE
from kernel.windows import WindowSize
from store.alert_rows import ACKNOWLEDGED, FIRING, Alert

_COVERING = ("", "calm")  # what a person ended, late data took back or went with its model speaks for nothing
_Cause = tuple[str, str, str, str]


class Holder:
    """Places the alerts of one model that fire in one pass.

    Args:
        workspace: whose.
        apart: rules whose alerts are each told by itself.
        two_scores: whether the model has two scores, of which either says what the other does.
    """

    def __init__(self, workspace: str, *, apart: Collection[str] = (), two_scores: bool = False) -> None:
        self._workspace = workspace
        self._apart = apart
        self._two_scores = two_scores

    def place(self, changes: Sequence[Change], known: Iterable[Alert]) -> list[Change]:
        """The changes, what fires in an incident: a wider alert's, which it is then under, or one of its own.

        Args:
            changes: of one pass.
            known: the model's alerts before it, those open and those that had seen the earliest changed window.
        """
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
        found = [a for cause in wider for a in covers.get(cause, ()) if _covers(a, alert)]
        cover = min(found, key=lambda a: (a.details.under != "", _order(a)), default=None)  # a head, if one still fires
        if cover is None or alert.rule in self._apart or alert.incident not in ("", cover.incident):
            return in_incident(self._workspace, _under(alert, ""))
        joined = replace(_under(alert, cover.alert), incident=cover.incident)
        if cover.state == ACKNOWLEDGED and alert.state == FIRING:  # whoever took the cause on took this on
            by = cover.acknowledged_by
            joined = replace(joined, state=ACKNOWLEDGED, acknowledged_us=alert.fired_us, acknowledged_by=by)
        return joined


def _under(alert: Alert, cover: str) -> Alert:
    return replace(alert, details=replace(alert.details, under=cover))


def _order(alert: Alert) -> tuple[int, bool, int, str, str]:
    """By when it fired; within that the widest, the shortest windows first."""
    windows_a_quarter = WindowSize(alert.size).per_quarter()
    return _fired_end_us(alert), alert.segment != "", -round(windows_a_quarter), alert.column, alert.fingerprint


def _fired_end_us(alert: Alert) -> int:
    return WindowSize(alert.size).end(alert.details.fired_window_us or 0)


def _covers(wide: Alert, alert: Alert) -> bool:
    """Whether one was firing, by event time, when the other began to; the segment and the column are the caller's business."""
    if wide.details.fired_window_us is None or wide.details.resolution not in _COVERING:
        return False
    began_us, fired_us = _fired_end_us(wide), _fired_end_us(alert)
    fires = wide.is_live or WindowSize(wide.size).end(wide.seen_window_us) > fired_us
    shared = wide.version == alert.version or wide.column != "" or began_us == fired_us
    return began_us <= fired_us and fires and shared
