"""The example catalogue on sale. It is pushed once for each test process, and copied for each shop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.patience import PATIENCE_SECONDS

from licet.catalog.file import EXAMPLE, read_catalog
from licet.catalog.push import push_catalog
from licet.db.pool import Pool
from licet.stripe_api.client import StripeApi
from licet_sandbox import Sandbox

TABLES = ("products", "prices")
"""The tables that hold a catalogue, in the order of their references."""


@dataclass(frozen=True)
class _Pushed:
    """What a push leaves behind: the sandbox's file, and the rows of each table as JSON."""

    sandbox_file: bytes
    rows: dict[str, str]


_pushed: _Pushed | None = None


@asynccontextmanager
async def catalog_on_sale(pool: Pool) -> AsyncIterator[Path]:
    """Puts the example catalogue into this empty database. Yields the file of a sandbox that has it too.

    Licet receives no events about it.
    """
    global _pushed  # noqa: PLW0603 - one push for the whole process
    with TemporaryDirectory(prefix="sandbox-") as directory:
        file = Path(directory) / "sandbox.db"
        if _pushed is None:
            _pushed = await _push(pool, file)
        else:
            file.write_bytes(_pushed.sandbox_file)
            for table, rows in _pushed.rows.items():
                await pool.execute(
                    f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $1)", rows
                )
        yield file


async def _push(pool: Pool, file: Path) -> _Pushed:
    served = await Sandbox(file).serve()
    stripe = StripeApi("sk_test_sandbox", base_url=served.url, timeout_seconds=PATIENCE_SECONDS)
    try:
        await push_catalog(read_catalog(EXAMPLE), pool, stripe)
    finally:
        await stripe.close()
        await served.stop()
    rows = {table: await pool.fetchval(f"SELECT json_agg({table}) FROM {table}") for table in TABLES}
    return _Pushed(await asyncio.to_thread(file.read_bytes), rows)
