"""Alerting, one pass at a time.

    decisions -> match -> fold and revise -> hold -> lapse -> withhold -> gather -> tell, request retraining
                                                                                          one transaction a model
              -> release -> escalate -> acknowledge -> settle                             one transaction each
              -> deliver notifications, deliver retraining requests                       the outboxes

Every stage may run twice on the same input: decisions are read again for a while, keys are derived from what they name, and an
alert is a function of its decisions in window order.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from alerting.delivery import Delivered, Delivery
from alerting.errors import FinalError
from alerting.escalating import due, escalate
from alerting.gathering import gather
from alerting.holding import Holder
from alerting.lapsing import lapsed
from alerting.matching import Series, match, windows
from alerting.message import Message
from alerting.notifiers.contract import Notifier
from alerting.retraining import RetrainingWebhook, request_retraining
from alerting.revising import Change, Context, revise
from alerting.settings import AlertingSettings
from alerting.silencing import release, released, withhold
from alerting.telling import Teller
from kernel.clock import Clock
from kernel.column_spec import SCORE
from store import alert_ledger as ledger
from store import columns, decision_feed, notifications, retiring, retraining, versions
from store.alert_rows import RESOLVED, Alert
from store.database import Database, Transaction
from store.decision_feed import Decision
from store.outbox import Claim

_CONSUMER = "alerting"


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one pass did."""

    models: int = 0
    fired: int = 0
    resolved: int = 0
    escalated: int = 0
    retraining: int = 0
    notifications: Delivered = field(default_factory=Delivered)
    requests: Delivered = field(default_factory=Delivered)

    def plus(self, changes: list[Change], requested: int) -> Self:
        """With one more model's changes."""
        return replace(
            self,
            models=self.models + 1,
            fired=self.fired + sum(change.fired is not None for change in changes),
            resolved=self.resolved + sum(change.resolved for change in changes),
            retraining=self.retraining + requested,
        )


class Alerting:
    """The alerting of one workspace. Several processes may run it at once.

    Args:
        db: where decisions are, and alerts go.
        settings: the rules, and who is told.
        notifiers: by the names in the settings.
        clock: the wall clock.
        workspace: whose.
        jitter: a number in [0, 1] each time; spreads retries.
    """

    def __init__(
        self,
        db: Database,
        settings: AlertingSettings,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        workspace: str = "default",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._db, self._settings, self._clock, self._workspace = db, settings, clock, workspace
        self._rules = {rule.name: rule for rule in settings.rules}
        self._notifiers = notifiers
        self._teller = Teller(workspace, settings)
        self._webhook = RetrainingWebhook(settings.retraining) if settings.retraining.webhook else None
        self._deliver_messages = Delivery(
            db, workspace, notifications.OUTBOX, self._notify, _of_message, settings.retry, clock, jitter
        )
        self._deliver_requests = Delivery(
            db, workspace, retraining.OUTBOX, self._post, _of_request, settings.retry, clock, jitter
        )

    def step(self) -> StepReport:
        """One pass over what changed, and over what is due.

        Raises:
            UnavailableError: the database does not answer.
        """
        report = self._follow_decisions()
        self._release()
        report = replace(report, escalated=self._escalate())
        self._acknowledge()
        self._settle()
        return replace(report, notifications=self._deliver_messages.step(), requests=self._deliver_requests.step())

    def close(self) -> None:
        """Close connections; no step may follow."""
        if self._webhook:
            self._webhook.close()

    def _follow_decisions(self) -> StepReport:
        """All models with decisions since the last pass, less the overlap: writers commit later than they decide."""
        now_us = self._clock.now_us()
        cursor_us = decision_feed.position(self._db, self._workspace, _CONSUMER)
        since_us = cursor_us - self._settings.overlap
        models = decision_feed.changed_models(self._db, self._workspace, since_us)
        report = StepReport()
        for model in models:
            report = report.plus(*self._follow_model(model, since_us))
        if models:
            decision_feed.advance(self._db, self._workspace, _CONSUMER, now_us)
        return report

    def _follow_model(self, model: str, since_us: int) -> tuple[list[Change], int]:
        now_us = self._clock.now_us()
        with self._db.write() as tx:
            ledger.lock(tx, self._workspace, model)
            if retiring.is_retired(tx, self._workspace, model):
                return [], 0
            decisions = decision_feed.changed(tx, self._workspace, model, since_us)
            matched = match(self._settings.rules, decisions)
            known = self._touched(tx, model, matched)
            worth_folding = self._worth_folding(known, matched)
            several = bool(worth_folding) and versions.has_several(tx, self._workspace, model)
            changes = [
                change
                for series, changed in worth_folding
                for change in self._revise(tx, series, changed, now_us, several_versions=several)
            ]
            changes = self._holder(tx, model, changes).place(changes, known)
            changed = {change.before.alert for change in changes if change.before}
            changes += lapsed(self._rules, matched, [a for a in known if a.alert not in changed], now_us)
            changes = withhold(tx, self._workspace, changes, now_us)
            _save(tx, self._workspace, changes)
            gathered = gather(tx, self._workspace, [c.fired for c in changes if c.fired], now_us)
            for one in gathered:
                self._teller.fires(tx, one, now_us)
            requested = [
                request_retraining(tx, self._workspace, self._settings.retraining, self._rules, one, now_us)
                for one in gathered
            ]
        return changes, sum(requested)

    def _touched(self, tx: Transaction, model: str, matched: dict[Series, list[Decision]]) -> list[Alert]:
        if not matched:
            return []
        earliest_us = min(d.window_start_us for changed in matched.values() for d in changed)
        return ledger.touched(tx, self._workspace, model, earliest_us)

    def _holder(self, tx: Transaction, model: str, changes: list[Change]) -> Holder:
        scores = any(c.fired and c.fired.column.startswith(SCORE) for c in changes)
        two_scores = scores and columns.has_two_scores(tx, self._workspace, model)
        return Holder(self._workspace, self._settings.rules, two_scores=two_scores)

    def _worth_folding(
        self, known: list[Alert], matched: dict[Series, list[Decision]]
    ) -> list[tuple[Series, list[Decision]]]:
        """Leaves out what cannot change anything, which is nearly all: normal windows of a series without a recent alert."""
        touched = {alert.fingerprint for alert in known}
        return [
            (series, changed)
            for series, changed in matched.items()
            if series.fingerprint in touched or any(self._rules[series.rule].when(d) is not False for d in changed)
        ]

    def _revise(
        self, tx: Transaction, series: Series, changed: list[Decision], now_us: int, *, several_versions: bool
    ) -> list[Change]:
        rule = self._rules[series.rule]
        first = min(changed, key=lambda d: d.window_start_us)
        lookback = rule.policy.lookback(series.size)
        seen = windows(rule, decision_feed.history(tx, self._workspace, first, series.metrics, lookback))
        from_us = min([first.window_start_us, *(window.start_us for window in seen[:1])])
        alerts = ledger.of_fingerprint(tx, self._workspace, series.fingerprint, from_us)
        context = Context(self._workspace, series, rule.tier, now_us, several_versions)
        return revise(context, rule.policy, alerts, seen, first.window_start_us)

    def _release(self) -> None:
        """Tell of what a silence withheld, once it is over."""
        with self._db.read() as tx:
            models = sorted({alert.model for alert in released(tx, self._workspace, self._clock.now_us())})
        for model in models:
            with self._db.write() as tx:
                ledger.lock(tx, self._workspace, model)
                release(tx, self._workspace, model, self._teller, self._clock.now_us())

    def _escalate(self) -> int:
        now_us = self._clock.now_us()
        with self._db.read() as tx:
            if not any(due(tx, self._workspace, rule, now_us) for rule in self._settings.rules):
                return 0
        with self._db.write() as tx:
            return escalate(tx, self._workspace, self._settings, self._teller, now_us)

    def _acknowledge(self) -> None:
        """Say that people took incidents on, to whoever keeps count of that."""
        with self._db.read() as tx:
            unaware = self._teller.unaware(tx, ledger.taken_incidents(tx, self._workspace))
            models = sorted({incident.model for incident, *_ in unaware})
        for model in models:
            with self._db.write() as tx:
                ledger.lock(tx, self._workspace, model)
                taken = ledger.taken_incidents(tx, self._workspace, model)
                self._teller.acknowledges(tx, taken, self._clock.now_us())

    def _settle(self) -> None:
        """Close the incidents that are over, whoever ended them, and say so."""
        with self._db.read() as tx:
            models = sorted({incident.model for incident in ledger.calm_incidents(tx, self._workspace)})
        for model in models:
            self._settle_model(model, self._clock.now_us())

    def _settle_model(self, model: str, now_us: int) -> None:
        with self._db.write() as tx:
            ledger.lock(tx, self._workspace, model)
            for incident in ledger.calm_incidents(tx, self._workspace, model):
                closed = replace(incident, state=RESOLVED, resolved_us=now_us)
                ledger.save_incident(tx, self._workspace, closed)
                self._teller.resolves(tx, closed, now_us)

    def _notify(self, claim: Claim) -> None:
        notifier = self._notifiers.get(claim.target)
        if notifier is None:
            raise FinalError(
                f"no notifier is named {claim.target!r} any more; see alerting.notifiers in driftglass.yaml"
            )
        notifier.send(Message.from_payload(claim.payload))

    def _post(self, claim: Claim) -> None:
        if self._webhook is None:
            raise FinalError("no retraining webhook is configured any more; see alerting.retraining in driftglass.yaml")
        self._webhook.post(claim.key, claim.payload)


def _of_message(claim: Claim) -> str:
    message = Message.from_payload(claim.payload)
    return f"{claim.target}, {message.happening} of incident {message.incident} ({message.title})"


def _of_request(claim: Claim) -> str:
    return f"retraining request {claim.key} of {claim.payload['model']}"


def _save(tx: Transaction, workspace: str, changes: list[Change]) -> None:
    ledger.drop(tx, workspace, [c.before.alert for c in changes if c.before and c.after is None])
    ledger.save(tx, workspace, [c.after for c in changes if c.after])
