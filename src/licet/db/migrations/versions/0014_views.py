"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0014_views"
down_revision = "0013_waiting"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
