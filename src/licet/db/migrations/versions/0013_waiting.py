"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0013_waiting"
down_revision = "0012_leases"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
