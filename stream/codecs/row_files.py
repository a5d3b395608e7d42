"""Files of rows, some rows at a time: Parquet and Arrow, told by how they begin, and CSV, told by its name."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kernel.errors import ContractError, NotFoundError, UnavailableError
from stream.codecs.csv_rows import CsvRows

_VALUES_AT_ONCE = 1 << 23
_ROWS_AT_ONCE = 1 << 16
_BUFFER_BYTES = 1 << 20  # of a column of Parquet; otherwise whole row groups are held
_WRITE_AGAIN = "write it again as Parquet, CSV or Arrow"


class Format(StrEnum):
    """How a file is written."""

    PARQUET = "parquet"
    CSV = "csv"
    ARROW = "arrow"


_BEGINNINGS = {b"PAR1": Format.PARQUET, b"ARROW1": Format.ARROW, b"\xff\xff\xff\xff": Format.ARROW}
_SPELT = {Format.PARQUET: "Parquet", Format.CSV: "CSV", Format.ARROW: "Arrow"}


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of rows, or the bytes of one; read as often as it is asked for.

    Attributes:
        what: it is called in sentences.
        columns: their names, in order, as the file has them.
        rows: how many it holds; `sha256` of its bytes, as hex.
    """

    source: Path | bytes
    what: str
    format: Format
    columns: tuple[str, ...]
    rows: int
    sha256: str
    csv: CsvRows | None = field(default=None, repr=False)

    def tables(self) -> Iterator[pa.Table]:
        """All rows in order, in tables of 65,536 rows, or fewer where there are many columns; the last one holds the rest.

        Raises:
            ContractError: what is there is not of this format.
            UnavailableError: the file has gone.
        """
        wanted = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // max(1, len(self.columns))))
        with _opened(self.source, self.what) as file, _reading(self.what, self.format):
            yield from _regrouped(_batches(file, self.format, self.csv, wanted), wanted)


def open_rows(source: Path | bytes, what: str, written: Format | None = None) -> RowFile:
    """A file of rows, or the bytes of one.

    Args:
        what: it is called in sentences.
        written: its format, where that is known.

    Raises:
        NotFoundError: there is no such file.
        UnavailableError: it may not be read.
        ContractError: it is of no format that is known, or cannot be read as what it seems to be.
    """
    with _opened(source, what) as file:
        format_ = written or _format_of(file, source, what)
    with _opened(source, what) as file, _reading(what, format_):
        if format_ is Format.PARQUET:
            found = pq.ParquetFile(file)
            columns, rows, csv = found.schema_arrow.names, found.metadata.num_rows, None
        elif format_ is Format.CSV:
            csv = CsvRows.scan(file)
            columns, rows = list(csv.columns), csv.rows
        else:
            schema, batches = _arrow(file)
            columns, rows, csv = schema.names, sum(batch.num_rows for batch in batches), None
    return RowFile(source, what, format_, tuple(columns), rows, _sha256(source), csv)


def _format_of(file: pa.NativeFile, source: Path | bytes, what: str) -> Format:
    begins = file.read(8)
    for beginning, format_ in _BEGINNINGS.items():
        if begins.startswith(beginning):
            return format_
    if isinstance(source, Path) and source.suffix.lower() == ".csv":
        return Format.CSV
    raise ContractError("", f"{what} is neither Parquet nor Arrow, nor does its name end with .csv: {_WRITE_AGAIN}")


@contextmanager
def _opened(source: Path | bytes, what: str) -> Iterator[pa.NativeFile]:
    try:
        file = pa.BufferReader(source) if isinstance(source, bytes) else pa.OSFile(str(source))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {what.removeprefix('the ')}: give the path of a file of rows") from error
    except OSError as error:
        raise UnavailableError(f"{what} cannot be opened: {str(error).splitlines()[0]}") from error
    with file:
        yield file


@contextmanager
def _reading(what: str, format_: Format) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError, EOFError) as error:
        reason = (str(error).splitlines() or ["it ends too early"])[0]
        raise ContractError("", f"{what} cannot be read as {_SPELT[format_]}: {reason}; {_WRITE_AGAIN}") from error


def _batches(file: pa.NativeFile, format_: Format, csv: CsvRows | None, wanted: int) -> Iterator[pa.RecordBatch]:
    if csv is not None:
        yield from csv.batches(file)
        return
    for batch in _parquet(file, wanted) if format_ is Format.PARQUET else _arrow(file)[1]:
        batch.validate(full=True)  # offsets and UTF-8, which Parquet takes as they come
        yield batch


def _parquet(file: pa.NativeFile, rows: int) -> Iterator[pa.RecordBatch]:
    """Texts stay in their dictionaries: written out, a few bytes could hold any size."""
    schema = pq.ParquetFile(file).schema_arrow
    texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    file.seek(0)
    found = pq.ParquetFile(file, read_dictionary=texts, buffer_size=_BUFFER_BYTES, pre_buffer=False)
    yield from found.iter_batches(rows, use_threads=False)


def _arrow(file: pa.NativeFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """An IPC stream, or a file (which Feather is)."""
    begins = file.read(6)
    file.seek(0)
    if begins != b"ARROW1":
        stream = pa.ipc.open_stream(file)
        return stream.schema, iter(stream)
    found = pa.ipc.open_file(file)
    return found.schema, (found.get_batch(i) for i in range(found.num_record_batches))


def _regrouped(batches: Iterator[pa.RecordBatch], wanted: int) -> Iterator[pa.Table]:
    """The same rows in tables of so many, whatever the batches are."""
    held: list[pa.RecordBatch] = []
    room = wanted
    for batch in batches:
        at = 0
        while batch.num_rows - at >= room:
            held.append(batch.slice(at, room))
            yield pa.Table.from_batches(held)
            at, held, room = at + room, [], wanted
        if at < batch.num_rows:
            held.append(batch.slice(at))
            room -= batch.num_rows - at
    if held:
        yield pa.Table.from_batches(held)


def _sha256(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with io.FileIO(source) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
