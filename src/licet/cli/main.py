"""The command-line application and its entry point."""

import sys

import typer

from licet.cli.catalog import app as catalog
from licet.cli.demo import demo
from licet.cli.keys import app as keys
from licet.cli.migrate import migrate_database
from licet.cli.up import up
from licet.startup_error import StartupError

app = typer.Typer(
    name="licet",
    help="Turns Stripe payments into software licenses and organisation plans.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, including secrets
)
app.command()(up)
app.command()(demo)
app.command("migrate")(migrate_database)
app.add_typer(catalog, name="catalog")
app.add_typer(keys, name="keys")


def main() -> None:
    """Runs the command line. Prints a StartupError without a stack trace."""
    try:
        app()
    except StartupError as error:
        print(f"licet: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
