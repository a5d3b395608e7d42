"""Which columns have a later grid than their first

- which locks does it take, and for how long on a table of 100 million rows? Nobody writes to grids while it is read once: they are
  thousands, never millions.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_grids_renewed',
        'grids',
        ['workspace', 'model', 'column', 'version'],
        unique=False,
        sqlite_where=sa.text('version > 1'),
        postgresql_where=sa.text('version > 1'),
    )


def downgrade() -> None:
    op.drop_index('ix_grids_renewed', 'grids')
