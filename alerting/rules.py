"""Rules: which decisions concern whom, how urgently, and from when on."""

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from alerting.condition import Condition, parse_condition
from alerting.fold import Policy
from detectors.metrics import COLUMNS, DRIFT, DUPLICATES, METRICS, QUALITY
from kernel.settings import Section
from kernel.settings_problem import PlacedError
from kernel.windows import WindowSize, parse_duration
from store.alert_rows import Alert
from store.decision_feed import Decision

Tier = Literal["P0", "P1", "P2"]
P0: Tier = "P0"
P1: Tier = "P1"
_PERFORMANCE = (
    "accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "log_loss", "calibration_error",
    "mae", "rmse", "r2", "ndcg", "mrr",
)  # fmt: skip


def _duration_us(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _policy_text(value: object) -> object:
    """`for: 3` are windows, `for: 2d` is event time."""
    if isinstance(value, str):
        return Policy(span_us=parse_duration(value))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return Policy(windows=value)
    if isinstance(value, Policy):
        return value
    raise ValueError("write a number of windows from 1 on, or a duration in event time such as 2d")


def _condition_text(value: object) -> object:
    return parse_condition(value) if isinstance(value, str) else value


def _measured(metric: str) -> str:
    if metric not in METRICS:
        raise ValueError(f"no metric has this name; there are: {', '.join(METRICS)}")
    return metric


DurationUs = Annotated[int, BeforeValidator(_duration_us)]
Metric = Annotated[str, AfterValidator(_measured)]


class Rule(Section):
    """A rule. Windows that are insufficient or provisional neither fire nor resolve it."""

    model_config = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True)

    name: str = Field(min_length=1, description="Its name; part of every alert's identity.")
    tier: Tier = Field("P2", description="P0 wakes somebody, P1 is for today, P2 is for this week.")
    metrics: tuple[Metric, ...] = Field(
        min_length=1, description="Metrics by their names; drift metrics are one alert."
    )
    columns: tuple[str, ...] = Field(("*",), description="Columns, as globs; the whole model is ''.")
    models: tuple[str, ...] = Field(("*",), description="Models, as globs.")
    size: str | None = Field(None, description="Only windows of this length, such as 1d; any by default.")
    when: Annotated[Condition, BeforeValidator(_condition_text)] = Field(
        default=parse_condition("abnormal"),
        description="abnormal, drift, degraded, or a comparison such as 'value > 0.05'.",
    )
    since: Annotated[Policy, BeforeValidator(_policy_text)] = Field(
        default=Policy(),
        alias="for",
        description="Fires after so many abnormal windows in a row (3), or so much event time (2d).",
    )
    resolve_after: int = Field(2, ge=1, description="Resolves after so many normal windows in a row.")
    group: bool = Field(
        True,
        description="Alerts of one column and metric that fire under a wider one join its incident and tell nobody.",
    )
    notify: tuple[str, ...] | None = Field(None, description="Names of notifiers; all by default.")
    retrain: bool | None = Field(None, description="Ask for retraining; by default on a P1 rule of drift metrics.")
    escalate_after: DurationUs | None = Field(
        None,
        gt=0,
        description="Wall-clock time, such as 4h, after which a P1 alert that nobody acknowledged escalates.",
    )
    escalate_to: str = Field(P0, description="P0, or the name of a notifier.")

    @field_validator("size")
    @classmethod
    def _known_size(cls, size: str | None) -> str | None:
        return None if size is None else WindowSize(size).text

    @model_validator(mode="after")
    def _only_p1_escalates(self) -> "Rule":
        if self.escalate_after is not None and self.tier != P1:
            raise PlacedError(("escalate_after",), f"belongs to P1 rules; {self.name} is {self.tier}")
        return self

    @property
    def policy(self) -> Policy:
        """How long before an alert fires and resolves."""
        return Policy(self.since.windows, self.since.span_us, self.resolve_after)

    @property
    def retrains(self) -> bool:
        """Whether its alerts ask for retraining."""
        if self.retrain is not None:
            return self.retrain
        return self.tier == P1 and any(metric in DRIFT for metric in self.metrics)

    def family(self, metric: str) -> tuple[str, ...]:
        """The rule's metrics that are one alert with this one: drift metrics of a column are evidence of the same thing."""
        if metric not in DRIFT:
            return (metric,)
        return tuple(m for m in self.metrics if m in DRIFT)

    def concerns(self, found: Decision | Alert) -> bool:
        """Whether a decision, or an alert made of some, is this rule's business."""
        return (
            found.metric in self.metrics
            and self.size in (None, found.size)
            and any(fnmatchcase(found.model, glob) for glob in self.models)
            and any(fnmatchcase(found.column, glob) for glob in self.columns)
        )


def default_rules() -> tuple[Rule, ...]:
    """What works without any configuration."""
    rules: tuple[dict[str, Any], ...] = (
        {"name": "errors", "tier": "P0", "metrics": ["error_rate"], "resolve_after": 1},
        {"name": "burn", "tier": "P0", "metrics": ["burn_1h", "burn_6h"], "resolve_after": 1},
        {"name": "slow-burn", "tier": "P2", "metrics": ["burn_3d"], "resolve_after": 1},
        {"name": "silence", "tier": "P0", "metrics": ["traffic"], "resolve_after": 1},
        {"name": "latency", "tier": "P2", "metrics": ["latency_p99"]},
        {"name": "drift", "tier": "P1", "metrics": ["psi", "domain_auc"], "escalate_after": "4h"},
        {"name": "performance", "tier": "P1", "metrics": [*_PERFORMANCE], "escalate_after": "4h"},
        {"name": "quality", "tier": "P2", "metrics": [*QUALITY, *COLUMNS, *DUPLICATES, "low_confidence_share"]},
    )
    return tuple(Rule.model_validate(rule) for rule in rules)
