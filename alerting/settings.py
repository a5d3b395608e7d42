"""The `alerting:` section of driftglass.yaml."""

from typing import Annotated, Self

from pydantic import Field, HttpUrl, model_validator

from alerting.notifiers.console import ConsoleSettings
from alerting.notifiers.pagerduty import PagerDutySettings
from alerting.notifiers.slack import SlackSettings
from alerting.rules import P0, DurationUs, Rule, default_rules
from kernel.clock import DAY_US, MINUTE_US, SECOND_US
from kernel.settings import Section
from kernel.settings_problem import PlacedError
from kernel.yaml_file import Way

NotifierSettings = Annotated[ConsoleSettings | SlackSettings | PagerDutySettings, Field(discriminator="kind")]


class RetrySettings(Section):
    """How what could not be sent is tried again: waits double from the first to the longest, each with jitter."""

    first: DurationUs = Field(5 * SECOND_US, gt=0, description="The first wait, such as 5s.")
    longest: DurationUs = Field(15 * MINUTE_US, gt=0, description="The longest wait, such as 15m.")
    give_up_after: DurationUs = Field(DAY_US, gt=0, description="After this long it is marked as failed.")
    lease: DurationUs = Field(MINUTE_US, gt=0, description="A sender that says nothing for so long loses its turn.")


class RetrainingSettings(Section):
    """What happens on a P1 drift."""

    webhook: HttpUrl | None = Field(
        None, description="Where requests are posted as JSON; without it they are recorded."
    )
    timeout_s: float = Field(10.0, gt=0, description="Seconds the webhook may take.")
    training_window: DurationUs = Field(
        90 * DAY_US, gt=0, description="How much data the request suggests to train on."
    )


def _console_only() -> dict[str, NotifierSettings]:
    return {"console": ConsoleSettings()}


class AlertingSettings(Section):
    """Rules, who is told, and what is asked for."""

    rules: tuple[Rule, ...] = Field(default_factory=default_rules, description="The rules; these replace the defaults.")
    notifiers: dict[str, NotifierSettings] = Field(default_factory=_console_only, description="Who is told, by name.")
    retraining: RetrainingSettings = RetrainingSettings()
    retry: RetrySettings = RetrySettings()
    interval_s: float = Field(2.0, gt=0, description="Seconds between two passes.")
    dashboard_url: str = Field("http://localhost:7463", description="Where messages link to.")
    overlap: DurationUs = Field(
        MINUTE_US, ge=0, description="Decisions this old are read again: longer than any writer takes to commit."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [rule.name for rule in self.rules]
        for at, rule in enumerate(self.rules):
            if rule.name in names[:at]:
                raise PlacedError(("rules", at, "name"), f"rules need names of their own; {rule.name} is there twice")
            for place, notifier in enumerate(rule.notify or ()):
                rises = rule.escalate_after is not None and rule.escalate_to == P0
                self._require_notifier(rule, notifier, ("rules", at, "notify", place), rises=rises)
            if rule.escalate_to != P0:
                self._require_notifier(rule, rule.escalate_to, ("rules", at, "escalate_to"))
        return self

    def _require_notifier(self, rule: Rule, notifier: str, way: Way, *, rises: bool = False) -> None:
        if notifier not in self.notifiers:
            known = ", ".join(sorted(self.notifiers)) or "none"
            raise PlacedError(way, f"rule {rule.name} names the notifier {notifier!r}; there are: {known}")
        tiers = (rule.tier, P0) if rises else (rule.tier,)
        if not any(self.notifiers[notifier].hears("firing", tier) for tier in tiers):
            raise PlacedError(way, f"rule {rule.name} is {rule.tier}, which {notifier} is not told of; see its tiers")

    def notifiers_of(self, rule: Rule) -> tuple[str, ...]:
        """The names of those a rule tells."""
        return tuple(self.notifiers) if rule.notify is None else rule.notify
