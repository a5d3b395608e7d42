"""What the GPUs that serve the models did, in every five minutes

- which locks does it take, and for how long on a table of 100 million rows? A new table: none for long.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_COUNTS = ('readings', 'idle', 'memory_readings', 'power_readings', 'energy_us', 'xid_readings', 'errors')
_SUMS = ('busy', 'memory', 'power_w', 'energy_j')


def upgrade() -> None:
    op.create_table(
        'gpu_readings',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('target', sa.String(length=255), nullable=False),
        sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('gpu', sa.String(length=255), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default='0', nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.Double(), server_default='0', nullable=False) for name in _SUMS),
        sa.Column('counter_us', sa.BigInteger(), nullable=True),
        sa.Column('counter_j', sa.Double(), nullable=True),
        sa.Column('xid', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('workspace', 'target', 'start_us', 'gpu', name=op.f('pk_gpu_readings')),
    )


def downgrade() -> None:
    op.drop_table('gpu_readings')
