"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0016_paused"
down_revision = "0015_credits"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
