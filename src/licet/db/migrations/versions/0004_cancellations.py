"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0004_cancellations"
down_revision = "0003_methods_and_schedules"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
