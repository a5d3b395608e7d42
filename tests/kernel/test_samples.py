"""Samples of distinct values: exact for what they hold, the same however the rows were split, and known for what they leave out."""

import base64
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.column_spec import ColumnSpec
from kernel.profile import KINDS, Kind, WindowProfile
from kernel.profile_codec import decode_profile, encode_profile
from kernel.profile_difference import without
from kernel.profiling import profile_rows
from kernel.samples import ALL, SIZES, WORDS, count_sample, sample_of
from kernel.vocabulary import word_hashes

TEXT = {"feature.c": ColumnSpec(Kind.TEXT)}
WORDS_OF_C = "text.vocabulary(c)"
OF_FORMAT_3 = (
    "YwEAACi1L/1gYwDFBABkBpkDxCADABBAABhAkqlmZWF0dXJlLmKqbGF0ZW5jeV9tc8TWAgABAAAA8D8AAPB/AADw/wQBAquqqqqqqvo/UFVVVVVV5T9AxAcCAQCA"
    "v4AAxAQBAgECxAwAgD8AAIBAxBgICBQUQBUAoEvPclpJgKx8Y84BNxymWDA2bQgACYRyyyAEBAQArDwAK8kBsDQAFHngGjQoAg=="
)  # a flag and a latency of three rows of weights 1, 2 and 1


def sample(hashes, weights=None, most=4):
    ends = np.array([len(hashes)])
    return count_sample(np.array(hashes, np.int64), weights, np.array([0]), ends, most)[0]


def words(texts: list[str], weights: list[float] | None = None) -> WindowProfile:
    table = pa.table({"feature.c": pa.array(texts, pa.string())})
    return profile_rows(
        table if weights is None else table.append_column("weight", pa.array(weights, pa.float64())), TEXT
    )


def many_texts(seed: int, texts: int, known: int = 20_000) -> list[str]:
    rng = np.random.default_rng(seed)
    spelt = np.array([f"{a}{b}{c}" for a in "abcdefghij" * 3 for b in "klmnopqrst" * 3 for c in "uvwxyz"])
    names = np.array([spelt[i % 600] + spelt[i // 600] for i in range(known)])
    return [" ".join(row) for row in names[np.minimum(rng.zipf(1.3, (texts, 9)), known) - 1].tolist()]


def test_every_kind_that_is_a_sample_is_known_as_one() -> None:
    assert {KINDS[place] for place in SIZES} == {Kind.WORDS, Kind.ROWS}


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 12))
def test_a_sample_holds_the_smallest_hashes_and_how_often_each_came(hashes, most) -> None:
    cells = sample(hashes, most=most)
    held = sorted(Counter(hashes).items())[:most]
    assert list(zip(cells.index.tolist(), cells.rows.tolist(), strict=True)) == (
        [(ALL, len(hashes)), *held] if hashes else []
    )


@pytest.mark.parametrize("distinct", [3, 50, 5_000, 100_000])
def test_a_sample_of_many_is_that_of_all_sorted(distinct) -> None:
    rng = np.random.default_rng(distinct)
    hashes = rng.integers(1, distinct, 200_000)
    cells = sample(hashes, rng.choice([0.5, 4.0], len(hashes)), most=100)
    index, rows = np.unique(hashes, return_counts=True)
    assert (cells.index[1:].tolist(), cells.rows[1:].tolist()) == (index[:100].tolist(), rows[:100].tolist())


texts_of_words = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=4).map(" ".join), max_size=9)


@given(st.lists(texts_of_words, min_size=1, max_size=4), st.booleans(), st.randoms())
@settings(deadline=None)
def test_samples_of_parts_in_any_order_and_grouping_are_that_of_all(parts, weighed, random) -> None:
    of = [words(part, [float(1 + i % 3) for i in range(len(part))] if weighed else None) for part in parts]
    weights = [float(1 + i % 3) for part in parts for i in range(len(part))] if weighed else None
    whole = words([text for part in parts for text in part], weights).columns[WORDS_OF_C].cells
    random.shuffle(of)
    cut = random.randint(0, len(of))
    merged = (
        WindowProfile.merge([WindowProfile.merge(of[:cut]), WindowProfile.merge(of[cut:])]).columns[WORDS_OF_C].cells
    )
    assert (merged.index.tolist(), merged.rows.tolist()) == (whole.index.tolist(), whole.rows.tolist())
    assert merged.shares_of == pytest.approx(whole.shares_of)


def test_samples_that_leave_words_out_merge_come_apart_and_come_back_from_bytes_alike() -> None:
    texts = many_texts(1, 6_000)
    a, b, whole = words(texts[:4_000]), words(texts[4_000:]), words(texts)
    cells = whole.columns[WORDS_OF_C].cells
    assert len(cells.index) == WORDS.most + 1
    for found in (WindowProfile.merge([b, a]), decode_profile(encode_profile(whole))):
        assert found.columns[WORDS_OF_C].cells.index.tolist() == cells.index.tolist()
        assert found.columns[WORDS_OF_C].cells.rows.tolist() == cells.rows.tolist()
    rest, alone = (sample_of(p.columns[WORDS_OF_C].cells, WORDS) for p in (without(whole, b), a))
    assert rest.below < WORDS.space
    assert (rest.total, alone.total) == (alone.total, rest.total)
    assert rest.cells.index.tolist() == alone.under(rest.below).cells.index.tolist()
    assert rest.cells.rows.tolist() == alone.under(rest.below).cells.rows.tolist()
    assert len(encode_profile(whole)) < 9_000


def test_a_sample_knows_how_far_it_reaches() -> None:
    few = sample_of(words(["a b", "b c"]).columns[WORDS_OF_C].cells, WORDS)
    assert (few.reach, few.total, sorted(few.cells.rows.tolist())) == (1.0, 4.0, [1, 1, 2])
    texts = many_texts(2, 20_000)
    distinct = len({word for text in texts for word in text.split()})
    many = sample_of(words(texts).columns[WORDS_OF_C].cells, WORDS)
    assert many.reach == pytest.approx(WORDS.most / distinct, rel=0.1)
    assert many.total == sum(len(set(text.split())) for text in texts)


@given(st.lists(st.text(st.sampled_from("aBé ß7.,-«»їІ漢\u0301\n\x00")), max_size=8))
@settings(deadline=None)
def test_words_are_runs_of_letters_in_lower_case_each_once_a_text(texts) -> None:
    hashes, ends = word_hashes(pa.array(texts, pa.string()))
    spelt = [set(re.findall(r"(?:[^\W\d_]|\u0301)+", text.lower())) for text in texts]
    assert np.diff(ends).tolist() == [len(of) for of in spelt]
    names = {word: word_hashes(pa.array([word]))[0][0] for of in spelt for word in of}
    assert hashes.tolist() == [h for of in spelt for h in sorted(names[word] for word in of)]


def test_hashes_are_the_same_for_ever_and_wherever_a_text_lies_in_its_array() -> None:
    """Profiles are stored: what is counted today is held against what was counted years ago."""
    texts = pa.array(["", "late", "рейс", "late"])
    assert word_hashes(texts)[0].tolist() == [3_354_336, 6_317_070, 3_354_336]
    assert word_hashes(texts.slice(2, 2))[0].tolist() == word_hashes(texts)[0].tolist()[1:]


def test_a_profile_that_was_stored_before_there_were_samples_is_read_and_merged() -> None:
    old = decode_profile(base64.b64decode(OF_FORMAT_3))
    assert (old.rows, old.weight) == (3, 4.0)
    assert old.columns["feature.b"].cells.weight.tolist() == [3.0]
    assert old.columns["latency_ms"].cells.rows.tolist() == [1, 2]
    merged = WindowProfile.merge([old, words(["late again"])])
    assert merged.columns[WORDS_OF_C].missing == 3
    assert sample_of(merged.columns[WORDS_OF_C].cells, WORDS).total == 2
