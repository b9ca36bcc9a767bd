"""The guides of the two APIs: what they tell a reader to type works as it stands, from the first line to the last."""

import asyncio
import re
from pathlib import Path

import pytest
from tests.support.shop import Shop, open_shop

DOCS = Path(__file__).parents[2] / "docs"

ENDS_WITH = {"plans.md": "{}", "billing.md": '"totalPages":1}}', "webhooks.md": '"totalPages":0}}'}
"""What the last call answers: the whole of it was run."""


def commands(guide: str, shop: Shop) -> str:
    """All that is to be typed, with this shop's addresses and key."""
    found = "\n".join(re.findall(r"^```sh\n(.*?)^```$", (DOCS / guide).read_text(), re.MULTILINE | re.DOTALL))
    for name, value in (("LICET", shop.url), ("SANDBOX", shop.sandbox_url), ("KEY", shop.operator_key)):
        found, count = re.subn(rf"^{name}=[^$\s]+( +#.*)?$", f"{name}={value}", found, flags=re.MULTILINE)
        assert count == 1, name
    return found


@pytest.mark.parametrize("guide", sorted(ENDS_WITH))
async def test_it_works(guide: str, database: str, tmp_path: Path) -> None:
    async with open_shop(database) as shop:
        script = commands(guide, shop)
        running = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            script,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await running.communicate()
        assert (running.returncode, complained.decode()) == (0, ""), said.decode()
        assert said.decode().endswith(ENDS_WITH[guide])


async def test_every_call_that_is_named_is_described(database: str) -> None:
    async with open_shop(database) as shop:
        described = (await shop.client.get(f"{shop.url}/openapi.json")).json()["paths"]
    for guide in ENDS_WITH:
        named = re.findall(r"`(GET|POST) (/[^`?\s]+)`", (DOCS / guide).read_text())
        assert named
        for method, path in named:
            assert method.lower() in described[path], f"{method} {path}"
