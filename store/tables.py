"""The tables. The workspace comes first in every key; times are integer microseconds since the epoch, UTC; "" stands for "all"
(version, segment) or "the whole model" (column) where a key may not be null. The database itself is built by migrations/ only.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(255), primary_key=True)


def _key_us(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _integer(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=str(default))


def _us(name: str) -> sa.Column[int]:
    """A moment, null while it has not come."""
    return sa.Column(name, sa.BigInteger)


def _number(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double)


def _sum(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False)


def _lease() -> list[sa.Column[object]]:
    """Work is leased: who holds it, by which token, until when by the database's clock."""
    return [_text("owner"), _text("token"), _integer("until_us")]  # type: ignore[list-item]


models = sa.Table(
    "models", metadata, _key("workspace"), _key("model"),
    _text("task"),  # binary, multiclass, regression, ranking; "" until known
    _text("window", "1d"), _json("rollups"), _text("lateness", "1h"), _text("positive_class"),
    _json("segments"), _integer("min_rows", 500), _flag("declared"), _integer("registered_us"),
    sa.Column("objectives", sa.JSON, nullable=False, server_default="{}"),  # store/models.py Objectives
    _flag("multivariate"),  # whether features are measured together, too
    _text("cluster"),  # the tag or feature that errors cluster by; "" for the day
    sa.Column("ranking", sa.JSON, nullable=False, server_default="{}"),  # store/models.py Ranking
    sa.Column("fairness", sa.JSON, nullable=False, server_default="[]"),  # features whose values are groups to be treated alike
    sa.Column("value", sa.JSON, nullable=False, server_default="{}"),  # kernel/worth.py Worth
)  # fmt: skip

retirements = sa.Table(
    "retirements", metadata, _key("workspace"), _key("model"), _key_us("since_us"),
    _us("until_us"),  # null while it lasts
    _integer("rows"),  # that had come by its beginning
)  # fmt: skip

columns = sa.Table(
    "columns", metadata, _key("workspace"), _key("model"), _key("column"),
    _text("kind"),  # kernel.profile.Kind
    _flag("declared"),
    _flag("fixed"),  # false while the type is still being inferred
    _integer("seen"),  # non-null values seen while inferring
    _integer("misfits"),  # of those, values of another type
)  # fmt: skip

grids = sa.Table(
    "grids", metadata, _key("workspace"), _key("model"), _key("column"), _key_us("version"),
    sa.Column("centre", sa.Double, nullable=False), sa.Column("edges", sa.LargeBinary, nullable=False),
    _flag("provisional"), _integer("created_us"),
    sa.Index("ix_grids_renewed", "workspace", "model", "column", "version",
             sqlite_where=sa.text("version > 1"), postgresql_where=sa.text("version > 1")),
)  # fmt: skip

categories = sa.Table(
    "categories", metadata, _key("workspace"), _key("model"), _key("column"),
    sa.Column("code", sa.Integer, primary_key=True, autoincrement=False), sa.Column("value", sa.Text, nullable=False),
    sa.UniqueConstraint("workspace", "model", "column", "value"),
)  # fmt: skip

offsets = sa.Table(
    "offsets", metadata, _key("workspace"), _key("topic"), _key_us("partition"),
    _integer("next_offset"),  # the first offset not yet committed
    _us("idle_since_us"),  # since when next_offset equals the end of the log, by the wall clock
    _us("through_us"),  # all that lay in the log at this moment, by the wall clock, is committed
    _integer("updated_us"),
)  # fmt: skip

service_counts = sa.Table(
    "service_counts", metadata, _key("workspace"), _key("model"), _key_us("start_us"), _key("topic"), _key_us("partition"),
    _integer("rows"), _integer("errors"), _integer("timed"), _integer("slow"),
    _us("late_us"),  # when rows last came that it was measured without; null where none did
    sa.Index("ix_service_counts_late", "workspace", "model", "late_us",
             sqlite_where=sa.text("late_us IS NOT NULL"), postgresql_where=sa.text("late_us IS NOT NULL")),
)  # fmt: skip

gpu_readings = sa.Table(
    "gpu_readings", metadata, _key("workspace"), _key("target"), _key_us("start_us"), _key("gpu"),
    _integer("readings"), _integer("idle"), _sum("busy"),  # shares of the time
    _integer("memory_readings"), _sum("memory"),  # shares of the memory
    _integer("power_readings"), _sum("power_w"),
    _integer("energy_us"), _sum("energy_j"),  # what was drawn, in how much of the time
    _integer("xid_readings"), _integer("errors"),
    _us("counter_us"), _number("counter_j"),  # the energy counter as it was read last, and when
    sa.Column("xid", sa.BigInteger),  # the last error's code, as it was read last
)  # fmt: skip

watermarks = sa.Table(
    "watermarks", metadata, _key("workspace"), _key("model"), _key("topic"), _key_us("partition"), _integer("max_ts_us"),
    _us("seen_us"),  # when its last records there were committed, by the wall clock
)  # fmt: skip

profiles = sa.Table(
    "profiles", metadata, _key("workspace"), _key("model"), _key("version"), _key("segment"), _key_us("window_start_us"),
    _key("topic"), _key_us("partition"),
    _integer("rows"), sa.Column("blob", sa.LargeBinary, nullable=False),
    sa.Index(None, "workspace", "model", "window_start_us"),
)  # fmt: skip

windows = sa.Table(
    "windows", metadata, _key("workspace"), _key("model"), _key("size"), _key_us("start_us"),
    _integer("end_us"),
    _text("state", "open"),  # open, closed, measured, sealed
    _integer("data_revision"), _integer("label_revision"), _integer("measured_data_revision"), _integer("measured_label_revision"),
    _integer("own_revision"),  # the data_revision of its own records; what is above it came of a moving reference alone
    _integer("rows"), _integer("labels"), _us("measured_us"),
    _text("reference"),  # what it was measured against; "" for nothing
    _integer("looks"), _integer("looked_revision"),  # how often it could open an alert, and of which data at last
    _us("decide_at_us"),  # the event time from which it is to be decided, 0 for now; null where it is decided
    _us("labels_due_us"),  # the event time of labels at which it is final, and to be measured for it; null where it is
    _integer("delays_revision"),  # the label revision at which the delays of its labels were counted last,
    _integer("delays_own_revision"),  # and the own_revision
    _us("late_since_us"),  # since when records have come late that it was not measured with; null where none have
    _us("late_us"),  # when they last did; null once the model has rested from it (store/late.py)
    *_lease(),
    sa.Index(None, "workspace", "model", "end_us"),
    sa.Index(None, "state", "end_us"),
    sa.Index("ix_windows_late", "workspace", "model", "late_us",
             sqlite_where=sa.text("late_us IS NOT NULL"), postgresql_where=sa.text("late_us IS NOT NULL")),
    sa.Index("ix_windows_labels_due", "workspace", "labels_due_us",
             sqlite_where=sa.text("labels_due_us IS NOT NULL AND state != 'sealed'"),
             postgresql_where=sa.text("labels_due_us IS NOT NULL AND state != 'sealed'")),
    sa.Index("ix_windows_undecided", "workspace", "model", "size", "decide_at_us",
             sqlite_where=sa.text("decide_at_us IS NOT NULL"), postgresql_where=sa.text("decide_at_us IS NOT NULL")),
)  # fmt: skip

references = sa.Table(
    "references", metadata, _key("workspace"), _key("model"), _key("reference"),
    _integer("rows"), sa.Column("blob", sa.LargeBinary, nullable=False),
    _json("performance"),  # metric -> {"value", "lower", "upper", "rows"}; {} without labels
    sa.Column("labels", sa.JSON, nullable=False, server_default="{}"),  # detectors/label_drift.py
    _json("provenance"), _flag("provisional"), _flag("active"), _integer("created_us"),
    _text("moving"),  # how it moves with the windows (kernel/moving.py); "" where it does not
    sa.Column("estimator", sa.JSON(none_as_null=True)),  # of the one in force (detectors/without_labels/codec.py)
    sa.Index("ix_references_moving", "workspace", "model",
             sqlite_where=sa.text("active = 1 AND moving != ''"), postgresql_where=sa.text("active AND moving != ''")),
)  # fmt: skip

reference_segments = sa.Table(
    "reference_segments", metadata, _key("workspace"), _key("model"), _key("reference"),
    _key("segment"),  # COLUMN=VALUE, as profiles have it
    _integer("rows"), sa.Column("blob", sa.LargeBinary, nullable=False),
    sa.Column("performance", sa.JSON, nullable=False, server_default="{}"),  # of its labelled rows, as of the whole reference
    sa.Column("labels", sa.JSON, nullable=False, server_default="{}"),
)  # fmt: skip

reference_samples = sa.Table(
    "reference_samples", metadata, _key("workspace"), _key("model"), _key("reference"),
    sa.Column("rows", sa.LargeBinary, nullable=False),  # an Arrow stream (store/samples.py)
)  # fmt: skip

measurements = sa.Table(
    "measurements", metadata, _key("workspace"), _key("model"), _key("version"), _key("segment"), _key("size"),
    _key_us("window_start_us"), _key("metric"), _key("column"),
    _integer("window_end_us"), _integer("span_start_us"),
    _number("value"), _number("expected"), _number("excess"), _number("p_value"), _number("p_change"),
    _number("alpha"), _number("lower"), _number("upper"), _number("rows"), _number("reference_rows"),
    _text("status"),  # ok, drift, degraded, insufficient, provisional
    _text("basis"),  # how the decision was reached, such as iid-null
    _integer("data_revision"), _integer("label_revision"),
    sa.Index(None, "workspace", "model", "metric", "column", "window_start_us"),
    sa.Index(None, "workspace", "model", "size", "window_start_us"),
)  # fmt: skip

decisions = sa.Table(
    "decisions", metadata, _key("workspace"), _key("model"), _key("version"), _key("segment"), _key("size"),
    _key_us("window_start_us"), _key("metric"), _key("column"),
    _integer("window_end_us"),
    _flag("candidate"),  # the null of independent rows calls it, at a look that may open an alert
    _flag("abnormal"),  # drift, or degraded
    _text("status"), _text("basis"), _number("value"), _number("expected"), _number("p_value"), _number("alpha"),
    _number("p_own"), _number("delta"),  # by the series' own past; null where that is too short
    _number("usual"), _number("usual_lower"), _number("usual_upper"),  # of metrics that no reference is held against
    _number("lower"), _number("upper"), _integer("decided_us"),
    sa.Index(None, "workspace", "model", "window_end_us"),
    sa.Index(None, "workspace", "decided_us"),
    sa.Index("ix_decisions_candidates", "workspace", "model", "size", "window_start_us",
             sqlite_where=sa.text("candidate = 1"), postgresql_where=sa.text("candidate")),
    sa.Index(None, "workspace", "model", "metric", "column", "window_start_us"),
)  # fmt: skip

label_searches = sa.Table(
    "label_searches", metadata, _key("workspace"), _key("topic"), _key_us("partition"), _key_us("first_offset"),
    _integer("end_offset"),  # exclusive; labels in between came without prediction_ts: their windows are still to be found
    *_lease(),
)  # fmt: skip

label_delays = sa.Table(
    "label_delays", metadata, _key("workspace"), _key("model"), _key("size"), _key_us("start_us"), _key("segment"),
    _integer("end_us"), _json("delays"),  # class -> {cell: labels} (store/label_delays.py)
    sa.Column("latest_us", sa.JSON, nullable=False, server_default="[]"),  # when its latest labels came; of "" alone
)  # fmt: skip

label_frontiers = sa.Table(
    "label_frontiers", metadata, _key("workspace"), _key("model"), _key("size"),
    _us("reached_us"),  # how far the labels have come that belong to predictions; null while they are few
)  # fmt: skip

dead_letters = sa.Table(
    "dead_letters", metadata, _key("workspace"),
    _key("source"),  # topic/partition, or gateway/<request>
    _key_us("offset"), _key_us("row"),
    _text("field"), _text("reason"), _text("content_type"), sa.Column("body", sa.LargeBinary, nullable=False),
    _integer("received_us"),
    sa.Index(None, "workspace", "received_us"),
)  # fmt: skip

events = sa.Table(
    "events", metadata, _key("workspace"), _key("topic"), _key_us("partition"), _key_us("offset"), _key_us("row"),
    _text("model"), _text("kind"), _integer("ts_us"), _text("title"), _text("url"), _json("details"),
    _integer("received_us"),
    sa.Index(None, "workspace", "model", "ts_us"),
)  # fmt: skip

alerts = sa.Table(
    "alerts", metadata, _key("workspace"), _key("alert"),
    _text("fingerprint"),  # what it is about: rule, model, version, segment, size, metric, column
    _text("rule"), _text("tier"), _text("state"),  # P0 P1 P2; pending, firing, acknowledged, resolved
    _text("model"), _text("version"), _text("segment"), _text("size"), _text("metric"), _text("column"),
    _number("value"), _number("expected"), _text("summary"), _json("details"),
    _integer("first_window_us"), _integer("last_window_us"),  # event time: the first and last abnormal window
    _integer("seen_window_us"),  # event time: the last window folded in, abnormal or not
    _integer("calm_windows"),  # normal windows in a row since the last abnormal one
    _integer("opened_us"), _us("fired_us"), _us("acknowledged_us"), _text("acknowledged_by"), _us("resolved_us"),
    _us("escalated_us"), _text("incident"),
    _flag("withheld"),  # nobody was told that it fires: it was silenced
    sa.Index(None, "workspace", "model", "state"),
    sa.Index(None, "workspace", "fingerprint", "state"),
    sa.Index(None, "workspace", "incident"),
    sa.Index("ix_alerts_withheld", "workspace", "model",
             sqlite_where=sa.text("withheld = 1"), postgresql_where=sa.text("withheld")),
)  # fmt: skip

silences = sa.Table(
    "silences", metadata, _key("workspace"), _key("silence"),
    _json("matchers"),  # what an alert has to have, by its fields; {} for every alert
    _integer("from_us"), _integer("until_us"), _text("reason"), _text("created_by"), _integer("created_us"),
    _integer("over_us"),  # when it is over: as asked, or the moment that somebody ended it
    sa.Index(None, "workspace", "over_us"),
)  # fmt: skip

incidents = sa.Table(
    "incidents", metadata, _key("workspace"), _key("incident"), _text("model"), _text("tier"), _text("state"), _text("title"),
    _integer("opened_us"), _us("resolved_us"),
    sa.Index(None, "workspace", "model", "state"),
)  # fmt: skip

notifications = sa.Table(
    "notifications", metadata, _key("workspace"),
    _key("notification"),  # derived from alert, what happened and notifier: writing it twice writes it once
    _text("alert"), _text("happening"), _text("notifier"), _json("payload"),
    _text("state", "pending"),  # pending, sent, failed
    _integer("attempts"), _integer("next_try_us"), _text("last_error"), _integer("created_us"), _us("sent_us"), *_lease(),
    sa.Index(None, "state", "next_try_us"),
)  # fmt: skip

retraining_requests = sa.Table(
    "retraining_requests", metadata, _key("workspace"), _key("request"), _text("model"), _text("version"), _text("alert"),
    _text("reason"), _json("payload"), _text("state", "pending"),  # pending, posted, recorded (no webhook), failed
    _integer("attempts"), _integer("next_try_us"), _text("last_error"), _integer("created_us"), _us("posted_us"), *_lease(),
    sa.Index(None, "state", "next_try_us"),
)  # fmt: skip

shadow_runs = sa.Table(
    "shadow_runs", metadata, _key("workspace"), _key("run"), _text("model"), _text("version"), _text("candidate"),
    _json("spec"), _text("state", "queued"),  # queued, running, done, failed
    _number("progress"), _json("result"), _text("verdict"),  # promote, hold, reject
    _json("reasons"), _text("error"), _integer("created_us"), _us("started_us"), _us("finished_us"), *_lease(),
    sa.Index(None, "state", "created_us"),
)  # fmt: skip

business = sa.Table(
    "business", metadata, _key("workspace"), _key("model"), _key("name"), _key_us("ts_us"), _number("value"),
)  # fmt: skip

leases = sa.Table("leases", metadata, _key("name"), *_lease())

cursors = sa.Table(
    "cursors", metadata, _key("workspace"), _key("consumer"),  # how far a reader of stored rows has come
    _text("position"),
)  # fmt: skip
