"""How late labels are, by window, and when a window has them all

- which locks does it take, and for how long on a table of 100 million rows? Two columns of windows, and a new table: none for long.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did and calls no window
  provisional for its labels.

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.add_column(sa.Column('labels_due_us', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('delays_revision', sa.BigInteger(), server_default='0', nullable=False))
    op.create_table(
        'label_delays',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('model', sa.String(length=255), nullable=False),
        sa.Column('size', sa.String(length=255), nullable=False),
        sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('segment', sa.String(length=255), nullable=False),
        sa.Column('end_us', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('delays', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('workspace', 'model', 'size', 'start_us', 'segment', name=op.f('pk_label_delays')),
    )


def downgrade() -> None:
    op.drop_table('label_delays')
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.drop_column('delays_revision')
        batch_op.drop_column('labels_due_us')
