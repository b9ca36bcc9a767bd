"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0002_jobs"
down_revision = "0001_spine"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
