"""How often each label was in a reference, so that label drift is measured

- which locks does it take, and for how long on a table of 100 million rows? PostgreSQL adds a column with a default without rewriting the
  table.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('references', schema=None) as batch_op:
        batch_op.add_column(sa.Column('labels', sa.JSON(), server_default='{}', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('references', schema=None) as batch_op:
        batch_op.drop_column('labels')
