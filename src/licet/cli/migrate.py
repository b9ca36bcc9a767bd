"""`licet migrate`."""

import json
from typing import Annotated

import typer


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")] = False,
) -> None:
    """Bring the database of LICET_DATABASE_URL to this version's schema. `licet up` does so by itself."""
    import asyncio

    from licet.config import read_settings
    from licet.db.migrate import head, migrate_database
    from licet.startup_error import StartupError

    settings = read_settings()
    if settings.database_url is None:
        raise StartupError("LICET_DATABASE_URL is not set. The embedded database is migrated by `licet up`.")
    changed = asyncio.run(migrate_database(settings.database_url.get_secret_value()))
    if as_json:
        typer.echo(json.dumps({"schema": head(), "changed": changed}))
    else:
        typer.echo(f"{'Migrated to' if changed else 'Already at'} {head()}.")
