"""References from files: their rows as messages of some rows each, which are decoded and checked as those of a request are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from api.reference_building import Sent
from driftglass_client.wire import CONTENT_ARROW, HEADER_MODEL, TS
from kernel.errors import ContractError
from stream.codecs.columns import MAX_RECORDS, MOMENT
from stream.codecs.file_columns import to_wire
from stream.codecs.row_files import Format, RowFile, open_rows
from stream.message import Message, Partition

NOWHERE = Partition("api", 0)
_SAMPLE = 1 << 16  # rows, from which grids are fitted


def from_file(path: Path, model: str, now_us: int, heard: Callable[[float], None]) -> Sent:
    """The rows of a file.

    Args:
        heard: is told the share of the rows that are done.

    Raises:
        NotFoundError, UnavailableError, ContractError: as open_rows.
    """
    file = open_rows(path, f"the file {path}")
    source = {"source": "file", "name": path.name}
    return _sent(_Messages(file, model, now_us, heard), source)


def from_body(body: bytes, written: Format, model: str, now_us: int) -> Sent:
    """The rows of a body that is a file.

    Raises:
        ContractError: it cannot be read as this format, or holds more rows than a body may.
    """
    file = open_rows(body, "the body", written)
    if file.rows > MAX_RECORDS:
        raise ContractError("", f"the body holds more than {MAX_RECORDS} rows: give the file to `driftglass reference`")
    return _sent(_Messages(file, model, now_us, lambda _: None), {"source": "rows"})


@dataclass(frozen=True, slots=True)
class _Messages:
    """The rows of a file as messages, each time that they are asked for."""

    file: RowFile
    model: str
    now_us: int
    heard: Callable[[float], None]

    def __iter__(self) -> Iterator[Message]:
        first = 0
        for table in self.file.tables():
            yield self.of(table, first)
            first += table.num_rows
            self.heard(first / self.file.rows)

    def of(self, table: pa.Table, first: int = 0) -> Message:
        """Some rows; without a time of their own they are of now."""
        table = to_wire(table)
        if TS not in table.column_names:
            now = pa.scalar(self.now_us, pa.int64()).cast(MOMENT)
            table = table.append_column(TS, pa.repeat(now, table.num_rows))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        headers = {HEADER_MODEL: self.model}
        return Message(NOWHERE, first, sink.getvalue().to_pybytes(), CONTENT_ARROW, headers, self.now_us)


def _sent(rows: _Messages, source: Mapping[str, str]) -> Sent:
    file = rows.file
    told = {"format": file.format.value, "rows": file.rows, "sha256": file.sha256}
    filled = {} if TS in file.columns else {TS: "none in the file: filled in with the time of its reading"}
    sample = rows.of(_sampled(file)) if file.rows > _SAMPLE else None
    return Sent(rows, {**source, **told, **filled}, file.what, sample)


def _sampled(file: RowFile) -> pa.Table:
    """About so many rows from all over the file, the same ones each time: it may be sorted by anything."""
    rng = np.random.default_rng(0)
    share = _SAMPLE / file.rows
    return pa.concat_tables([table.filter(pa.array(rng.random(table.num_rows) < share)) for table in file.tables()])
