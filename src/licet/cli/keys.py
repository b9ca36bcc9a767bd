"""`licet keys`: creates API keys in the database, without the API and without another key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from licet.admin.api_keys import CreateApiKeyRequest, CreatedApiKey
    from licet.config import Settings

app = typer.Typer(help="Create API keys in the database.", no_args_is_help=True)

_OPTION_OF = {"name": "--name", "scopes": "--scope", "accountId": "--account", "expiresAt": "--expires-at"}


@app.callback()
def keys() -> None:
    """Create API keys in the database."""


@app.command("create")
def create_key(
    *,
    name: Annotated[str, typer.Option(help="What the key is for; shown in lists.")] = "licet keys create",
    account: Annotated[
        str | None,
        typer.Option(help="Account of the key, by id or externalId. Default: an operator's key.", show_default=False),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write or admin; can be repeated. Default: admin; with --account: read, write."),
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="Expiry time, such as 2027-01-31T12:00:00Z. Default: never.", show_default=False)
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data directory of the running Licet. [LICET_DATA_DIR]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's JSON response instead of the key.")] = False,
) -> None:
    """Create an API key and print it. It cannot be shown again: only its hash is stored.

    Uses the database of LICET_DATABASE_URL, or that of a running `licet up`.
    Needs access to the database, and no other key. Prints the key to stdout
    and its details to stderr.

    Exit codes: 0 created; 1 no such account; 2 usage error; 3 the database
    cannot be used.
    """
    import asyncio

    from licet.config import read_settings
    from licet.errors import NotFound
    from licet.node.logs import set_up_logs

    request = _read(name, account, scope or (["read", "write"] if account else ["admin"]), expires_at)
    settings = read_settings(data_dir=data_dir)
    set_up_logs(settings.model_copy(update={"log_level": "warning"}))
    try:
        created = asyncio.run(_create(request, settings))
    except NotFound as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    typer.echo(created.model_dump_json() if as_json else created.key)
    if not as_json:
        typer.echo(_describe(created), err=True)


async def _create(request: "CreateApiKeyRequest", settings: "Settings") -> "CreatedApiKey":
    from licet.admin.api_keys import create_requested_key
    from licet.kit.times import wall_now
    from licet.node.cli_context import open_database

    async with open_database(settings) as pool, pool.acquire() as conn:
        return await create_requested_key(conn, settings, request, wall_now())


def _read(name: str, account: str | None, scopes: list[str], expires_at: str | None) -> "CreateApiKeyRequest":
    """Checks the options by the rules of the API. Raises typer.BadParameter for the wrong option."""
    from pydantic import ValidationError

    from licet.admin.api_keys import CreateApiKeyRequest, check_key_request
    from licet.errors import ValidationFailed
    from licet.kit.times import wall_now

    options = {"name": name, "accountId": account, "scopes": scopes, "expiresAt": expires_at}
    try:
        request = CreateApiKeyRequest.model_validate(options)
        check_key_request(request, wall_now())
    except ValidationError as error:
        _bad_option(error.errors()[0]["loc"][0], error.errors()[0]["msg"].removeprefix("Value error, "))
    except ValidationFailed as error:
        (field_error,) = error.details["fields"]
        _bad_option(field_error["field"], field_error["message"])
    return request


def _bad_option(field: Any, message: str) -> NoReturn:
    raise typer.BadParameter(message, param_hint=_OPTION_OF[field])


def _describe(created: "CreatedApiKey") -> str:
    from licet.kit.times import rfc3339

    owner = "An operator's key" if created.account_id is None else f"A key of the account {created.account_id}"
    until = "until it is revoked" if created.expires_at is None else f"until {rfc3339(created.expires_at)}"
    return f"{owner}: {', '.join(created.scopes)}; {until}. It is shown only once."
