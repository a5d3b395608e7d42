"""What the columns of a file of rows are called on the wire: a column of no name there is a feature of its own name."""

import re

import pyarrow as pa

from driftglass_client.wire import FEATURE_PREFIX, LABEL, LABEL_VALUE, MODEL, PREDICTION, PREDICTION_VALUE
from stream.codecs.columns import FIXED, PROVENANCE, is_named

_OURS = {MODEL, *(name for of in FIXED.values() for name in of)} - PROVENANCE.keys()
_NUMBERS = {PREDICTION: PREDICTION_VALUE, LABEL: LABEL_VALUE}
_INDEX = re.compile(r"__index_level_\d+__")  # what pandas writes beside the columns


def wire_name(name: str) -> str:
    """The name that a column of a file has on the wire.

    >>> [wire_name(name) for name in ("ts", "score.late", "dep_delay", "feature.carrier", "row")]
    ['ts', 'score.late', 'feature.dep_delay', 'feature.carrier', 'feature.row']
    """
    return name if name in _OURS or is_named(name) else FEATURE_PREFIX + name


def to_wire(table: pa.Table) -> pa.Table:
    """The table with its columns as they are called on the wire, where a `prediction` or `label` of numbers is no class.

    >>> to_wire(pa.table({"x": [1], "label": [0.5], "prediction": ["late"]})).column_names
    ['feature.x', 'label_value', 'prediction']
    """
    kept = [i for i, name in enumerate(table.column_names) if not _INDEX.fullmatch(name)]
    table = table.select(kept)
    names = [wire_name(name) for name in table.column_names]
    for i, kind in enumerate(table.schema.types):
        value = _NUMBERS.get(names[i])
        if value is not None and value not in names and _is_number(kind):
            names[i] = value
    return table.rename_columns(names)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
