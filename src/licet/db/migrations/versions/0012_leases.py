"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0012_leases"
down_revision = "0011_ends"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
