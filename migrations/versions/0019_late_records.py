"""When records came late

- which locks does it take, and for how long on a table of 100 million rows? Columns without a rewrite, and two indexes of no row:
  neither windows nor service_counts has so many, and each is read once.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0019
Follows: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    late = sa.text('late_us IS NOT NULL')
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.add_column(sa.Column('late_since_us', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('late_us', sa.BigInteger(), nullable=True))
    with op.batch_alter_table('service_counts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('late_us', sa.BigInteger(), nullable=True))
    for table in ('windows', 'service_counts'):
        op.create_index(
            f'ix_{table}_late', table, ['workspace', 'model', 'late_us'], sqlite_where=late, postgresql_where=late
        )


def downgrade() -> None:
    for table in ('windows', 'service_counts'):
        op.drop_index(f'ix_{table}_late', table_name=table)
    with op.batch_alter_table('service_counts', schema=None) as batch_op:
        batch_op.drop_column('late_us')
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.drop_column('late_us')
        batch_op.drop_column('late_since_us')
