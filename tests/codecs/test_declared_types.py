"""Declared types: what fits is cast, what does not is refused by row, and the rest of a batch does not matter."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from kernel.profile import Kind
from stream.codecs.declared import check_declared
from stream.codecs.decode import decode
from stream.codecs.topics import RecordKind

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("kind", "values", "kept"),
    [
        (Kind.NUMERIC, [1, "2.5", "x", True, [1], None, "-1e3", "0x10", "nan"], {0: 1.0, 1: 2.5, 5: None, 6: -1000.0}),
        (Kind.CATEGORICAL, [1, "x", True, None], {0: "1", 1: "x", 2: "true", 3: None}),
        (Kind.BOOLEAN, [True, "false", 1, 2, "x", None], {0: True, 1: False, 2: True, 5: None}),
        (Kind.NUMERIC, [[1], [2]], {}),
        (Kind.CATEGORICAL, [[1]], {}),
        (Kind.NUMERIC, [True], {}),
    ],
)
def test_what_fits_is_kept(message: Make, record: Make, kind: Kind, values: list[Any], kept: dict[int, Any]) -> None:
    messages = [message(record(features={"a": v, "b": 1}), i) for i, v in enumerate(values)]
    (batch,) = decode(messages, RecordKind.PREDICTIONS).batches
    checked, refusals = check_declared(batch, {"feature.a": kind, "feature.absent": Kind.NUMERIC})
    assert dict(zip(checked.table["offset"].to_pylist(), checked.table["feature.a"].to_pylist(), strict=True)) == kept
    assert [r.offset for r in refusals] == [i for i in range(len(values)) if i not in kept]
    for refusal in refusals:
        assert (refusal.field, json.loads(refusal.body)["model"]) == ("features.a", "m")
