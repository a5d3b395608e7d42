"""When a model's last records in a partition came, and up to when all that lay in the partition is read

- which locks does it take, and for how long on a table of 100 million rows? Two columns without a rewrite; the tables are small.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0022
Follows: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('offsets', schema=None) as batch_op:
        batch_op.add_column(sa.Column('through_us', sa.BigInteger(), nullable=True))
    with op.batch_alter_table('watermarks', schema=None) as batch_op:
        batch_op.add_column(sa.Column('seen_us', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('watermarks', schema=None) as batch_op:
        batch_op.drop_column('seen_us')
    with op.batch_alter_table('offsets', schema=None) as batch_op:
        batch_op.drop_column('through_us')
