"""Stage 2: what the episodes of a series mean for the alerts that are stored of it. Pure.

Decisions are made again when data come late, so an episode is matched with the alert whose time it shares, and what people were
told is corrected, never told twice: an alert keeps its identity, an alert that fired does not go back to pending, and one whose
abnormal windows were taken back resolves as withdrawn. What a person resolved, or ended by retiring the model, and what lapsed,
stays so, and the windows it had seen are settled.
In window order, which is the common case, any batching of the same decisions gives the same alerts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerting.fold import Episode, Policy, Window, fold
from alerting.matching import Series
from alerting.message import summary
from store.alert_rows import FIRING, LAPSED, PENDING, RESOLVED, RETIRED, Alert, AlertDetails, Evidence, derived_key


@dataclass(frozen=True, slots=True)
class Change:
    """An alert before and after; before is None when it is new, after is None when a pending one is forgotten."""

    before: Alert | None
    after: Alert | None

    @property
    def fired(self) -> Alert | None:
        """The alert, when people are to be told that it fires."""
        after, before = self.after, self.before
        if after is None or after.fired_us is None:
            return None
        was_told = before is not None and before.fired_us is not None
        reopened = before is not None and before.state == RESOLVED and after.is_live
        released = before is not None and before.details.under != "" and not after.details.under and after.is_live
        return after if reopened or released or not was_told else None

    @property
    def withdrawn(self) -> bool:
        """Whether late data took it back here."""
        return self.after is not None and self.after.details.resolution == "withdrawn"

    @property
    def resolved(self) -> bool:
        """Whether it ended here."""
        return self.after is not None and self.after.state == RESOLVED


@dataclass(frozen=True, slots=True)
class Context:
    """What an alert is made of beside its episode.

    Attributes:
        workspace, series, tier: copied into a new alert.
        now_us: the wall clock.
        several_versions: whether the model has versions to tell apart.
    """

    workspace: str
    series: Series
    tier: str
    now_us: int
    several_versions: bool = False


def revise(
    context: Context, policy: Policy, alerts: Sequence[Alert], windows: Sequence[Window], changed_us: int
) -> list[Change]:
    """The changes to a series' alerts.

    Args:
        context: what a new alert is made of.
        policy: when an episode fires and ends.
        alerts: those of the series that are open or had seen the first of the windows.
        windows: ascending, all from `changed_us` on, and at least `policy.lookback` before it where there are so many.
        changed_us: start of the earliest window that was decided anew (event time).
    """
    alerts = [a for a in alerts if a.details.resolution != "withdrawn"]  # they hold no windows any more
    settled_us = max((a.seen_window_us for a in alerts if _is_settled(a, changed_us)), default=None)
    unsettled = [a for a in alerts if not _is_settled(a, changed_us)]
    standing = next((a for a in reversed(unsettled) if _fired_before(a, changed_us)), None)
    from_us = standing.details.fired_window_us if standing else None
    relevant = [w for w in windows if (settled_us is None or w.start_us > settled_us)]
    relevant = [w for w in relevant if from_us is None or w.start_us >= from_us]
    episodes = fold(relevant, policy, _standing_episode(standing) if standing else None)
    return _reconcile(context, unsettled, episodes)


def _is_settled(alert: Alert, changed_us: int) -> bool:
    return alert.state == RESOLVED and (
        alert.seen_window_us < changed_us or alert.details.resolution in ("person", RETIRED, LAPSED)
    )


def _fired_before(alert: Alert, changed_us: int) -> bool:
    fired_us = alert.details.fired_window_us
    return fired_us is not None and fired_us < changed_us


def _standing_episode(alert: Alert) -> Episode:
    return Episode(
        first_us=alert.first_window_us,
        last_us=alert.last_window_us,
        last_end_us=alert.details.last_window_end_us,
        seen_us=alert.seen_window_us,
        fired_us=alert.details.fired_window_us,
    )


def _reconcile(context: Context, alerts: Sequence[Alert], episodes: Sequence[Episode]) -> list[Change]:
    owned: dict[str, list[Episode]] = {}
    changes = []
    for episode in episodes:
        owner = next((a for a in reversed(alerts) if _owns(a, episode)), None)
        if owner:
            owned.setdefault(owner.alert, []).append(episode)
        else:
            changes.append(Change(None, _opened(context, episode)))
    for alert in alerts:
        mine = owned.get(alert.alert)
        after = _told(context, alert, mine) if mine else _without_episode(context, alert, episodes)
        if after != alert:
            changes.append(Change(alert, after))
    return changes


def _share_time(alert: Alert, episode: Episode) -> bool:
    return alert.first_window_us <= episode.seen_us and episode.first_us <= alert.seen_window_us


def _owns(alert: Alert, episode: Episode) -> bool:
    """What is resolved is not opened again by an episode that is only pending."""
    return _share_time(alert, episode) and (alert.state != RESOLVED or episode.fired_us is not None)


def _without_episode(context: Context, alert: Alert, episodes: Sequence[Episode]) -> Alert | None:
    """A pending alert is forgotten, one that fires is withdrawn; one that was resolved lets go of what is pending again."""
    if alert.state == PENDING:
        return None
    if alert.state == RESOLVED:
        again_us = [episode.first_us - 1 for episode in episodes if _share_time(alert, episode)]
        return replace(alert, seen_window_us=min([alert.seen_window_us, *again_us]))
    return _closed(context, alert, "withdrawn")


def _closed(context: Context, alert: Alert, resolution: str) -> Alert:
    details = replace(alert.details, resolution=resolution)
    return replace(alert, state=RESOLVED, resolved_us=context.now_us, details=details)


def _opened(context: Context, episode: Episode) -> Alert:
    series = context.series
    blank = Alert(
        alert=derived_key(context.workspace, series.fingerprint, episode.first_us, context.now_us),
        fingerprint=series.fingerprint,
        rule=series.rule,
        tier=context.tier,
        state=PENDING,
        model=series.model,
        version=series.version,
        segment=series.segment,
        size=series.size,
        metric=series.metric,
        column=series.column,
        value=None,
        expected=None,
        summary="",
        details=AlertDetails(),
        first_window_us=episode.first_us,
        last_window_us=episode.last_us,
        seen_window_us=episode.seen_us,
        calm_windows=0,
        opened_us=context.now_us,
    )
    return _told(context, blank, [episode])


def _told(context: Context, alert: Alert, episodes: Sequence[Episode]) -> Alert:
    """The alert after its episodes: several are one alert, because people were told of one."""
    last = episodes[-1]
    fired_window_us = min((e.fired_us for e in episodes if e.fired_us is not None), default=None)
    if fired_window_us is None and alert.details.fired_window_us is not None:
        # What it fired on was taken back: it goes on from the first window that is left, and from no window before it.
        fired_window_us = max(alert.details.fired_window_us, episodes[0].first_us)
    moved = replace(
        _with_evidence(context, alert, last),
        first_window_us=episodes[0].first_us,
        last_window_us=last.last_us,
        seen_window_us=last.seen_us,
        calm_windows=last.calm,
    )
    details = replace(moved.details, fired_window_us=fired_window_us, last_window_end_us=last.last_end_us)
    return _in_state(context, replace(moved, details=details), last)


def _with_evidence(context: Context, alert: Alert, episode: Episode) -> Alert:
    if not episode.evidence:
        return alert
    evidence = tuple(Evidence(d.metric, d.value, d.expected, d.p_value, d.status) for d in episode.evidence)
    lead = next((e for e in evidence if e.metric == alert.metric), evidence[0])
    moved = replace(alert, value=lead.value, expected=lead.expected, details=replace(alert.details, evidence=evidence))
    return replace(moved, summary=summary(moved, several=context.several_versions))


def _in_state(context: Context, alert: Alert, episode: Episode) -> Alert:
    """Pending, firing or resolved, with the wall-clock moments of what is new."""
    if alert.details.fired_window_us is None:
        return alert
    if alert.fired_us is None or (alert.state == RESOLVED and not episode.ended):
        alert = _firing(context, alert)
    return _closed(context, alert, "calm") if episode.ended and alert.is_live else alert


def _firing(context: Context, alert: Alert) -> Alert:
    """As if for the first time: whoever acknowledged it before did not acknowledge this."""
    return replace(
        alert,
        state=FIRING,
        tier=context.tier,
        fired_us=context.now_us,
        acknowledged_us=None,
        acknowledged_by="",
        resolved_us=None,
        escalated_us=None,
        details=replace(alert.details, resolution="", resolved_by=""),
    )
