"""RFC 3339 times, a whole column at once."""

import pyarrow as pa
import pyarrow.compute as pc

from kernel.arrays import whole
from stream.codecs.columns import MOMENT

_RFC3339 = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
_BEYOND_MICROSECONDS = r"(\.\d{6})\d+"


def parse_rfc3339(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Times of texts such as "2013-03-01T10:00:00.5+01:00", same shape; null where a text is none.

    A zone is needed. Digits beyond the microsecond are cut off. A leap second (:60) is no time here.

    >>> parse_rfc3339(pa.array(["2013-03-01T10:00:00Z", "2013-03-01", "2013-02-30T10:00:00Z"])).cast(pa.int64()).to_pylist()
    [1362132000000000, None, None]
    """
    texts = pc.if_else(pc.match_substring_regex(texts, _RFC3339), texts, None)
    try:
        return pc.cast(texts, MOMENT)
    except pa.ArrowInvalid:
        return _parse_each(pc.replace_substring_regex(pc.utf8_upper(texts), _BEYOND_MICROSECONDS, r"\1"))


def _parse_each(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One by one where some text has the form of a time and is none, such as February 30; equal texts once."""
    encoded = whole(pc.dictionary_encode(texts))
    try:
        moments = pc.cast(encoded.dictionary, MOMENT)
    except pa.ArrowInvalid:
        moments = pa.concat_arrays([_parse_one(encoded.dictionary.slice(i, 1)) for i in range(len(encoded.dictionary))])
    return moments.take(encoded.indices)


def _parse_one(text: pa.Array) -> pa.Array:
    try:
        return pc.cast(text, MOMENT)
    except pa.ArrowInvalid:
        return pa.nulls(1, MOMENT)
