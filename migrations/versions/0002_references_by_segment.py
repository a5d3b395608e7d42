"""References by segment; what was measured without is measured again

- which locks does it take, and for how long on a table of 100 million rows? The new table is empty. The updates lock the windows that
  have labels, and those of models with segments, as a put reference does: seconds for a million of them.
- does the release before still run on the new schema? It does not start on it; running, it puts references without segments.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('reference_segments',
    sa.Column('workspace', sa.String(length=255), nullable=False),
    sa.Column('model', sa.String(length=255), nullable=False),
    sa.Column('reference', sa.String(length=255), nullable=False),
    sa.Column('segment', sa.String(length=255), nullable=False),
    sa.Column('rows', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('blob', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('workspace', 'model', 'reference', 'segment')
    )
    _measure_again()


def _measure_again() -> None:
    """Windows whose labels were counted as they came, and those whose segments were held against all rows of the reference."""
    windows = sa.table('windows', *(sa.column(name) for name in ('workspace', 'model', 'state', 'data_revision', 'label_revision')))
    models = sa.table('models', sa.column('workspace'), sa.column('model'), sa.column('segments', sa.JSON))
    at, connection = windows.c, op.get_bind()
    again = {'state': sa.case((at.state == 'measured', 'closed'), else_=at.state)}
    standing = sa.update(windows).where(at.state != 'sealed')
    connection.execute(standing.where(at.label_revision > 0).values(label_revision=at.label_revision + 1, **again))
    for workspace, model, segments in connection.execute(sa.select(*models.c)).all():
        if segments:
            here = (at.workspace == workspace, at.model == model)
            connection.execute(standing.where(*here).values(data_revision=at.data_revision + 1, **again))


def downgrade() -> None:
    op.drop_table('reference_segments')
