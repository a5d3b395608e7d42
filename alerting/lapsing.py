"""What a version leaves firing when it stops: nothing is decided of it any more, so that its incident would stay open for ever.

Pure. It lapses where another version is calm in the same column, segment and window length, and was decided since in more windows
than the rule resolves after.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alerting.matching import Series
from alerting.revising import Change
from alerting.rules import Rule
from kernel.windows import WindowSize
from store.alert_rows import LAPSED, RESOLVED, Alert
from store.decision_feed import Decision

_Place = tuple[str, str, str, str, str]


def lapsed(
    rules: Mapping[str, Rule],
    matched: Mapping[Series, Sequence[Decision]],
    alerts: Iterable[Alert],
    now_us: int,
) -> list[Change]:
    """The alerts that end so.

    Args:
        rules: in force, by their names.
        matched: the decisions of this pass.
        alerts: of one model, as they are after it; those that this pass changed may be left to the next.
        now_us: the wall clock.
    """
    firing: dict[_Place, list[Alert]] = {}
    for alert in alerts:
        if alert.is_live:
            firing.setdefault(_place(alert), []).append(alert)
    calm_us: dict[_Place, int] = {}
    for series, decisions in matched.items():
        if (place := _place(series)) in firing:
            normal = (d.window_start_us for d in decisions if rules[series.rule].when(d) is False)
            calm_us[place] = max([calm_us.get(place, 0), *normal])
    return [
        Change(alert, _ended(alert, now_us))
        for place, us in calm_us.items()
        if all(_is_left(alert, us, rules) for alert in firing[place])
        for alert in firing[place]
    ]


def _place(found: Alert | Series) -> _Place:
    return found.rule, found.metric, found.column, found.segment, found.size


def _is_left(alert: Alert, calm_us: int, rules: Mapping[str, Rule]) -> bool:
    return alert.seen_window_us < WindowSize(alert.size).back(calm_us, rules[alert.rule].resolve_after)


def _ended(alert: Alert, now_us: int) -> Alert:
    details = replace(alert.details, resolution=LAPSED)
    return replace(alert, state=RESOLVED, resolved_us=now_us, details=details)
