"""`licet up`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from licet.config import Settings
    from licet.node.addresses import Addresses


def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free port. [LICET_PORT, 8080]")] = None,
    sandbox_port: Annotated[
        int | None, typer.Option(help="Port of the sandbox; 0 takes a free port. [LICET_SANDBOX_PORT, 8081]")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory for all data. [LICET_DATA_DIR]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON line when ready.")] = False,
) -> None:
    """Run everything in one process: database, Stripe sandbox, API and worker.

    Without settings it works offline, with an embedded PostgreSQL and a built-in Stripe sandbox. Set
    LICET_DATABASE_URL and STRIPE_SECRET_KEY to use your own. Stop it with Ctrl-C or SIGTERM.
    """
    from licet.config import read_settings
    from licet.node.up import run_up

    settings = read_settings(port=port, sandbox_port=sandbox_port, data_dir=data_dir)

    def ready(addresses: "Addresses") -> None:
        if as_json:
            typer.echo(json.dumps(addresses.as_json()))
        else:
            print_addresses(addresses, settings)

    run_up(settings, ready)


def print_addresses(addresses: "Addresses", settings: "Settings") -> None:
    """Prints the addresses. The operator key is printed to a terminal only, never into a file."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    console.print(Text(f"Licet is ready ({settings.mode})", style="bold green"))
    for name, value in _rows(addresses, settings, show_secrets=sys.stdout.isatty()):
        console.print(Text.assemble((f"{name:<16}", "bold"), value))
    if addresses.operator_key and sys.stdout.isatty():
        console.print(Text("The operator key is shown only once. It is kept in operator.key, mode 0600.", style="dim"))
    sys.stdout.flush()


def _rows(addresses: "Addresses", settings: "Settings", *, show_secrets: bool) -> Iterator[tuple[str, str]]:
    yield "API", addresses.url
    yield "Docs", f"{addresses.url}/docs"
    if addresses.sandbox_url:
        yield "Stripe sandbox", addresses.sandbox_url
    if addresses.operator_key:
        yield "Operator key", addresses.operator_key if show_secrets else f"in {settings.data_dir / 'operator.key'}"
    if addresses.database_url:
        yield "Database", addresses.database_url
    yield "Data", str(settings.data_dir)
