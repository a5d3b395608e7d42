"""Figures of the business

- which locks does it take, and for how long on a table of 100 million rows? A new table: none.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0016
Follows: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'business',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('model', sa.String(length=255), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('ts_us', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('value', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('workspace', 'model', 'name', 'ts_us', name=op.f('pk_business')),
    )


def downgrade() -> None:
    op.drop_table('business')
