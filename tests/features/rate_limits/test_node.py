"""The limits of `licet up`, as its callers meet them."""

from pathlib import Path

from tests.support.client import open_client
from tests.support.redis import redis_server
from tests.support.running import environment, running


async def test_a_node_counts_by_its_settings_and_believes_no_header(tmp_path: Path) -> None:
    async with redis_server() as redis:
        given = environment(LICET_RATE_LIMIT_PER_MINUTE="2", LICET_REDIS_URL=redis.url)
        with running(tmp_path / "data", env=given) as licet:
            async with open_client(base_url=licet.url) as client:
                answers = [
                    await client.get("/api/products", headers={"X-Forwarded-For": f"198.51.100.{number}"})
                    for number in range(3)
                ]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert await redis.command("GET licet:general:address:127.0.0.1") == "$1\r\n3\r\n"
            assert licet.end() == 0
