"""A reference for the model: flights as it predicts them, in the columns of the wire, with the labels there are."""

import polars as pl
import pyarrow as pa

from service.demo.flights import CATEGORICAL, FEATURES, MODEL, Flights
from service.demo.model import OnnxModel

_TEXT = ("model", "version", "id", "prediction", "label", *(f"feature.{name}" for name in CATEGORICAL))


def reference_table(flights: Flights, model: OnnxModel) -> pa.Table:
    """The body of PUT /v1/models/flight-delay/reference, in its columnar form.

    Columns: model, version, id, ts (timestamp[us, UTC]), feature.NAME (float64 or string, null where missing),
    prediction, score.late and score.on_time (float64), label (string, null where it never came).
    """
    frame = flights.frame
    scored = model.score(frame.select(FEATURES).to_dict(as_series=False))
    scores = {f"score.{name}": scored.probabilities[:, at].astype("f8") for at, name in enumerate(model.classes)}
    table = frame.select(
        pl.lit(MODEL).alias("model"),
        pl.lit(model.version).alias("version"),
        "id",
        "ts",
        pl.col(FEATURES).name.prefix("feature."),
        pl.Series("prediction", scored.labels),
        *(pl.Series(name, values) for name, values in scores.items()),
        "label",
    ).to_arrow()
    plain = [pa.field(field.name, pa.string()) if field.name in _TEXT else field for field in table.schema]
    return table.cast(pa.schema(plain))
