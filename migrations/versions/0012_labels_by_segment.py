"""What labels say of a reference's segments, what errors cluster by, and what a list of a ranking is

- which locks does it take, and for how long on a table of 100 million rows? PostgreSQL adds columns with a default without rewriting the
  table.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.add_column(sa.Column('cluster', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('ranking', sa.JSON(), server_default='{}', nullable=False))
    with op.batch_alter_table('reference_segments', schema=None) as batch_op:
        batch_op.add_column(sa.Column('performance', sa.JSON(), server_default='{}', nullable=False))
        batch_op.add_column(sa.Column('labels', sa.JSON(), server_default='{}', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('reference_segments', schema=None) as batch_op:
        batch_op.drop_column('labels')
        batch_op.drop_column('performance')
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.drop_column('ranking')
        batch_op.drop_column('cluster')
