"""The words of texts as hashes: what a profile keeps of a vocabulary, and nothing that could be read.

A word is a run of letters, in lower case; digits, punctuation and white space part words. A text in a script without white space
is a word from mark to mark. Hashes are FNV-1a (Fowler, Noll, Vo 1991), mixed: the same on every platform.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kernel.cells import Int64Array
from kernel.compiled import compiled
from kernel.samples import WORDS, mixed

_SHIFT = np.uint64(64 - WORDS.bits)
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_NO_LETTERS = r"[^\p{L}\p{M}\x00-\x7F]+"  # beyond ASCII, where bytes alone do not say what a letter is


def word_hashes(texts: pa.Array) -> tuple[Int64Array, Int64Array]:
    """The hashes of each text's words, each once, end to end; and where each text's begin and end, shape (n + 1,).

    Args:
        texts: without nulls, shape (n,).

    >>> hashes, ends = word_hashes(pa.array(["Late, late again!", "2 «AGAIN»", ""]))
    >>> ends.tolist(), len(set(hashes.tolist())), hashes[2] in hashes[:2]
    ([0, 2, 3, 3], 2, True)
    """
    if not len(texts):
        return np.empty(0, np.int64), np.zeros(1, np.int64)
    plain = pc.string_is_ascii(texts)
    if pc.all(plain).as_py() is False:
        rest = pc.utf8_lower(texts.filter(pc.invert(plain)))
        texts = pc.replace_with_mask(texts, pc.invert(plain), pc.replace_substring_regex(rest, _NO_LETTERS, " "))
    return _hash_words(*bytes_of(texts))  # type: ignore[no-any-return]


def text_hashes(texts: pa.Array) -> NDArray[np.uint64]:
    """A hash of 64 bits of each whole text, byte by byte, shape (n,); texts have no nulls."""
    if not len(texts):
        return np.empty(0, np.uint64)
    return _hash_texts(*bytes_of(texts))  # type: ignore[no-any-return]


def bytes_of(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """All bytes, and where each text's begin and end."""
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8), bounds


@compiled
def _hash_texts(letters, bounds):  # type: ignore[no-untyped-def]
    found = np.empty(bounds.size - 1, np.uint64)
    for text in range(found.size):
        hashed = _BASIS
        for at in range(bounds[text], bounds[text + 1]):
            hashed = (hashed ^ np.uint64(letters[at])) * _PRIME
        found[text] = mixed(hashed)
    return found


@compiled
def _hash_words(letters, bounds):  # type: ignore[no-untyped-def]
    texts = bounds.size - 1
    found = np.empty((bounds[-1] - bounds[0] + texts) // 2 + 1, np.int64)
    ends = np.zeros(texts + 1, np.int64)
    end = 0
    for text in range(texts):
        begin, hashed, inside = end, _BASIS, False
        for at in range(bounds[text], bounds[text + 1]):
            letter = letters[at]
            if 65 <= letter <= 90:
                letter += 32
            if letter >= 128 or 97 <= letter <= 122:
                hashed, inside = (hashed ^ np.uint64(letter)) * _PRIME, True
            elif inside:
                found[end] = 1 + np.int64(mixed(hashed) >> _SHIFT)
                end, hashed, inside = end + 1, _BASIS, False
        if inside:
            found[end] = 1 + np.int64(mixed(hashed) >> _SHIFT)
            end += 1
        end = _each_once(found, begin, end)
        ends[text + 1] = end
    return found[:end], ends


@compiled
def _each_once(found, begin, end):  # type: ignore[no-untyped-def]
    """Sort the hashes of a text and drop those that came before; returns where they now end."""
    if end - begin < 2:
        return end
    found[begin:end].sort()
    last = begin
    for at in range(begin + 1, end):
        if found[at] != found[last]:
            last += 1
            found[last] = found[at]
    return last + 1
