"""What a series' own recent past shows as usual, beside its decisions

- which locks does it take, and for how long on a table of 100 million rows? PostgreSQL adds columns without a default without rewriting the
  table.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

_NAMES = ('usual', 'usual_lower', 'usual_upper')


def upgrade() -> None:
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        for name in _NAMES:
            batch_op.add_column(sa.Column(name, sa.Double(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        for name in reversed(_NAMES):
            batch_op.drop_column(name)
