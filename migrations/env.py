"""Runs the migrations on the database that store.migrate hands over."""

from alembic import context

from store.database import Database
from store.tables import metadata

database: Database = context.config.attributes["database"]

with database.write() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, render_as_batch=database.is_sqlite
    )
    context.run_migrations()
