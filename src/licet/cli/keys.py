"""`licet keys`: API keys straight in the database, for whoever has none to make another with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from licet.admin.api_keys import CreateApiKeyRequest, CreatedApiKey
    from licet.config import Settings

app = typer.Typer(help="API keys, straight in the database.", no_args_is_help=True)

_OPTION_OF = {"name": "--name", "scopes": "--scope", "accountId": "--account", "expiresAt": "--expires-at"}


@app.callback()
def keys() -> None:
    """API keys, straight in the database."""


@app.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="What it is for; shown in lists.")] = "licet keys create",
    account: Annotated[
        str | None, typer.Option(help="Whose, by id or externalId. Left out: an operator's key.", show_default=False)
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write or admin; may stand several times. [admin; with --account: read and write]"),
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="A time such as 2027-01-31T12:00:00Z. Left out: never.", show_default=False)
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The running Licet's data directory. [LICET_DATA_DIR]")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line, as the API answers, instead of the key alone.")
    ] = False,
) -> None:
    """Make an API key and print it, this once: only a hash of it is kept.

    It works on the database of LICET_DATABASE_URL, else on that of a running `licet up`,
    and asks for no key: whoever may open the database may make one. The key goes to
    stdout, what there is to say about it to stderr.

    Exit codes: 0 made; 1 no such account; 2 called wrongly; 3 the database cannot be used.
    """
    import asyncio

    from licet.config import read_settings
    from licet.errors import NotFound
    from licet.node.logs import set_up_logs

    asked = _read(name, account, scope or (["read", "write"] if account else ["admin"]), expires_at)
    settings = read_settings(data_dir=data_dir)
    set_up_logs(settings.model_copy(update={"log_level": "warning"}))
    try:
        made = asyncio.run(_create(asked, settings))
    except NotFound as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    typer.echo(made.model_dump_json() if as_json else made.key)
    if not as_json:
        typer.echo(_about(made), err=True)


async def _create(asked: "CreateApiKeyRequest", settings: "Settings") -> "CreatedApiKey":
    from licet.admin.api_keys import create_requested_key
    from licet.kit.times import wall_now
    from licet.node.for_commands import beside_database

    async with beside_database(settings) as pool, pool.acquire() as conn:
        return await create_requested_key(conn, settings, asked, wall_now())


def _read(name: str, account: str | None, scopes: list[str], expires_at: str | None) -> "CreateApiKeyRequest":
    """Held against the same rules as what comes by HTTP; what does not fit is named by its option."""
    from pydantic import ValidationError

    from licet.admin.api_keys import CreateApiKeyRequest, check_key_request
    from licet.errors import ValidationFailed
    from licet.kit.times import wall_now

    given = {"name": name, "accountId": account, "scopes": scopes, "expiresAt": expires_at}
    try:
        asked = CreateApiKeyRequest.model_validate(given)
        check_key_request(asked, wall_now())
    except ValidationError as error:
        _misfit(error.errors()[0]["loc"][0], error.errors()[0]["msg"].removeprefix("Value error, "))
    except ValidationFailed as error:
        (fault,) = error.details["fields"]
        _misfit(fault["field"], fault["message"])
    return asked


def _misfit(field: Any, message: str) -> NoReturn:
    raise typer.BadParameter(message, param_hint=_OPTION_OF[field])


def _about(made: "CreatedApiKey") -> str:
    from licet.kit.times import rfc3339

    whose = "An operator's key" if made.account_id is None else f"A key of the account {made.account_id}"
    until = "until it is revoked" if made.expires_at is None else f"until {rfc3339(made.expires_at)}"
    return f"{whose}: {', '.join(made.scopes)}; {until}. It is shown this once."
