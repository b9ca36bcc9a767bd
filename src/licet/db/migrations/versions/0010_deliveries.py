"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0010_deliveries"
down_revision = "0009_reads"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
