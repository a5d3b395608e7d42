"""Which windows have new records of their own, and which wait for those of their moving reference

- which locks does it take, and for how long on a table of 100 million rows? A column of windows with a default: none for long.
- does the release before still run on the new schema? It does not start on it; running, what it touches waits for the pause of labels.

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.add_column(sa.Column('own_revision', sa.BigInteger(), server_default='0', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.drop_column('own_revision')
