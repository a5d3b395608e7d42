"""Models whose features are measured together, and the rows that are kept of references for it

- which locks does it take, and for how long on a table of 100 million rows? A column of models with a default, and a new table: none for
  long.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did and keeps no rows.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.add_column(sa.Column('multivariate', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        'reference_samples',
        sa.Column('workspace', sa.String(length=255), nullable=False),
        sa.Column('model', sa.String(length=255), nullable=False),
        sa.Column('reference', sa.String(length=255), nullable=False),
        sa.Column('rows', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('workspace', 'model', 'reference', name=op.f('pk_reference_samples')),
    )


def downgrade() -> None:
    op.drop_table('reference_samples')
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.drop_column('multivariate')
