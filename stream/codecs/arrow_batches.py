"""Arrow messages of one partition to batches: the messages of one model become one table, without a copy where types agree."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftglass_client.wire import CONTENT_JSON, HEADER_MODEL, MODEL
from kernel.errors import ContractError
from stream.codecs.arrow_columns import canonical, read_stream
from stream.codecs.batch import MAX_REFUSALS, Batch, Decoded, Refusal
from stream.codecs.columns import ALWAYS, LONGEST, OFFSET, RECEIVED_US, ROW
from stream.codecs.json_records import model_problem, unreadable
from stream.codecs.rows import rows_as_json
from stream.codecs.settle import Origin, settle
from stream.codecs.texts import concat
from stream.codecs.topics import RecordKind
from stream.message import Message


@dataclass(frozen=True, slots=True)
class _Run:
    """Messages of the same columns and the same header: they are cast as one table."""

    model: str | None
    messages: list[Message]
    tables: list[pa.Table]

    def takes(self, table: pa.Table) -> bool:
        """Whether a message of this header has the same columns."""
        return bool(table.schema.equals(self.tables[0].schema))


def decode_arrow(messages: Sequence[Message], kind: RecordKind, origin: Origin) -> Decoded:
    """Everything that Arrow messages of one partition hold."""
    decoded = Decoded()
    parts: dict[str, list[pa.Table]] = {}
    runs = _runs(messages, decoded.refusals)
    alike, others = _alike(runs)
    for several in alike:
        if not _settle_together(several, kind, origin, decoded):
            others.extend(several)
    for run in others:
        for table in _canonical(run, kind, decoded.refusals):
            for model, part in _by_model(table, run.model, origin, decoded.refusals).items():
                parts.setdefault(model, []).append(part)
    for model, tables in parts.items():
        _settle_model(model, concat(tables), kind, origin, decoded)
    return decoded


def _runs(messages: Sequence[Message], refusals: list[Refusal]) -> list[_Run]:
    """The messages of each header, in their order, as few runs: what a run costs does not depend on how models take turns."""
    runs: dict[str | None, list[_Run]] = {}
    for message in messages:
        try:
            table = read_stream(message.value)
        except ContractError as fault:
            refusals.append(unreadable(message, fault.reason, fault.field))
            continue
        if not table.num_rows:
            continue  # it holds no record, whatever its columns are
        model = message.headers.get(HEADER_MODEL)
        mine = runs.setdefault(model, [])
        if not mine or not mine[-1].takes(table):
            mine.append(_Run(model, [], []))
        mine[-1].messages.append(message)
        mine[-1].tables.append(table)
    return [run for mine in runs.values() for run in mine]


def _alike(runs: Sequence[_Run]) -> tuple[list[list[_Run]], list[_Run]]:
    """Runs that are brought in together: models by their headers, each in one run, with the same columns; and the other runs."""
    by_header = Counter(run.model for run in runs)
    by_columns: dict[pa.Schema, list[_Run]] = defaultdict(list)
    for run in runs:
        named = run.model is not None and model_problem(run.model) is None
        if named and by_header[run.model] == 1 and MODEL not in run.tables[0].column_names:
            by_columns[run.tables[0].schema].append(run)
    alike = [several for several in by_columns.values() if len(several) > 1]
    taken = {id(run) for several in alike for run in several}
    return alike, [run for run in runs if id(run) not in taken]


def _settle_together(runs: Sequence[_Run], kind: RecordKind, origin: Origin, into: Decoded) -> bool:
    """Bring in the rows of several models as one table, which costs as much as one model; False where a column cannot be cast."""
    whole = _Run(None, [m for run in runs for m in run.messages], [table for run in runs for table in run.tables])
    try:
        raw = _with_provenance(canonical(pa.concat_tables(whole.tables), kind), whole).combine_chunks()
    except ContractError:
        return False
    table, bad = settle(raw, kind, origin)
    ends = np.cumsum([0, *(sum(one.num_rows for one in run.tables) for run in runs)])
    faulty = np.array([fault.at for fault in bad], np.int64)
    cuts = np.searchsorted(faulty, ends)
    sparse = [name for name in table.column_names if table[name].null_count and name not in ALWAYS[kind]]
    for run, (start, end), (first, last) in zip(runs, pairwise(ends.tolist()), pairwise(cuts.tolist()), strict=True):
        faults = [(at - start, field, reason) for at, field, reason in bad[first:last]]
        into.refusals.extend(refuse_rows(raw.slice(start, end - start), run.model, origin, faults))
        good = table.slice(start - first, end - start - len(faults))
        if good.num_rows:
            empty = [name for name in sparse if good[name].null_count == good.num_rows]
            into.batches.append(Batch(origin.partition, str(run.model), good.drop_columns(empty) if empty else good))
    return True


def _canonical(run: _Run, kind: RecordKind, refusals: list[Refusal]) -> Iterator[pa.Table]:
    """The rows of all messages at once; where some column cannot be cast, of each message that can."""
    try:
        yield _with_provenance(canonical(pa.concat_tables(run.tables), kind), run)
    except ContractError as fault:
        if len(run.messages) == 1:
            refusals.append(unreadable(run.messages[0], fault.reason, fault.field))
            return
        for message, table in zip(run.messages, run.tables, strict=True):
            yield from _canonical(_Run(run.model, [message], [table]), kind, refusals)


def _with_provenance(table: pa.Table, run: _Run) -> pa.Table:
    counts = [one.num_rows for one in run.tables]
    offsets = np.repeat(np.array([m.offset for m in run.messages], np.int64), counts)
    rows = np.concatenate([np.arange(n, dtype=np.int32) for n in counts])
    received_us = np.repeat(np.array([m.timestamp_us for m in run.messages], np.int64), counts)
    for name, values in ((OFFSET, offsets), (ROW, rows), (RECEIVED_US, received_us)):
        table = table.append_column(name, pa.array(values))
    return table


def _by_model(table: pa.Table, header: str | None, origin: Origin, refusals: list[Refusal]) -> dict[str, pa.Table]:
    """The rows of each model, by the column "model" or else by the header; refuses the rows that name none."""
    found = {}
    for model, part in _split(table, header):
        reason = f"must be a text of 1 to {LONGEST} characters" if model is None else model_problem(model)
        if model is not None and reason is None:
            found[model] = part
        else:
            faults = [(i, MODEL, str(reason)) for i in range(part.num_rows)]
            refusals.extend(refuse_rows(part, model, origin, faults))
    return found


def _split(table: pa.Table, header: str | None) -> Iterator[tuple[str | None, pa.Table]]:
    if MODEL not in table.column_names:
        yield header, table
        return
    models, rest = table[MODEL], table.drop_columns([MODEL])
    names = pc.unique(models).to_pylist()
    for name in names:
        chosen = pc.is_null(models) if name is None else pc.equal(models, name)
        yield name, rest if len(names) == 1 else rest.filter(chosen)


def _settle_model(model: str, raw: pa.Table, kind: RecordKind, origin: Origin, into: Decoded) -> None:
    table, bad = settle(raw, kind, origin)
    into.refusals.extend(refuse_rows(raw, model, origin, bad))
    if table.num_rows:
        into.batches.append(Batch(origin.partition, model, table))


def refuse_rows(
    table: pa.Table, model: str | None, origin: Origin, faults: Sequence[tuple[int, str, str]]
) -> list[Refusal]:
    """A refusal of each row named by (index, field, reason), ascending; its body the row as JSON, of the first of each message."""
    if not faults:
        return []
    chosen = table.take(pa.array([index for index, _, _ in faults], pa.int64()))
    offsets, rows = chosen[OFFSET].to_pylist(), chosen[ROW].to_pylist()
    bodies = _bodies(chosen, model)
    return [
        Refusal(origin.partition, offset, row, field, reason, body, CONTENT_JSON)
        for offset, row, body, (_, field, reason) in zip(offsets, rows, bodies, faults, strict=True)
    ]


def _bodies(rows: pa.Table, model: str | None) -> list[bytes]:
    offsets = rows[OFFSET].to_numpy()
    place = np.arange(len(offsets)) - np.searchsorted(offsets, offsets)  # within its message
    told = place < MAX_REFUSALS
    if told.all():
        return rows_as_json(rows, model)
    bodies = iter(rows_as_json(rows.filter(pa.array(told)), model))
    return [next(bodies) if one else b"" for one in told]
