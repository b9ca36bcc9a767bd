"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0006_billing"
down_revision = "0005_idempotency"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
