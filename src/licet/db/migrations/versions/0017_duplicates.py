"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0017_duplicates"
down_revision = "0016_paused"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
