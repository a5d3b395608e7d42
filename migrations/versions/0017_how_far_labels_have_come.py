"""How far labels have come, by those that belong to predictions

- which locks does it take, and for how long on a table of 100 million rows? Three columns, without a rewrite, and a small table: none
  for long. Then it writes to the windows with labels and to the newest ones, about a thousand a second.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did, and what it counts is
  counted again.

Revision: 0017
Follows: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('label_delays', schema=None) as batch_op:
        batch_op.add_column(sa.Column('latest_us', sa.JSON(), server_default='[]', nullable=False))
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.add_column(sa.Column('delays_own_revision', sa.BigInteger(), server_default='0', nullable=False))
    op.create_table(
        'label_frontiers',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('model', sa.String(length=255), nullable=False),
        sa.Column('size', sa.String(length=255), nullable=False),
        sa.Column('reached_us', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('workspace', 'model', 'size', name=op.f('pk_label_frontiers')),
    )
    # Nobody noted when labels came: they are counted again.
    op.execute('UPDATE windows SET delays_revision = 0 WHERE delays_revision > 0')
    # One label of a later year called every window final; those of the last 120 days, that some may still come for,
    # are measured once more.
    op.execute("""
        UPDATE windows SET labels_due_us = 4611686018427387904
        WHERE labels_due_us IS NULL AND label_revision > 0 AND measured_us IS NOT NULL AND state <> 'sealed' AND end_us > (
            SELECT max(newest.end_us) FROM windows AS newest
            WHERE newest.workspace = windows.workspace AND newest.model = windows.model
        ) - 10368000000000
    """)


def downgrade() -> None:
    op.drop_table('label_frontiers')
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.drop_column('delays_own_revision')
    with op.batch_alter_table('label_delays', schema=None) as batch_op:
        batch_op.drop_column('latest_us')
