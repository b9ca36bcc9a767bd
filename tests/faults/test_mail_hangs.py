"""A mail server that accepts connections and says nothing: emails have places of their own, and nothing else waits."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from tests.faults.test_kill import a_cart
from tests.support.client import open_client
from tests.support.running import environment, running
from tests.support.shop import eventually

from licet.node.serving import MAX_EMAILS


@pytest.fixture
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="licet-mail-hangs-"))
    yield directory
    shutil.rmtree(directory)


@dataclass
class Silent:
    """A server that says nothing. open: connections at this moment; most: at any moment."""

    port: int = 0
    open: int = 0
    most: int = 0


@asynccontextmanager
async def silent_server() -> AsyncIterator[Silent]:
    silent = Silent()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.open += 1
        silent.most = max(silent.most, silent.open)
        try:
            await reader.read()
        finally:
            silent.open -= 1
            writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    silent.port = server.sockets[0].getsockname()[1]
    async with server:
        yield silent


async def test_a_mail_server_that_hangs_holds_up_no_event(place: Path) -> None:
    async with silent_server() as silent:
        env = environment(LICET_SMTP_URL=f"smtp://127.0.0.1:{silent.port}", LICET_MAIL_FROM="Acme <billing@acme.test>")
        licet_running = running(place / "data", env=env)
        licet = await asyncio.to_thread(licet_running.__enter__)
        try:
            headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
            conn = await asyncpg.connect(licet.ready["databaseUrl"])
            async with open_client(headers=headers) as client:
                session = await a_cart(client, licet.url)
                pay = f"{licet.ready['sandboxUrl']}/_sandbox/checkout/{session}/pay"
                assert (await client.post(pay, json={"card": "4242424242424242"})).status_code == 200

                async def is_mailed() -> bool:
                    return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM emails WHERE template = 'welcome')"))

                await eventually(is_mailed)
                # Many more emails than the main worker has places.
                await conn.execute(
                    """
                    INSERT INTO emails (id, account_id, template, fact, to_address, subject, about, status, created_at,
                                        due_at)
                    SELECT gen_random_uuid(), account_id, template, fact || n, to_address, subject, about, 'queued',
                           created_at, created_at
                    FROM emails, generate_series(1, 100) AS n WHERE template = 'welcome'
                    """
                )

                async def is_full() -> bool:
                    return silent.open == MAX_EMAILS

                await eventually(is_full)
                await conn.execute(
                    """
                    INSERT INTO refreshes (kind, stripe_id, because, due_at)
                    SELECT 'subscription', stripe_subscription_id, '{"kind": "operator"}', '2020-01-01'
                    FROM subscriptions
                    """
                )

                async def is_refreshed() -> bool:
                    return bool(await conn.fetchval("SELECT count(*) FROM refreshes WHERE attempts = 0") == 0)

                await eventually(is_refreshed)
            assert silent.most == MAX_EMAILS
            await conn.close()
        finally:
            await asyncio.to_thread(licet_running.__exit__, None, None, None)
