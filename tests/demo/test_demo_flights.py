from datetime import UTC, datetime, timedelta

import polars as pl

from service.demo.flights import FEATURES, NUMERIC, Flights


def test_every_flight_of_2013_is_there_once(flights: Flights) -> None:
    assert flights.frame.height == 336_776
    assert flights.frame["id"].n_unique() == 336_776
    assert flights.frame.columns == ["id", "ts", *FEATURES, "label", "landed_ts"]
    assert flights.frame["ts"].is_sorted()


def test_what_is_missing_is_what_the_source_lacks(flights: Flights) -> None:
    missing = flights.frame.null_count().row(0, named=True)
    cancelled, without_arrival = 8_255, 9_430
    assert missing["dep_delay"] == cancelled
    assert missing["label"] == missing["landed_ts"] == without_arrival
    assert missing["visib"] == 1_556  # flights of hours for which there is no weather
    assert sum(missing[name] for name in ("id", "ts", "sched_hour", "distance", "carrier", "origin", "dest")) == 0
    assert not flights.frame.select(pl.col(NUMERIC).is_nan().any()).row(0).count(True)


def test_a_label_comes_after_its_prediction_and_within_a_day(flights: Flights) -> None:
    lag = flights.frame.select(lag=pl.col("landed_ts") - pl.col("ts")).drop_nulls()["lag"]
    assert lag.min() > timedelta(minutes=20)
    assert lag.max() < timedelta(hours=13)


def test_known_flights_have_their_known_times(flights: Flights) -> None:
    # The source: UA 1545 left EWR at 5:17 and reached Houston at 8:30 Central time, 11 minutes late.
    first = flights.frame.filter(pl.col("id") == "UA1545-EWR-20130101").row(0, named=True)
    assert first["ts"] == datetime(2013, 1, 1, 10, 17, tzinfo=UTC)
    assert first["landed_ts"] == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)
    assert (first["label"], first["dep_delay"], first["sched_hour"]) == ("on_time", 2.0, 5.0)


def test_a_flight_after_midnight_leaves_the_next_day(flights: Flights) -> None:
    local = flights.frame.with_columns(local=pl.col("ts").dt.convert_time_zone("America/New_York"))
    moved = local.filter(pl.col("local").dt.strftime("%Y%m%d") != pl.col("id").str.tail(8))
    assert moved.height > 1_000
    assert (moved["dep_delay"] > 0).all()


def test_departures_keep_the_local_clock_across_both_changes_of_it(flights: Flights) -> None:
    for day in ("20130310", "20131103", "20130701", "20130115"):
        of_day = flights.frame.filter(pl.col("id").str.ends_with(day) & pl.col("dep_delay").is_not_null())
        scheduled = (pl.col("ts") - pl.duration(minutes="dep_delay")).dt.convert_time_zone("America/New_York")
        assert of_day.select((scheduled.dt.hour() == pl.col("sched_hour")).all()).item()


def test_months_are_calendar_months_in_utc_and_part_the_year(flights: Flights) -> None:
    rows = [flights.months(month, month).frame.height for month in range(1, 13)]
    assert rows[0] == 26_820
    left_after_new_year = flights.between(datetime(2014, 1, 1, tzinfo=UTC), datetime(2014, 1, 2, tzinfo=UTC))
    assert sum(rows) + left_after_new_year.frame.height == 336_776
    assert flights.months(2, 12).frame.height == sum(rows[1:])


def test_labels_land_in_order(flights: Flights) -> None:
    landings = flights.months(1, 1).landings()
    assert landings["landed_ts"].is_sorted()
    assert landings["label"].null_count() == 0
