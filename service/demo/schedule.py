"""The order of a replay: which flights are predicted together, and which labels have come by then."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kernel.clock import SECOND_US, to_datetime
from service.demo.flights import FEATURES, Flights

# Every tenth label leaves out when its prediction was made, so that both ways of finding the prediction are used.
PLAIN_LABEL_EVERY = 10

Label = tuple[str, str, datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Step:
    """Predict these flights together, then send the labels that have come by the last departure.

    reached: the event time after this step. flights: one JSON text a flight, as POST /predict takes it; may be empty.
    labels: (id, label, landed, departed or None), in landing order; may be empty.
    """

    reached: datetime
    flights: list[str]
    labels: list[Label]


def steps(flights: Flights, batch_rows: int, stretch: timedelta) -> Iterator[Step]:
    """Predictions and labels in event time; no label comes before its prediction.

    A batch holds flights that leave in the same calendar stretch of time, at most batch_rows of them. The last step
    holds the labels that come after the last departure.
    """
    departed_us = _microseconds(flights.frame["ts"])
    labels = _labels(flights)
    bodies = _bodies(flights.frame)
    ends = batch_ends(departed_us, batch_rows, round(stretch.total_seconds() * SECOND_US))
    come = np.searchsorted(_microseconds(labels["landed_ts"]), departed_us[ends - 1], side="right")
    start = label_start = 0
    for end, label_end in zip(ends.tolist(), come.tolist(), strict=True):
        sent = labels.slice(label_start, label_end - label_start).rows()
        yield Step(to_datetime(int(departed_us[end - 1])), bodies.slice(start, end - start).to_list(), sent)
        start, label_start = end, label_end
    if label_start < labels.height:
        yield Step(labels["landed_ts"][-1], [], labels.slice(label_start).rows())


def batch_ends(ts_us: NDArray[np.int64], batch_rows: int, stretch_us: int) -> NDArray[np.int64]:
    """Where the batches of ascending times end (exclusive).

    >>> batch_ends(np.array([0, 1, 2, 61, 62, 200]), batch_rows=2, stretch_us=60).tolist()
    [2, 3, 5, 6]
    """
    stretches = ts_us // stretch_us
    starts = np.flatnonzero(np.r_[True, stretches[1:] != stretches[:-1]])
    place = np.arange(len(ts_us)) - np.repeat(starts, np.diff(starts, append=len(ts_us)))
    return np.append(np.flatnonzero(place % batch_rows == 0)[1:], len(ts_us))


def _microseconds(times: pl.Series) -> NDArray[np.int64]:
    return times.dt.epoch("us").to_numpy()


def _labels(flights: Flights) -> pl.DataFrame:
    plain = pl.int_range(pl.len()) % PLAIN_LABEL_EVERY == 0
    return flights.landings().select("id", "label", "landed_ts", departed=pl.when(~plain).then("ts"))


def _bodies(frame: pl.DataFrame) -> pl.Series:
    """Each flight as JSON text, made for all flights at once: row by row it would cost more than the prediction."""
    ts = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return frame.select(pl.struct("id", ts, features=pl.struct(FEATURES)).struct.json_encode()).to_series()
