"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0015_credits"
down_revision = "0014_views"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
