"""What else the join of predictions and labels reads of a prediction: its segments, and keys that its model declares."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from kernel.column_spec import FEATURE, flag_name
from stream.codecs.texts import as_text

_TEXT, _NUMBER = "text:", "number:"


@dataclass(frozen=True, slots=True)
class JoinedColumns:
    """Further columns of the join.

    Attributes:
        segments: features, each read as text into the column feature.NAME, as profiles name their values.
        keys: column -> the tag, else the feature, that it holds.
        flags: those of the segments that are recorded as booleans, which the record log keeps as 0 and 1.
    """

    segments: Sequence[str] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    flags: Collection[str] = ()

    @property
    def sql(self) -> str:
        """What is selected of the record log's rows, with a comma after each.

        >>> JoinedColumns(keys={"cluster": "customer"}).sql
        'coalesce(tags[?], texts[?], numbers[?]::varchar) as "cluster", '
        """
        keys = [f'coalesce(tags[?], texts[?], numbers[?]::varchar) as "{column}"' for column in self.keys]
        features = [
            f'texts[?] as "{_TEXT}{place}", numbers[?] as "{_NUMBER}{place}"' for place in range(len(self.segments))
        ]
        return "".join(f"{part}, " for part in keys + features)

    @property
    def values(self) -> list[str]:
        """The parameters of `sql`, in order.

        >>> JoinedColumns(["origin"], {"cluster": "customer"}).values
        ['customer', 'customer', 'customer', 'origin', 'origin']
        """
        return [name for name in self.keys.values() for _ in range(3)] + [n for n in self.segments for _ in range(2)]

    def apart(self, table: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The table without what `sql` selected of the segments, and the segments' features as text.

        >>> rows = pa.table({"feature.x": [3.0], "text:0": [None], "number:0": [3.0]})
        >>> [part.to_pydict() for part in JoinedColumns(["x"]).apart(rows)]
        [{'feature.x': [3.0]}, {'feature.x': ['3']}]
        """
        selected = [f"{side}{place}" for place in range(len(self.segments)) for side in (_TEXT, _NUMBER)]
        return table.drop_columns(selected), self.named(table.select(selected))

    def named(self, table: pa.Table) -> pa.Table:
        """The selected rows with the features as text.

        >>> rows = pa.table({"text:0": [None, "late"], "number:0": [3.0, None]})
        >>> JoinedColumns(["x"]).named(rows).to_pydict()
        {'feature.x': ['3', 'late']}
        >>> JoinedColumns(["x"], flags=["x"]).named(pa.table({"text:0": [None, "false"], "number:0": [1.0, None]})).to_pydict()
        {'feature.x': ['true', 'false']}
        """
        for place, name in enumerate(self.segments):
            sides = f"{_TEXT}{place}", f"{_NUMBER}{place}"
            text = pc.coalesce(*(as_text(table[side].combine_chunks()) for side in sides))
            table = table.drop_columns(list(sides)).append_column(FEATURE + name, self._called(name, text))
        return table

    def of_rows(self, table: pa.Table) -> dict[str, pa.Array]:
        """The same columns of flat rows that are not in the record log.

        >>> rows = pa.table({"feature.x": [3.0], "tag.customer": ["a"]})
        >>> {name: column.to_pylist() for name, column in JoinedColumns(["x"], {"cluster": "customer"}).of_rows(rows).items()}
        {'cluster': ['a'], 'feature.x': ['3']}
        """
        named = {column: [f"tag.{name}", FEATURE + name] for column, name in self.keys.items()}
        named |= {FEATURE + name: [FEATURE + name] for name in self.segments}
        nothing = pa.nulls(table.num_rows, pa.string())
        found = {}
        for column, names in named.items():
            there = [as_text(table[name].combine_chunks()) for name in names if name in table.column_names]
            found[column] = pc.coalesce(*there, nothing)
        return found | {FEATURE + name: self._called(name, found[FEATURE + name]) for name in self.segments}

    def _called(self, segment: str, texts: pa.Array) -> pa.Array:
        if segment not in self.flags:
            return texts
        values = texts.dictionary_encode()
        return pa.array(map(flag_name, values.dictionary.to_pylist()), pa.string()).take(values.indices)


NOTHING_ELSE = JoinedColumns()
