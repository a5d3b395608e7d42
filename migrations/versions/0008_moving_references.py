"""References that move with the windows

- which locks does it take, and for how long on a table of 100 million rows? A column of references with a default and a small index on
  them: none for long.
- does the release before still run on the new schema? It does not start on it; running, it takes a moving reference for one without rows.

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('references', schema=None) as batch_op:
        batch_op.add_column(sa.Column('moving', sa.Text(), server_default='', nullable=False))
    op.create_index(
        'ix_references_moving',
        'references',
        ['workspace', 'model'],
        sqlite_where=sa.text("active = 1 AND moving != ''"),
        postgresql_where=sa.text("active AND moving != ''"),
    )


def downgrade() -> None:
    op.drop_index('ix_references_moving', table_name='references')
    with op.batch_alter_table('references', schema=None) as batch_op:
        batch_op.drop_column('moving')
