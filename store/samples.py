"""Rows of a reference that are kept beside its profile (detectors/multivariate/sample.py)."""

import pyarrow as pa
import sqlalchemy as sa

from kernel.errors import ContractError
from store.database import Database, Transaction
from store.tables import reference_samples


def of_reference(db: Database, workspace: str, model: str, reference: str) -> pa.Table | None:
    """The rows, as flat columns in random order; None where none were kept.

    Raises:
        ContractError: what is stored cannot be read.
    """
    at = reference_samples.c
    query = sa.select(at.rows).where(at.workspace == workspace, at.model == model, at.reference == reference)
    with db.read() as connection:
        blob = connection.scalar(query)
    if blob is None:
        return None
    try:
        return pa.ipc.open_stream(blob).read_all()
    except pa.ArrowException as error:
        raise ContractError("reference", f"the rows kept of {reference} cannot be read: {error}") from error


def insert(tx: Transaction, workspace: str, model: str, reference: str, rows: pa.Table) -> None:
    """Keep the rows of a new reference; `drop` those of the one before."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    key = {"workspace": workspace, "model": model, "reference": reference}
    tx.execute(sa.insert(reference_samples).values(**key, rows=sink.getvalue().to_pybytes()))


def drop(tx: Transaction, workspace: str, model: str) -> None:
    """Keep no rows of a model's references any longer: only those of the one in force are read."""
    at = reference_samples.c
    tx.execute(sa.delete(reference_samples).where(at.workspace == workspace, at.model == model))
