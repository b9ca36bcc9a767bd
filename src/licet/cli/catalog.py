"""`licet catalog`: what is sold, from a file. The format is explained in docs/catalogue.md."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from licet.catalog.core import Catalog
    from licet.catalog.push import PushResult
    from licet.config import Settings
    from licet.errors import LicetError

app = typer.Typer(help="What is sold, from a catalogue file.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The catalogue, a YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")]


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Read a catalogue file and name every fault in it. Nothing is published. Exit code 1 if it has faults."""
    catalog = _read(file, as_json)
    prices = sum(len(product.prices) for product in catalog.products)
    if as_json:
        typer.echo(json.dumps({"ok": True, "products": len(catalog.products), "prices": prices}))
    else:
        typer.echo(f"{file} holds: {_count(len(catalog.products), 'product')}, {_count(prices, 'price')}.")


@app.command()
def push(
    file: File,
    data_dir: Annotated[Path | None, typer.Option(help="The running Licet's data directory. [LICET_DATA_DIR]")] = None,
    sandbox_port: Annotated[
        int | None, typer.Option(help="The running sandbox's port. [LICET_SANDBOX_PORT, 8081]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a catalogue: Stripe gets what it lacks, our own rows follow, then what is no longer sold is archived.

    Pushing what is already so changes nothing, and a push that broke off is completed by the next. A changed price
    becomes a new one: running subscriptions keep theirs. A product that the file no longer names is archived.
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
        typer.echo(f"made or changed at Stripe: {line}")
    for line in pushed.archived:
        typer.echo(f"archived at Stripe: {line}")
    typer.echo("Everything was up to date." if pushed.as_json()["upToDate"] else "Published.")


async def _push(catalog: "Catalog", settings: "Settings") -> "PushResult":
    from licet.catalog.push import push_catalog
    from licet.node.for_commands import beside

    async with beside(settings) as licet:
        return await push_catalog(catalog, licet.pool, licet.stripe)


def _read(file: Path, as_json: bool) -> "Catalog":
    from licet.catalog.file import read_catalog
    from licet.errors import ValidationFailed

    try:
        return read_catalog(file)
    except ValidationFailed as error:
        _fail(error, as_json)


def _fail(error: "LicetError", as_json: bool) -> NoReturn:
    """Say it on stderr, and with --json as data on stdout too; exit with 1."""
    if as_json:
        said: dict[str, Any] = {"ok": False, "code": error.code, "message": error.message, "details": error.details}
        typer.echo(json.dumps(said))
    typer.echo(error.message, err=True)
    raise typer.Exit(1)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
