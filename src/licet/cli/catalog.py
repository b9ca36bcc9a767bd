"""`licet catalog`: checks and pushes a catalogue file. docs/catalogue.md explains the format."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from licet.catalog.core import Catalog
    from licet.catalog.push import PushResult
    from licet.config import Settings
    from licet.errors import LicetError

app = typer.Typer(help="Check and push a catalogue file.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The catalogue, a YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")]


@app.command("check")
def check_catalog(file: File, as_json: AsJson = False) -> None:
    """Check a catalogue file and list all its errors. Publishes nothing. Exit code 1 if there are errors."""
    catalog = _read(file, as_json)
    prices = sum(len(product.prices) for product in catalog.products)
    if as_json:
        typer.echo(json.dumps({"ok": True, "products": len(catalog.products), "prices": prices}))
    else:
        typer.echo(f"{file} is valid: {_count(len(catalog.products), 'product')}, {_count(prices, 'price')}.")


@app.command("push")
def push_catalog(
    file: File,
    data_dir: Annotated[Path | None, typer.Option(help="Data directory of the running Licet. [LICET_DATA_DIR]")] = None,
    sandbox_port: Annotated[
        int | None, typer.Option(help="Port of the running sandbox. [LICET_SANDBOX_PORT, 8081]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Push a catalogue to Stripe and to Licet.

    Products and prices are created and updated at Stripe, then in Licet's database. Products that the file no longer
    contains are archived. A changed price becomes a new price, and existing subscriptions keep the old one. A push
    can be repeated: it completes a push that was interrupted, and changes nothing otherwise.
    """
    import asyncio

    from licet.config import read_settings
    from licet.errors import LicetError
    from licet.node.logs import set_up_logs

    catalog = _read(file, as_json)
    settings = read_settings(data_dir=data_dir, sandbox_port=sandbox_port)
    set_up_logs(settings.model_copy(update={"log_level": "warning"}))
    try:
        pushed = asyncio.run(_push(catalog, settings))
    except LicetError as error:
        _fail(error, as_json)
    if as_json:
        typer.echo(json.dumps(pushed.as_json()))
        return
    for line in pushed.made:
        typer.echo(f"created or updated at Stripe: {line}")
    for line in pushed.archived:
        typer.echo(f"archived at Stripe: {line}")
    typer.echo("Everything was up to date." if pushed.as_json()["upToDate"] else "Published.")


async def _push(catalog: "Catalog", settings: "Settings") -> "PushResult":
    from licet.catalog.push import push_catalog
    from licet.node.cli_context import open_cli_context

    async with open_cli_context(settings) as context:
        return await push_catalog(catalog, context.pool, context.stripe)


def _read(file: Path, as_json: bool) -> "Catalog":
    from licet.catalog.file import read_catalog
    from licet.errors import ValidationFailed

    try:
        return read_catalog(file)
    except ValidationFailed as error:
        _fail(error, as_json)


def _fail(error: "LicetError", as_json: bool) -> NoReturn:
    """Prints the error to stderr, with --json also as JSON to stdout. Exits with code 1."""
    if as_json:
        result: dict[str, Any] = {"ok": False, "code": error.code, "message": error.message, "details": error.details}
        typer.echo(json.dumps(result))
    typer.echo(error.message, err=True)
    raise typer.Exit(1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
