import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftglass_client.wire import bucket_of
from stream.buckets import buckets


@settings(max_examples=50)
@given(st.text(), st.text(), st.lists(st.text(), max_size=20), st.integers(1, 64))
def test_buckets_are_those_of_the_client(workspace, model, ids, count):
    expected = [bucket_of(workspace, model, i, count) for i in ids]
    assert buckets(workspace, model, pa.array(ids, pa.string()), count).tolist() == expected


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_any_text_of_arrow_serves(kind):
    ids = ["a", "bb", "", "ccc", "é"]
    expected = [bucket_of("w", "m", i) for i in ids]
    array = pa.array(ids).cast(kind)
    assert buckets("w", "m", array).tolist() == expected
    assert buckets("w", "m", array[1:4]).tolist() == expected[1:4]
    assert buckets("w", "m", pa.chunked_array([array[:2], array[2:]])).tolist() == expected


def test_missing_ids_count_as_empty_ones():
    empty = bucket_of("w", "m", "")
    assert buckets("w", "m", pa.array([None, "a", None])[1:]).tolist() == [bucket_of("w", "m", "a"), empty]
    assert buckets("w", "m", pa.array([None, None])).tolist() == [empty, empty]
    assert buckets("w", "m", pa.chunked_array([], pa.string())).dtype == np.int64
