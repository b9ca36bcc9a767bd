"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0019_heartbeat"
down_revision = "0018_answers"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
