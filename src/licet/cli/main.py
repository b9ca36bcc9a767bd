"""The frame that the commands hang on."""

import sys

import typer

from licet.cli.catalog import app as catalog
from licet.cli.demo import demo
from licet.cli.keys import app as keys
from licet.cli.migrate import migrate
from licet.cli.up import up
from licet.startup_error import StartupError

app = typer.Typer(
    name="licet",
    help="Turns Stripe payments into software licenses and organisation plans.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print local variables, secrets among them
)
app.command()(up)
app.command()(demo)
app.command()(migrate)
app.add_typer(catalog, name="catalog")
app.add_typer(keys, name="keys")


def main() -> None:
    """The entry point: what keeps a command from starting is said without a stack trace."""
    try:
        app()
    except StartupError as refused:
        print(f"licet: {refused}", file=sys.stderr)  # noqa: T201
        sys.exit(refused.exit_code)
