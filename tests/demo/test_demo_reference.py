import polars as pl
import pyarrow as pa

from service.demo.flights import CATEGORICAL, FEATURES, NUMERIC, Flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths
from service.demo.reference import reference_table


def test_the_reference_is_january_in_the_columns_of_the_wire(flights: Flights, demo_paths: DemoPaths) -> None:
    january = flights.months(1, 1)
    table = reference_table(january, OnnxModel(demo_paths.champion))
    kinds = {field.name: field.type for field in table.schema}
    features = {f"feature.{name}": pa.float64() for name in NUMERIC} | {
        f"feature.{name}": pa.string() for name in CATEGORICAL
    }
    scores = {"score.late": pa.float64(), "score.on_time": pa.float64()}
    texts = dict.fromkeys(("model", "version", "id", "prediction", "label"), pa.string())
    assert kinds == texts | {"ts": pa.timestamp("us", "UTC")} | features | scores
    back = pl.DataFrame(table)
    assert back.select(pl.col(f"feature.{name}").alias(name) for name in FEATURES).equals(
        january.frame.select(FEATURES)
    )
    assert back["id"].equals(january.frame["id"])
    assert back["label"].equals(january.frame["label"])


def test_a_prediction_is_its_likelier_class(flights: Flights, demo_paths: DemoPaths) -> None:
    table = pl.DataFrame(reference_table(flights.months(1, 1), OnnxModel(demo_paths.champion)))
    assert ((table["score.late"] > 0.5) == (table["prediction"] == "late")).all()
    assert ((table["score.late"] + table["score.on_time"] - 1).abs() < 1e-6).all()
    assert set(table["model"]) == {"flight-delay"}
    assert set(table["version"]) == {"1"}
