"""See the .sql file of the same name."""

from licet.db.migrations.run import run_sql

revision = "0018_answers"
down_revision = "0017_names"


def upgrade() -> None:
    """Runs it."""
    run_sql(__file__)
