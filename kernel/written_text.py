"""What is counted of a text, which is hardly ever the same twice: the script it is written in, its length, its words.

The text's own column counts scripts; length and words are columns beside it, counted like latencies.
"""

from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernel.cells import Int64Array
from kernel.column_spec import FEATURE, OF_A_TEXT, ColumnSpec
from kernel.profile import Kind

MEASURES = ("length(", "words(")  # how the names of what is measured of texts begin
VOCABULARY = OF_A_TEXT + "vocabulary("
NO_LETTERS, OTHER = 0, 1
_NUMBERS, _WORDS = ColumnSpec(Kind.POSITIVE), ColumnSpec(Kind.WORDS)
_FIRST = 2
_PATTERNS = MappingProxyType(
    {
        "latin": "Latin", "greek": "Greek", "cyrillic": "Cyrillic", "arabic": "Arabic", "hebrew": "Hebrew",
        "devanagari": "Devanagari", "bengali": "Bengali", "tamil": "Tamil", "thai": "Thai", "georgian": "Georgian",
        "armenian": "Armenian", "hangul": "Hangul", "hiragana": "Hiragana", "katakana": "Katakana", "han": "Han",
    }
)  # fmt: skip
SCRIPTS = MappingProxyType({NO_LETTERS: "no letters", OTHER: "other"} | dict(enumerate(_PATTERNS, start=_FIRST)))
"""The script of each code; the profiles hold codes, so a new one comes last."""


def scripts(texts: pa.Array) -> Int64Array:
    """The code of the script that most letters of each text belong to, shape (n,); texts have no nulls.

    Source: the scripts of Unicode Standard Annex 24.

    >>> [SCRIPTS[code] for code in scripts(pa.array(["Straße 7", "улица", "42", "ab шш ш"])).tolist()]
    ['latin', 'cyrillic', 'no letters', 'cyrillic']
    """
    plain = pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
    codes = np.zeros(len(texts), np.int64)
    lettered = pc.match_substring_regex(texts, "[A-Za-z]").to_numpy(zero_copy_only=False)
    codes[plain & lettered] = _FIRST
    rest = texts.filter(pa.array(~plain))
    if len(rest):
        counts = np.stack([_count(rest, rf"\p{{{name}}}") for name in _PATTERNS.values()])
        found = np.where(counts.max(axis=0) > 0, _FIRST + counts.argmax(axis=0), OTHER)
        codes[~plain] = np.where(_count(rest, r"\p{L}") > 0, found, NO_LETTERS)
    return codes


def vocabulary(stored: str) -> str:
    """The stored name of the column with a text's words.

    >>> vocabulary("feature.comment")
    'text.vocabulary(comment)'
    """
    return f"{VOCABULARY}{stored.removeprefix(FEATURE)})"


def beside(stored: str) -> dict[str, ColumnSpec]:
    """The columns that are counted beside a text's, by stored name: its length in characters, how many words, and which.

    >>> list(beside("feature.comment"))
    ['text.length(comment)', 'text.words(comment)', 'text.vocabulary(comment)']
    """
    measures = {f"{OF_A_TEXT}{measure}{stored.removeprefix(FEATURE)})": _NUMBERS for measure in MEASURES}
    return {**measures, vocabulary(stored): _WORDS}


def with_measures(table: pa.Table, name: str) -> pa.Table:
    """A flat table with what is counted beside a text column; null where it is.

    How many words is by white space: a text in a script without any is one. Which they are is the text itself, read by
    kernel/vocabulary.py.

    >>> found = with_measures(pa.table({"feature.c": ["two words", None]}), "feature.c")
    >>> found["text.length(c)"].to_pylist(), found["text.words(c)"].to_pylist()
    ([9.0, None], [2.0, None])
    """
    texts = table[name].cast(pa.string())
    numbers = (values.cast(pa.float64()) for values in (pc.utf8_length(texts), _words(texts)))
    for column, values in zip(beside(name), (*numbers, texts), strict=True):
        table = table.append_column(column, values)
    return table


def _words(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.count_substring_regex(texts, r"\S+")


def _count(texts: pa.Array, pattern: str) -> Int64Array:
    return np.asarray(pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), np.int64)
