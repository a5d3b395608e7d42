"""Service levels of models with objectives, every five minutes: burn rates, what is left of the budget, uptime. Reads and writes.

A model's five minutes are measured once event time has passed them, and again from the first on that rows came to later, once the
model has rested from late records. A time without a row while the model was retired is no downtime.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from detectors.burn_rate import PAIRS, budget_left, burn
from kernel.clock import DAY_US, HOUR_US, Clock
from kernel.measurement import SERVICE_SPAN_US, Measurement, Status
from kernel.windows import Span
from store import service_counts, service_levels
from store.database import Database
from store.late import Came, Rest
from store.models import Model, Objectives, hold

_BUDGET_US = 30 * DAY_US
_BEHIND_US = 7 * DAY_US  # what is older when it is looked at first, or again, is not measured
_KEPT_US = _BUDGET_US + _BEHIND_US
Counts = Mapping[str, np.ndarray]


class ServiceLevels:
    """Measures the service levels of one workspace. Several may run: a model is one's at a time."""

    def __init__(self, db: Database, workspace: str, clock: Clock) -> None:
        self._db = db
        self._workspace = workspace
        self._clock = clock
        self._done: dict[str, int] = {}  # up to where each model was found to be measured

    def step(self, models: Mapping[str, Model], marks: Mapping[str, int], came: Mapping[str, Came], rest: Rest) -> int:
        """Measure what is due; returns of how many five minutes.

        Args:
            marks: how far the event time of each model has come.
            came: when records came late to windows, of the models that they did; rest: what is late waits for it.

        Raises:
            UnavailableError: the database is away; what was not measured is due again.
        """
        now_us = self._clock.now_us()
        promised = [name for name, model in sorted(models.items()) if model.objectives and name in marks]
        if not promised:
            return 0
        with self._db.read() as connection:
            late = service_counts.late(connection, self._workspace)
        filling = {
            name for name in promised if rest.holds(came.get(name)) or (name in late and rest.holds(late[name].came))
        }
        again = late.keys() - filling
        due = [
            name
            for name in promised
            if name in again or self._done.get(name, 0) + SERVICE_SPAN_US <= min(marks[name], now_us)
        ]
        known = service_counts.known(self._db, self._workspace, due) if due else set()
        return sum(
            self._model(models[name], marks[name], again=name in again, filling=name in filling)
            for name in due
            if name in known
        )

    def _model(self, model: Model, mark_us: int, *, again: bool, filling: bool) -> int:
        """Measure one model.

        Args:
            again: whether from the first five minutes on that rows came late to.
            filling: whether rows come late just now: of a model that was never measured, all waits for their end.
        """
        now_us = self._clock.now_us()
        reached_us = min(mark_us, now_us) // SERVICE_SPAN_US * SERVICE_SPAN_US
        ended = mark_us > now_us  # or the clock is behind
        with self._db.write() as tx:
            hold(tx, self._workspace, model.name)
            done_us = service_levels.come_to(tx, self._workspace, model.name)
            if done_us is None and filling:
                return 0
            # Read after come_to: rows that come before it from here on are noted as late.
            known = service_counts.span(tx, self._workspace, model.name)
            end_us = min(reached_us, known[1] + SERVICE_SPAN_US) if ended else reached_us
            since_us = known[0] if done_us is None else done_us
            late = service_counts.late(tx, self._workspace, model.name).get(model.name) if again else None
            if late is not None:
                since_us, end_us = min(since_us, late.start_us), max(end_us, done_us or end_us)
            since_us = max(since_us, end_us - _BEHIND_US)
            self._done[model.name] = reached_us
            if since_us >= end_us:
                return 0
            first_us = max(known[0], since_us - _BUDGET_US)  # the longest span of all
            counts = service_counts.between(tx, self._workspace, model.name, first_us, end_us)
            found = measure_service(counts, model.objectives, first_us, since_us, model.retired)
            service_levels.write(tx, self._workspace, model.name, found, end_us, now_us)
            if late is not None:
                service_counts.settle(tx, self._workspace, model.name)
            service_counts.expire(tx, self._workspace, model.name, end_us - _KEPT_US)
        return (end_us - since_us) // SERVICE_SPAN_US


def measure_service(
    counts: Counts, objectives: Objectives, first_us: int, since_us: int, away: Sequence[Span] = ()
) -> Iterator[tuple[int, Measurement]]:
    """Burn rates of each five minutes from one on, by its start; and at the end of each hour budget and uptime.

    Args:
        counts: by name (rows, errors, timed, slow), of consecutive five minutes, the first of which starts at `first_us`.
        away: when the model was retired.
    """
    starts = first_us + SERVICE_SPAN_US * np.arange(len(counts["rows"]))
    for column, objective, bad, rows in _promised(counts, objectives):
        for pair in PAIRS:
            found = burn(bad, rows, objective, pair)
            for i in np.flatnonzero((starts >= since_us) & np.isfinite(found.rate)):
                status = Status.DEGRADED if found.called[i] else Status.OK
                rate, rows_of = float(found.rate[i]), float(found.rows[i])
                basis = f"{found.bad[i]:,} of {found.rows[i]:,} rows"
                measured = Measurement(pair.metric, column, rate, status, found.limit, rows=rows_of, basis=basis)
                yield int(starts[i]), measured
        for i in _hours(starts, since_us):
            span = slice(max(0, i + 1 - _BUDGET_US // SERVICE_SPAN_US), i + 1)
            total = int(rows[span].sum())
            left = budget_left(int(bad[span].sum()), total, objective)
            if left is not None:
                yield int(starts[i]), Measurement("error_budget", column, left, Status.OK, rows=total, basis="30 days")
    up, wanted = counts["rows"] > counts["errors"], (counts["rows"] > 0) | ~_within(starts, away)
    for i in _hours(starts, since_us):
        span = slice(max(0, i + 1 - _BUDGET_US // SERVICE_SPAN_US), i + 1)
        of = up[span][wanted[span]]
        if len(of):
            yield int(starts[i]), Measurement("uptime", "", float(of.mean()), Status.OK, rows=len(of), basis="30 days")


def _promised(counts: Counts, objectives: Objectives) -> Iterator[tuple[str, float, np.ndarray, np.ndarray]]:
    if objectives.availability is not None:
        yield "availability", objectives.availability, counts["errors"], counts["rows"]
    if objectives.latency is not None:
        yield "latency", objectives.latency, counts["slow"], counts["timed"]


def _hours(starts: np.ndarray, since_us: int) -> np.ndarray:
    """The places of the five minutes that end an hour."""
    return np.flatnonzero((starts >= since_us) & ((starts + SERVICE_SPAN_US) % HOUR_US == 0))


def _within(starts: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """Which five minutes touch one of these."""
    touched = np.zeros(len(starts), np.bool_)
    for since_us, end_us in spans:
        touched |= (starts < end_us) & (since_us < starts + SERVICE_SPAN_US)
    return touched
