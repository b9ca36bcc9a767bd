"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0011_ends"
down_revision = "0010_deliveries"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
