"""When models were retired

- which locks does it take, and for how long on a table of 100 million rows? A new table: none.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0018
Follows: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'retirements',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('model', sa.String(length=255), nullable=False),
        sa.Column('since_us', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('until_us', sa.BigInteger(), nullable=True),
        sa.Column('rows', sa.BigInteger(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('workspace', 'model', 'since_us', name=op.f('pk_retirements')),
    )


def downgrade() -> None:
    op.drop_table('retirements')
