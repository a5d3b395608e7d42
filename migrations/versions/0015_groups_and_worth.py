"""Which segments are groups that are to be treated alike, and what predictions are worth

- which locks does it take, and for how long on a table of 100 million rows? PostgreSQL adds columns with a default without rewriting the
  table.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0015
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.add_column(sa.Column('fairness', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('value', sa.JSON(), server_default='{}', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.drop_column('value')
        batch_op.drop_column('fairness')
