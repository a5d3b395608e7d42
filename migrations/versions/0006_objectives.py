"""What people promise of a model's service, and what came in every five minutes of those with such an objective

- which locks does it take, and for how long on a table of 100 million rows? A column of models with a default, and a new table: none for
  long.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did and counts nothing
  for objectives.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_COUNTS = ('rows', 'errors', 'timed', 'slow')


def upgrade() -> None:
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.add_column(sa.Column('objectives', sa.JSON(), server_default='{}', nullable=False))
    op.create_table(
        'service_counts',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('model', sa.String(length=255), nullable=False),
        sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('topic', sa.String(length=255), nullable=False),
        sa.Column('partition', sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default='0', nullable=False) for name in _COUNTS),
        sa.PrimaryKeyConstraint('workspace', 'model', 'start_us', 'topic', 'partition', name=op.f('pk_service_counts')),
    )


def downgrade() -> None:
    op.drop_table('service_counts')
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.drop_column('objectives')
