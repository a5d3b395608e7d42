"""What a reference's labels say of windows without labels

- which locks does it take, and for how long on a table of 100 million rows? A column that may be null: for a moment, without
  writing a row. References are thousands, never millions.
- does the release before still run on the new schema? It does not start on it; running, it goes on as it did.

Revision: 0011
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('references', sa.Column('estimator', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('references', schema=None) as batch_op:
        batch_op.drop_column('estimator')
