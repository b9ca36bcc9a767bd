"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0020_duplicates"
down_revision = "0019_heartbeat"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
