"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0005_idempotency"
down_revision = "0004_cancellations"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
