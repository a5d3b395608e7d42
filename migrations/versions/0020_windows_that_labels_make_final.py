"""Find the windows that have all of their labels by now without reading the others

- which locks does it take, and for how long on a table of 100 million rows? An index of the windows that wait for labels: windows are
  not written while the table is read once, a minute or two.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0020
Follows: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

_WAITING = sa.text("labels_due_us IS NOT NULL AND state != 'sealed'")


def upgrade() -> None:
    op.create_index(
        'ix_windows_labels_due',
        'windows',
        ['workspace', 'labels_due_us'],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def downgrade() -> None:
    op.drop_index('ix_windows_labels_due', table_name='windows')
