"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0001_spine"
down_revision = None


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
