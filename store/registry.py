"""What a process knows of models and columns, kept in memory and made good from the database where something is new.

Dictionaries only grow, so a cached entry never lies; of two processes that meet a new column at once, the loser of the race takes
the winner's entry by reading it back. A grid is the newest version of its column's as of the last `refresh`; what is counted on an
earlier one is refused by whoever commits it (store/commit.py).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from kernel.arrays import whole
from kernel.cells import Int64Array
from kernel.clock import Clock
from kernel.column_counts import distinct_texts
from kernel.column_spec import (
    FEATURE,
    VERSION,
    ColumnSpec,
    finite_numbers,
    is_profiled,
    natural_kind,
    stored_name,
    strangers,
    texts,
)
from kernel.grid import Grid
from kernel.profile import Kind
from store import columns as column_rows
from store import models as model_rows
from store.columns import Column
from store.database import Database
from store.models import Model

Columns: TypeAlias = Sequence[tuple[str, str]]
"""Columns of a table, each by its name there and its stored name."""

INFERRED_AFTER = 1_000  # non-null values
MAX_CATEGORY_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each a workspace may grow before the rest goes to "other" or is not profiled."""

    models: int = 10_000
    columns: int = 1_000
    categories: int = 1_000


class ModelColumns(NamedTuple):
    """Rows of a model in a table, whose columns are to be counted.

    Attributes:
        rows: how many; they begin where those of the one before end.
        segments: features that need a dictionary whatever their kind, to tell their values apart.
    """

    model: str
    rows: int
    segments: Sequence[str] = ()


class Registry:
    """Models, columns, grids and dictionaries of one workspace. Not thread-safe: one a thread."""

    def __init__(self, db: Database, workspace: str, clock: Clock, limits: Limits | None = None) -> None:
        self._db = db
        self._workspace = workspace
        self._clock = clock
        self._limits = limits or Limits()
        self._models: dict[str, Model] = {}
        self._columns: dict[str, dict[str, Column]] = {}
        self._grids: dict[str, dict[str, tuple[int, Grid]]] = {}
        self._dictionaries: dict[str, dict[str, dict[str, int]]] = {}

    def refresh(self, names: Iterable[str]) -> dict[str, Model]:
        """Register what is new and read again what may have changed; a model past the limit is not among the answers."""
        wanted = set(names)
        known = model_rows.known(self._db, self._workspace)
        if wanted - known.keys():
            new = wanted - known.keys()
            model_rows.register(self._db, self._workspace, sorted(new), self._limits.models, self._clock.now_us())
            known = model_rows.known(self._db, self._workspace)
        self._models = known
        self._forget_renewed(wanted)
        self._columns |= column_rows.of_models(self._db, self._workspace, wanted)
        return {name: known[name] for name in wanted if name in known}

    def _forget_renewed(self, names: Iterable[str]) -> None:
        """Let go the grids of models of which one has a later version than is known here: all are read again when needed."""
        with self._db.read() as connection:
            renewed = column_rows.renewed_grids(connection, self._workspace)
        for model in renewed.keys() & self._grids.keys() & set(names):
            known = self._grids[model]
            if any(name in known and known[name][0] < version for name, version in renewed[model].items()):
                del self._grids[model]

    def declared(self, names: Iterable[str]) -> dict[str, dict[str, Kind]]:
        """What people have declared of each model's columns, by stored name."""
        found = column_rows.of_models(self._db, self._workspace, names, only_declared=True)
        return {model: {c.name: c.kind for c in of.values()} for model, of in found.items()}

    def specs(
        self, model: str, table: pa.Table, *, segments: Sequence[str] = (), provisional: bool = True
    ) -> Mapping[str, ColumnSpec]:
        """How to count the columns of a flat table; new columns, grids and categories are written first.

        Args:
            segments: features that need a dictionary whatever their kind, to tell their values apart.
            provisional: whether a grid fitted here comes from traffic and not from a reference.
        """
        return self.specs_of(table, [ModelColumns(model, table.num_rows, segments)], provisional=provisional)[0]

    def specs_of(
        self, table: pa.Table, models: Sequence[ModelColumns], *, provisional: bool = True
    ) -> list[Mapping[str, ColumnSpec]]:
        """How to count the columns of each model whose rows a flat table holds; see `specs`.

        A column without any value in a model's rows has no spec there.
        """
        bounds = np.cumsum([0, *(model.rows for model in models)])
        present = [(f.name, stored_name(f.name)) for f in table.schema if is_profiled(f.name, f.type)]
        filled = _filled(table, bounds, present)
        self._ensure_columns(table.schema, models, filled)
        counted = [
            [c for c in mine if c[1] in self._columns[of.model]] for of, mine in zip(models, filled, strict=True)
        ]
        rows = [partial(table.slice, start, of.rows) for start, of in zip(bounds.tolist(), models, strict=False)]
        self._infer(models, rows, counted)
        for of, part, mine in zip(models, rows, counted, strict=True):
            known = self._columns[of.model]
            self._ensure_grids(of.model, part, [(n, s) for n, s in mine if known[s].kind is Kind.NUMERIC], provisional)
        self._ensure_categories(table, bounds, models, counted)
        return [self._specs(of.model, mine) for of, mine in zip(models, counted, strict=True)]

    def _specs(self, model: str, counted: Columns) -> Mapping[str, ColumnSpec]:
        versions = ColumnSpec(Kind.CATEGORICAL, categories=self._dictionaries[model].get(VERSION, {}))
        known = self._columns[model]
        return {stored: self._spec(model, known[stored]) for _, stored in counted} | {VERSION: versions}

    def _spec(self, model: str, column: Column) -> ColumnSpec:
        version, grid = self._grids[model].get(column.name, (0, None)) if column.kind is Kind.NUMERIC else (0, None)
        return ColumnSpec(column.kind, version, grid, self._dictionaries.get(model, {}).get(column.name, {}))

    def _ensure_columns(self, schema: pa.Schema, models: Sequence[ModelColumns], present: Sequence[Columns]) -> None:
        new: dict[str, list[Column]] = {}
        for of, columns in zip(models, present, strict=True):
            known = self._columns.setdefault(of.model, {})
            room = max(0, self._limits.columns - len(known))
            if unknown := [Column(s, natural_kind(n, schema.field(n).type)) for n, s in columns if s not in known][
                :room
            ]:
                new[of.model] = list({column.name: column for column in unknown}.values())
        if new:
            column_rows.add(self._db, self._workspace, new)
            self._columns |= column_rows.of_models(self._db, self._workspace, new)

    def _infer(
        self, models: Sequence[ModelColumns], rows: Sequence[Callable[[], pa.Table]], counted: Sequence[Columns]
    ) -> None:
        """Look at the values of the columns whose kind is not settled."""
        inferred: dict[str, dict[str, Column]] = defaultdict(dict)
        for of, part, columns in zip(models, rows, counted, strict=True):
            known = self._columns[of.model]
            unsettled = [(name, stored) for name, stored in columns if not known[stored].fixed]
            values = part().select([name for name, _ in unsettled]).columns if unsettled else []
            for (_, stored), column in zip(unsettled, values, strict=True):
                known[stored] = inferred[of.model][stored] = _inferred(known[stored], column)
        if inferred:
            column_rows.infer(self._db, self._workspace, {model: list(of.values()) for model, of in inferred.items()})

    def _ensure_grids(self, model: str, rows: Callable[[], pa.Table], numeric: Columns, provisional: bool) -> None:
        known = self._grids.setdefault(model, {})
        if all(s in known for _, s in numeric):
            return
        table = rows()
        known |= column_rows.newest_grids(self._db, self._workspace, model)
        fitted = {}
        for name, stored in numeric:
            if stored not in known:
                values = finite_numbers(table[name])
                if len(values):
                    fitted[stored] = Grid.fit(values)
        if fitted:
            now_us = self._clock.now_us()
            column_rows.add_grids(self._db, self._workspace, model, fitted, now_us, provisional=provisional)
            known |= column_rows.newest_grids(self._db, self._workspace, model)

    def _ensure_categories(
        self, table: pa.Table, bounds: Int64Array, models: Sequence[ModelColumns], counted: Sequence[Columns]
    ) -> None:
        for model, met in self._met(table, bounds, models, counted).items():
            known = self._dictionaries[model]
            known |= column_rows.dictionaries(self._db, self._workspace, model)
            if new := self._unknown(known, met):
                column_rows.add_categories(self._db, self._workspace, model, new, self._limits.categories)
                known |= column_rows.dictionaries(self._db, self._workspace, model)

    def _met(
        self, table: pa.Table, bounds: Int64Array, models: Sequence[ModelColumns], counted: Sequence[Columns]
    ) -> dict[str, dict[str, set[str]]]:
        """The values of each model and column that are told apart and not known here."""
        told: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, (of, columns) in enumerate(zip(models, counted, strict=True)):
            self._dictionaries.setdefault(of.model, {})
            known, apart = self._columns[of.model], {FEATURE + name for name in of.segments}
            for column in columns:
                if known[column[1]].kind is Kind.CATEGORICAL or column[1] in apart:
                    told[column].append(i)
        if VERSION in table.column_names:
            told[VERSION, VERSION] = list(range(len(models)))
        met: dict[str, dict[str, set[str]]] = {}
        for (name, stored), mine in told.items():
            found, ends, _ = distinct_texts(texts(whole(table[name])), bounds)
            for i in mine:
                known_values = self._dictionaries[models[i].model].get(stored, {})
                new = {
                    t for t in found[ends[i] : ends[i + 1]] if t not in known_values and len(t) <= MAX_CATEGORY_LENGTH
                }
                if new and len(known_values) < self._limits.categories:
                    met.setdefault(models[i].model, {}).setdefault(stored, set()).update(new)
        return met

    def _unknown(self, known: dict[str, dict[str, int]], met: dict[str, set[str]]) -> dict[str, set[str]]:
        """Values that belong into a dictionary and are not there; a full dictionary takes no more."""
        full = self._limits.categories
        missing = {s: values - known.get(s, {}).keys() for s, values in met.items() if len(known.get(s, {})) < full}
        return {stored: values for stored, values in missing.items() if values}


def _inferred(column: Column, values: pa.ChunkedArray) -> Column:
    """The column after these values: its kind is settled for good after 1,000 of them, by what most of them are."""
    seen = column.seen + len(values) - values.null_count
    misfits = column.misfits + strangers(column.kind, values)
    fixed = seen >= INFERRED_AFTER
    kind = column.kind
    if fixed and 2 * misfits > seen:
        natural = natural_kind(column.name, values.type)
        usual = Kind.NUMERIC if kind is Kind.CATEGORICAL else Kind.CATEGORICAL  # what the misfits mostly are
        kind = natural if natural is not kind else usual
    return replace(column, kind=kind, fixed=fixed, seen=seen, misfits=misfits)


def _filled(table: pa.Table, bounds: Int64Array, present: Columns) -> list[Columns]:
    """Of each span of rows the columns that have a value in it; a column without any has no type to infer."""
    sparse = {name: _values(table[name], bounds) for name, _ in present if table[name].null_count}
    if not sparse:
        return [present] * (len(bounds) - 1)
    return [[(n, s) for n, s in present if n not in sparse or sparse[n][i]] for i in range(len(bounds) - 1)]


def _values(column: pa.ChunkedArray, bounds: Int64Array) -> list[int]:
    valid = column.is_valid().to_numpy()
    values: list[int] = np.diff(np.append(0, np.cumsum(valid))[bounds]).tolist()
    return values
