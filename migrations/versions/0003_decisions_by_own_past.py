"""Decisions in window order, each series held against its own past; what is decided stays until its window is measured again

- which locks does it take, and for how long on a table of 100 million rows? PostgreSQL adds the columns without rewriting the tables;
  the indexes lock windows, decisions and measurements against writing while they are made, minutes for 100 million measurements. Marking
  the windows rewrites those that were measured: seconds for a million.
- does the release before still run on the new schema? It does not start on it; running, it goes on deciding as it did.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_CANDIDATES = {'sqlite_where': sa.text('candidate = 1'), 'postgresql_where': sa.text('candidate')}  # as each is asked
_UNDECIDED = sa.text('decide_at_us IS NOT NULL')


def upgrade() -> None:
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('candidate', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('basis', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('p_own', sa.Double(), nullable=True))
        batch_op.add_column(sa.Column('delta', sa.Double(), nullable=True))
        batch_op.create_index(
            'ix_decisions_candidates', ['workspace', 'model', 'size', 'window_start_us'], unique=False, **_CANDIDATES
        )
    with op.batch_alter_table('measurements', schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f('ix_measurements_workspace_model_size_window_start_us'),
            ['workspace', 'model', 'size', 'window_start_us'], unique=False,
        )
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reference', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('looks', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('looked_revision', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('decide_at_us', sa.BigInteger(), nullable=True))
        batch_op.create_index(
            'ix_windows_undecided', ['workspace', 'model', 'size', 'decide_at_us'], unique=False,
            sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED,
        )
    _decide_again()


def _decide_again() -> None:
    """Every measured window that stands was measured against the reference in force, and is decided anew."""
    windows = sa.table('windows', *(sa.column(n) for n in ('workspace', 'model', 'state', 'reference', 'decide_at_us')))
    references = sa.table('references', *(sa.column(n) for n in ('workspace', 'model', 'reference', 'active')))
    at, held, connection = windows.c, references.c, op.get_bind()
    for workspace, model, name in connection.execute(
        sa.select(held.workspace, held.model, held.reference).where(held.active)
    ).all():
        here = (at.workspace == workspace, at.model == model, at.state == 'measured')
        connection.execute(sa.update(windows).where(*here).values(reference=name, decide_at_us=0))


def downgrade() -> None:
    with op.batch_alter_table('windows', schema=None) as batch_op:
        batch_op.drop_index('ix_windows_undecided', sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED)
        for name in ('decide_at_us', 'looked_revision', 'looks', 'reference'):
            batch_op.drop_column(name)
    with op.batch_alter_table('measurements', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_measurements_workspace_model_size_window_start_us'))
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.drop_index('ix_decisions_candidates', **_CANDIDATES)
        for name in ('delta', 'p_own', 'basis', 'candidate'):
            batch_op.drop_column(name)
