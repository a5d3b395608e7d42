"""The features of each row as one hash, so that rows which are the same can be counted without being kept.

A row's hash is a sum over its features, each mixed with its name: their order does not matter, and one that is absent is as null.
A value is the same whatever type its column has in a batch: numbers and booleans as float64, and so is a text that is written as
such a number would be. It hangs on the row alone, so rows that are folded again from the record log have the same.
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.arrays import whole
from kernel.column_spec import DISTINCT_ROWS, FEATURE
from kernel.compiled import compiled
from kernel.samples import ROWS, mixed
from kernel.vocabulary import bytes_of, text_hashes

BoolArray = NDArray[np.bool_]
UInt64Array = NDArray[np.uint64]

_WORDS_FOR = {"false": 0.0, "true": 1.0, "nan": np.nan, "inf": np.inf, "-inf": -np.inf}
_NUMBER = r"^(-?\d+(\.\d+)?(e[-+]?\d+)?|true|false|nan|-?inf)$"
_WHOLE = r"^(0|-?[1-9]\d*)$"
_EXACT = float(1 << 53)  # below, whole numbers are written without an exponent (stream/codecs/texts.py)
_ALL_VALID: BoolArray = np.empty(0, np.bool_)
_ODD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(64 - ROWS.bits)
_SIGN = np.uint64(1 << 63)


def with_row_hashes(table: pa.Table) -> pa.Table:
    """A flat table with the hash of each row's features, from 1 on; null where it has none. As it is without features.

    >>> table = pa.table({"feature.a": [1.0, 1.0, None], "feature.b": ["x", "x", None]})
    >>> one, same, none = with_row_hashes(table)["rows.distinct"].to_pylist()
    >>> one == same, none
    (True, None)
    """
    names = [name for name in table.column_names if name.startswith(FEATURE)]
    if not names or DISTINCT_ROWS in table.column_names:
        return table
    sums, some = np.zeros(len(table), np.uint64), np.zeros(len(table), np.bool_)
    for name in names:
        column = whole(table[name])
        if column.null_count == len(column):
            continue
        valid = np.asarray(column.is_valid()) if column.null_count else _ALL_VALID
        some |= valid if len(valid) else True
        values, codes = _values(column)
        _add(values, codes, valid, _salt(name), sums)
    hashes = _hashes(sums)
    lost = None if some.all() else ~some
    return table.append_column(DISTINCT_ROWS, pa.array(hashes, mask=lost))


def _salt(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") | 1)


def _values(column: pa.Array) -> tuple[UInt64Array, NDArray[np.int32]]:
    """64 bits for each value; and where values repeat, those of each distinct one, and which of these each row has."""
    every = np.empty(0, np.int32)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
        return _of_lists(column), every
    if not (pa.types.is_boolean(column.type) or pa.types.is_primitive(column.type)):
        written = column.cast(pa.string())
        if not _some_may_be_numbers(*bytes_of(written)):
            return text_hashes(written), every
        encoded = written.dictionary_encode()
        return _of_texts(encoded.dictionary), _filled(encoded.indices)
    return _bits(_filled(column.cast(pa.float64()))), every


def _filled(column: pa.Array) -> NDArray[Any]:
    return np.asarray((column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False))


def _of_texts(known: pa.Array) -> UInt64Array:
    hashes = text_hashes(known)
    looks = np.flatnonzero(pc.match_substring_regex(known, _NUMBER).to_numpy(zero_copy_only=False))
    written = known.take(pa.array(looks))
    named = pc.is_in(written, pa.array(list(_WORDS_FOR))).to_numpy(zero_copy_only=False)
    numbers = np.array([_WORDS_FOR.get(text, np.nan) for text in written.to_pylist()])
    digits = written.filter(pa.array(~named))
    read = digits.cast(pa.float64())
    numbers[~named] = read.to_numpy()
    plain = pc.and_(pc.match_substring_regex(digits, _WHOLE), pc.less(pc.abs(read), _EXACT))
    same = np.ones(len(looks), np.bool_)
    same[~named] = pc.or_(plain, pc.equal(read.cast(pa.string()), digits)).to_numpy(zero_copy_only=False)
    hashes[looks[same]] = _bits(numbers[same])
    return hashes


def _of_lists(column: pa.Array) -> UInt64Array:
    lists = column.cast(pa.list_(pa.float64()))
    return _fold_lists(_bits(_filled(lists.values)), lists.offsets.to_numpy())  # type: ignore[no-any-return]


def _bits(numbers: NDArray[Any]) -> UInt64Array:
    return np.ascontiguousarray(numbers, np.float64).view(np.uint64)


@compiled
def _some_may_be_numbers(letters, bounds):  # type: ignore[no-untyped-def]
    """Whether any text begins as those of _NUMBER do; so the others need not be told apart to be hashed."""
    for text in range(bounds.size - 1):
        length = bounds[text + 1] - bounds[text]
        if length:
            first = letters[bounds[text]]
            if 48 <= first <= 57 or first == 45:  # a digit, or a minus
                return True
            if 3 <= length <= 5 and (
                first == 116 or first == 102 or first == 110 or first == 105
            ):  # true, false, nan, inf
                return True
    return False


@compiled
def _plain(bits):  # type: ignore[no-untyped-def]
    """The bits of a number; 0 has one sign."""
    return bits ^ (np.uint64(bits == _SIGN) << np.uint64(63))


@compiled
def _fold_lists(bits, offsets):  # type: ignore[no-untyped-def]
    found = np.empty(offsets.size - 1, np.uint64)
    for row in range(found.size):
        folded = np.uint64(offsets[row + 1] - offsets[row])
        for at in range(offsets[row], offsets[row + 1]):
            folded = mixed(folded ^ (_plain(bits[at]) * _ODD))
        found[row] = folded
    return found


@compiled
def _add(values, codes, valid, salt, sums):  # type: ignore[no-untyped-def]
    """Add to the sums what each row has in a column: one multiplication and some shifts a value."""
    for row in range(sums.size):
        if not valid.size or valid[row]:
            bits = _plain(values[codes[row]] if codes.size else values[row]) ^ _ODD
            bits = (bits ^ (bits >> np.uint64(32))) * salt
            sums[row] += bits ^ (bits >> np.uint64(29))


@compiled
def _hashes(sums):  # type: ignore[no-untyped-def]
    found = np.empty(sums.size, np.int64)
    for row in range(sums.size):
        found[row] = 1 + np.int64(mixed(sums[row]) >> _SHIFT)
    return found
