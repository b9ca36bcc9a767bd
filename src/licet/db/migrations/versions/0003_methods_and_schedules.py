"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0003_methods_and_schedules"
down_revision = "0002_jobs"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
