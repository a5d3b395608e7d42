"""The features of a row as one hash: a function of the row alone, whatever its batch looks like."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.column_spec import DISTINCT_ROWS
from kernel.row_hashes import with_row_hashes
from store.record_schema import from_stored, to_stored
from stream.codecs.texts import as_text
from stream.codecs.topics import RecordKind


def hashes(**features: pa.Array) -> list[int | None]:
    return with_row_hashes(pa.table({f"feature.{name}": of for name, of in features.items()}))[
        DISTINCT_ROWS
    ].to_pylist()


def test_rows_are_the_same_where_all_their_features_are() -> None:
    found = hashes(x=[1.0, 1.0, 1.0, 2.0, None], c=["a", "a", "b", "a", "a"])
    assert found[0] == found[1]
    assert len(set(found)) == 4


def test_neither_the_order_of_features_nor_one_without_a_value_matters() -> None:
    x, c = pa.array([1.0, 2.0]), pa.array(["a", "b"])
    assert hashes(x=x, c=c) == hashes(c=c, x=x) == hashes(x=x, c=c, z=pa.array([None, None], pa.string()))
    assert hashes(x=x, y=x.take(pa.array([1, 0]))) != hashes(y=x, x=x.take(pa.array([1, 0])))
    assert hashes(x=x, c=c)[1:] == hashes(x=x[1:], c=c[1:])


def test_a_row_without_a_feature_has_none_and_a_table_without_features_is_as_it_was() -> None:
    assert hashes(x=pa.array([None, 0.0]), c=pa.array([None, None], pa.string()))[0] is None
    table = pa.table({"latency_ms": [1.0]})
    assert with_row_hashes(table) is table


numbers = st.one_of(
    st.floats(allow_nan=False), st.integers(-(10**15), 10**15).map(float), st.sampled_from([0.0, -0.0, 1.0])
)


@given(st.lists(numbers, min_size=1, max_size=20))
@settings(deadline=None)
def test_numbers_are_the_same_beside_texts(values) -> None:
    """A feature of several types in one batch is a column of texts; of the same numbers in another it is one of numbers."""
    floats = pa.array(values, pa.float64())
    assert hashes(x=floats) == hashes(x=as_text(floats))
    flags = pa.array([value > 0 for value in values])
    assert hashes(x=flags) == hashes(x=flags.cast(pa.float64())) == hashes(x=as_text(flags))


def test_texts_that_are_written_otherwise_than_a_number_are_texts() -> None:
    found = hashes(c=["7", "007", "7.0", " 7", "+7", "7e0", "seven", "", "true", "True", "nan"])
    assert len(set(found)) == len(found)
    assert found[0] == hashes(c=[7.0])[0]
    assert found[8] == hashes(c=[True])[0]


def test_lists_are_told_apart_by_their_numbers_and_their_order() -> None:
    lists = [[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [], [0.0], None]
    found = hashes(e=pa.array(lists, pa.list_(pa.float64())))
    assert found[0] == found[2]
    assert len(set(found)) == 5
    assert found[-1] is None
    assert hashes(e=pa.array(lists[:3], pa.list_(pa.float64(), 2))) == found[:3]


def test_what_comes_back_from_the_record_log_is_the_same() -> None:
    rng = np.random.default_rng(0)
    rows = 300
    table = pa.table(
        {
            "feature.x": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.2),
            "feature.n": pa.array(rng.integers(0, 5, rows)),
            "feature.flag": pa.array(rng.random(rows) < 0.5, mask=rng.random(rows) < 0.2),
            "feature.c": pa.array(rng.choice(["a", "12", "true", "0.5", "рейс"], rows)),
            "feature.e": pa.array([[float(i % 3), 1.5] if i % 5 else None for i in range(rows)]),
            "ts": pa.array(np.arange(rows), pa.timestamp("us", "UTC")),
        }
    )
    again = from_stored(to_stored(table, RecordKind.PREDICTIONS), RecordKind.PREDICTIONS)
    assert with_row_hashes(again)[DISTINCT_ROWS].to_pylist() == with_row_hashes(table)[DISTINCT_ROWS].to_pylist()


def test_hashes_are_the_same_for_ever_and_spread_over_all_there_are() -> None:
    """Profiles are stored: what is counted today is held against what was counted years ago."""
    assert hashes(x=[1.0], c=["a"]) == [774_077_932_644]
    found = np.array(hashes(a=pa.array(np.repeat(np.arange(300.0), 300)), b=pa.array(np.tile(np.arange(300.0), 300))))
    assert len(set(found.tolist())) == len(found)
    assert np.histogram(found, 16, (0, 1 << 40))[0] == pytest.approx(len(found) / 16, rel=0.1)
