"""What a service may log, and what the wire makes of it."""

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest

from driftglass_client import values, wire
from driftglass_client.errors import InvalidRecordError

TEN_US = 1_362_132_000_000_000


@pytest.mark.parametrize(
    "ts",
    [
        "2013-03-01T10:00:00Z",
        "2013-03-01t10:00:00.000000000z",
        "2013-03-01 11:00:00.0+01:00",
        1_362_132_000,
        1_362_132_000.0,
        np.float64(1_362_132_000),
        datetime(2013, 3, 1, 10, tzinfo=UTC),
        datetime(2013, 3, 1, 5, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_every_spelling_of_an_instant_is_the_same_microsecond(ts: object) -> None:
    assert values.time_us(ts) == TEN_US


@pytest.mark.parametrize("ts", [datetime(2013, 3, 1), "2013-03-01T10:00:00", "yesterday", True, float("nan"), 1e18, []])  # noqa: DTZ001
def test_what_is_no_instant_is_refused(ts: object) -> None:
    with pytest.raises((InvalidRecordError, ValueError, OverflowError)):
        values.time_us(ts)


def test_fractions_keep_their_microseconds_both_ways() -> None:
    assert values.time_us("2013-03-01T10:00:00.123456789Z") == TEN_US + 123_456
    assert values.rfc3339(TEN_US + 123_456) == "2013-03-01T10:00:00.123456Z"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("UA"), "UA"),
        (np.array([1, 2]), [1.0, 2.0]),
        (np.array(7.0), 7.0),
        ((True, 2), [1.0, 2.0]),
        (Decimal("0.25"), 0.25),
        (date(2013, 3, 1), "2013-03-01"),
        ([], []),
    ],
)
def test_features_of_other_libraries_become_plain(value: object, expected: object) -> None:
    plain = values.plain(value)
    assert plain == expected
    assert type(plain) is type(expected)


@pytest.mark.parametrize("value", [b"raw", object(), {"a": 1}, np.zeros((2, 2)), ["a"], 1j])
def test_features_without_a_form_are_refused(value: object) -> None:
    with pytest.raises(InvalidRecordError):
        values.plain(value)


def test_class_labels_and_numbers_go_to_their_own_columns() -> None:
    assert values.outcomes(["late", True, np.False_, 2, np.float32(0.5), None, float("inf")]) == (
        ["late", "true", "false", None, None, None, None],
        [None, None, None, 2.0, 0.5, None, None],
    )


def test_a_number_that_does_not_exist_is_null() -> None:
    assert values.numbers([1, float("nan"), float("-inf"), None, np.float64(2)]) == [1, None, None, None, 2]


def test_ids_are_text() -> None:
    own = uuid.uuid4()
    assert values.ids([7, own, "a"]) == ["7", str(own), "a"]
    for bad in ("", 1.5, None):
        with pytest.raises(InvalidRecordError):
            values.ids(["a", bad])


def test_buckets_are_fixed_for_ever() -> None:
    """Producers of all versions and languages must agree: crc32 of workspace NUL model NUL id, modulo buckets."""
    assert [wire.bucket_of("default", "flight-delay", id_) for id_ in ("a-1", "a-2", "é")] == [7, 5, 2]
    counts = np.bincount([wire.bucket_of("default", "m", str(i)) for i in range(8_000)], minlength=8)
    assert counts.min() > 850
    assert counts.max() < 1_150
