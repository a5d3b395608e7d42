"""What a process knows of models and columns, kept in memory and made good from the database where something is new.

Grids and dictionaries only grow, so a cached entry never lies; of two processes that meet a new column at once, the loser of the
race takes the winner's entry by reading it back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from kernel.clock import Clock
from kernel.grid import Grid
from kernel.profile import Kind
from kernel.profiling import (
    FEATURE,
    VERSION,
    ColumnSpec,
    finite_numbers,
    is_profiled,
    natural_kind,
    stored_name,
    strangers,
)
from store import columns as column_rows
from store import models as model_rows
from store.columns import Column
from store.database import Database
from store.models import Model

INFERRED_AFTER = 1_000  # non-null values
MAX_CATEGORY_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each a workspace may grow before the rest goes to "other" or is not profiled."""

    models: int = 10_000
    columns: int = 1_000
    categories: int = 1_000


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
        self._columns |= column_rows.of_models(self._db, self._workspace, wanted)
        return {name: known[name] for name in wanted if name in known}

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
        present = [(f.name, stored_name(f.name)) for f in table.schema if is_profiled(f.name, f.type)]
        self._ensure_columns(model, table, present)
        known = self._columns[model]
        counted = [(name, stored) for name, stored in present if stored in known]
        numeric = [(n, s) for n, s in counted if known[s].kind is Kind.NUMERIC]
        self._ensure_grids(model, table, numeric, provisional)
        apart = {FEATURE + name for name in segments}
        told = [(n, s) for n, s in counted if known[s].kind is Kind.CATEGORICAL or s in apart]
        named = [(VERSION, VERSION)] if VERSION in table.column_names else []
        self._ensure_categories(model, table, told + named)
        versions = ColumnSpec(Kind.CATEGORICAL, categories=self._dictionaries[model].get(VERSION, {}))
        return {stored: self._spec(model, known[stored]) for _, stored in counted} | {VERSION: versions}

    def _spec(self, model: str, column: Column) -> ColumnSpec:
        version, grid = self._grids[model].get(column.name, (0, None)) if column.kind is Kind.NUMERIC else (0, None)
        return ColumnSpec(column.kind, version, grid, self._dictionaries.get(model, {}).get(column.name, {}))

    def _ensure_columns(self, model: str, table: pa.Table, present: list[tuple[str, str]]) -> None:
        known = self._columns.setdefault(model, {})
        room = max(0, self._limits.columns - len(known))
        # A column without any value yet has no type to infer.
        candidates = [(n, s) for n, s in present if s not in known and table[n].null_count < table.num_rows]
        new = {s: Column(s, natural_kind(n, table[n].type)) for n, s in candidates[:room]}
        if new:
            column_rows.add(self._db, self._workspace, model, list(new.values()))
            known = self._columns[model] = column_rows.of_models(self._db, self._workspace, [model])[model]
        inferred = [_inferred(known[s], table[n]) for n, s in present if s in known and not known[s].fixed]
        if inferred:
            column_rows.infer(self._db, self._workspace, model, inferred)
            known |= {c.name: c for c in inferred}

    def _ensure_grids(self, model: str, table: pa.Table, numeric: list[tuple[str, str]], provisional: bool) -> None:
        known = self._grids.setdefault(model, {})
        if all(s in known for _, s in numeric):
            return
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

    def _ensure_categories(self, model: str, table: pa.Table, categorical: list[tuple[str, str]]) -> None:
        known = self._dictionaries.setdefault(model, {})
        met: dict[str, set[str]] = {}
        for name, stored in categorical:  # a prediction may come in two columns, classes and numbers
            met.setdefault(stored, set()).update(_distinct(table[name]))
        if not self._unknown(known, met):
            return
        known |= column_rows.dictionaries(self._db, self._workspace, model)
        if new := self._unknown(known, met):
            column_rows.add_categories(self._db, self._workspace, model, new, self._limits.categories)
            known |= column_rows.dictionaries(self._db, self._workspace, model)

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


def _distinct(values: pa.ChunkedArray) -> set[str]:
    texts = pc.unique(values.cast(pa.string())).to_pylist()
    return {text for text in texts if text is not None and len(text) <= MAX_CATEGORY_LENGTH}
