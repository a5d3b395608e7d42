"""Silences

- which locks does it take, and for how long on a table of 100 million rows? A new table: none. The column of alerts has a constant
  default, so that no row is written; the index reads the alerts once, of which there are some thousands.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did, and keeps no silence.

Revision: 0021
Follows: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

_WITHHELD = {'sqlite_where': sa.text('withheld = 1'), 'postgresql_where': sa.text('withheld')}


def upgrade() -> None:
    op.create_table(
        'silences',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('silence', sa.String(length=255), nullable=False),
        sa.Column('matchers', sa.JSON(), nullable=False),
        sa.Column('from_us', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('until_us', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('reason', sa.Text(), server_default='', nullable=False),
        sa.Column('created_by', sa.Text(), server_default='', nullable=False),
        sa.Column('created_us', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('over_us', sa.BigInteger(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('workspace', 'silence', name=op.f('pk_silences')),
    )
    with op.batch_alter_table('silences', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_silences_workspace_over_us'), ['workspace', 'over_us'], unique=False)
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('withheld', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index('ix_alerts_withheld', ['workspace', 'model'], unique=False, **_WITHHELD)


def downgrade() -> None:
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.drop_index('ix_alerts_withheld', **_WITHHELD)
        batch_op.drop_column('withheld')
    op.drop_table('silences')
