"""The rows that stand for a window or a reference where profiles do not tell: how many columns go together, and vectors."""

import pyarrow as pa
import pyarrow.compute as pc

from kernel.column_spec import FEATURE

MOST_ROWS = 2_000
_MOST_CELLS = 2_000_000  # 16 MB; fewer rows of more columns
TS = "ts"


def columns_of(table: pa.Table, *, multivariate: bool) -> pa.Table | None:
    """The columns of flat rows that are measured together: vectors, and where that is asked for all features; and ts.

    Vectors are float32. No more rows than the cells allow, the first ones: let their order be random. None where there is
    nothing to measure.

    >>> rows = pa.table({"ts": [0, 1], "feature.x": [1.0, 2.0], "feature.e": [[1.0, 2.0], [3.0, 4.0]]})
    >>> columns_of(rows, multivariate=False).column_names, columns_of(rows.select(["feature.x"]), multivariate=False)
    (['ts', 'feature.e'], None)
    """
    features = [
        f.name for f in table.schema if f.name.startswith(FEATURE) and (multivariate or pa.types.is_list(f.type))
    ]
    if not features:
        return None
    vectors = pa.list_(pa.float32())
    held = {
        name: table[name].cast(vectors) if pa.types.is_list(table.schema.field(name).type) else table[name]
        for name in features
    }
    cells = sum(_width(column) for column in held.values())
    return pa.table({TS: table[TS], **held}).slice(0, max(1, _MOST_CELLS // max(1, cells)))


def _width(column: pa.ChunkedArray) -> int:
    """Numbers of a row."""
    if not pa.types.is_list(column.type):
        return 1
    return int(pc.max(pc.list_value_length(column)).as_py() or 1)
