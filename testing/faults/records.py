"""The records of the fault suite: a number makes a record, always the same one, so what should be stored is known by heart."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from driftglass_client.wire import bucket_of
from kernel.clock import DAY_US, MINUTE_US, to_rfc3339

MODELS = ("fraud", "churn", "delay")
COUNTRIES = ("de", "fr", "it", "pl", "es")
WINDOW_US = DAY_US  # the window of a model that nobody has declared
_FIRST_US = 1_700_006_400_000_000  # 2023-11-15, midnight
_STEP_US = MINUTE_US


@dataclass(frozen=True, slots=True)
class Record:
    """The prediction of a number, as whoever counts knows it."""

    number: int

    @property
    def model(self) -> str:
        """One of MODELS."""
        return MODELS[self.number % len(MODELS)]

    @property
    def id(self) -> str:
        """Its own."""
        return f"r-{self.number}"

    @property
    def version(self) -> str:
        """One of two."""
        return "1" if self.number % 4 else "2"

    @property
    def ts_us(self) -> int:
        """A minute after the number before."""
        return _FIRST_US + self.number % 10_000 * _STEP_US

    @property
    def window_us(self) -> int:
        """Where its window starts."""
        return self.ts_us // WINDOW_US * WINDOW_US

    @property
    def country(self) -> str:
        """The value of its categorical feature."""
        return COUNTRIES[self.number % 7 % len(COUNTRIES)]

    def bucket(self, workspace: str) -> int:
        """Its bucket, which its label shares."""
        return bucket_of(workspace, self.model, self.id)

    def as_json(self) -> dict[str, Any]:
        """As a sender of JSON writes it."""
        return {
            "model": self.model,
            "version": self.version,
            "id": self.id,
            "ts": to_rfc3339(self.ts_us),
            "features": {"amount": self._amount, "country": self.country, "known": self.number % 2 == 0},
            "prediction": self._prediction,
            "scores": {"yes": self._score},
            "latency_ms": 1.0 + self.number % 50,
        }

    def label(self) -> dict[str, Any]:
        """Its label, an hour later."""
        moments = {"ts": to_rfc3339(self.ts_us + 60 * MINUTE_US), "prediction_ts": to_rfc3339(self.ts_us)}
        return {"model": self.model, "id": self.id, "label": self._prediction, **moments}

    @property
    def _amount(self) -> float:
        return float(self.number % 97)

    @property
    def _prediction(self) -> str:
        return "yes" if self.number % 3 else "no"

    @property
    def _score(self) -> float:
        return 0.05 + self.number % 10 / 11


def as_arrow(records: list[Record]) -> bytes:
    """An Arrow message of records of one model, which its header names."""
    rows = [record.as_json() for record in records]
    table = pa.table(
        {
            "version": [row["version"] for row in rows],
            "id": [row["id"] for row in rows],
            "ts": pa.array([record.ts_us for record in records], pa.timestamp("us", "UTC")),
            "prediction": [row["prediction"] for row in rows],
            "latency_ms": [row["latency_ms"] for row in rows],
            "feature.amount": [row["features"]["amount"] for row in rows],
            "feature.country": [row["features"]["country"] for row in rows],
            "feature.known": [row["features"]["known"] for row in rows],
            "score.yes": [row["scores"]["yes"] for row in rows],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
