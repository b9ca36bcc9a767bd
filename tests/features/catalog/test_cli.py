"""`licet catalog`, as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import environment, running

from licet.catalog.file import EXAMPLE

LICET = str(Path(sys.executable).with_name("licet"))


def licet(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LICET, "catalog", *words],
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_a_file_is_checked(tmp_path: Path) -> None:
    good = licet("check", str(EXAMPLE), "--json")
    assert (good.returncode, json.loads(good.stdout)) == (0, {"ok": True, "products": 5, "prices": 6})
    assert "5 products, 6 prices" in licet("check", str(EXAMPLE)).stdout

    bad = tmp_path / "bad.yaml"
    bad.write_text("products:\n- key: a\n  kind: x\n")
    found = licet("check", str(bad))
    assert (found.returncode, found.stdout) == (1, "")
    assert "bad.yaml:3:9: products[0].kind: " in found.stderr
    assert "Traceback" not in found.stderr
    said = json.loads(licet("check", str(bad), "--json").stdout)
    assert said["ok"] is False
    assert said["details"]["fields"][0]["line"] == 3

    assert licet("check", str(tmp_path / "none.yaml")).returncode == 2
    assert licet("push", "--help").returncode == 0


def test_nothing_to_push_to(tmp_path: Path) -> None:
    alone = licet("push", str(EXAMPLE), "--data-dir", str(tmp_path / "nothing"))
    assert (alone.returncode, alone.stdout) == (3, "")
    assert "licet up" in alone.stderr
    assert not (tmp_path / "nothing").exists()
    nowhere = licet("push", str(EXAMPLE), LICET_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert nowhere.returncode == 3
    assert "LICET_DATABASE_URL" in nowhere.stderr


def test_a_file_is_pushed_beside_a_running_licet(tmp_path: Path) -> None:
    changed = tmp_path / "mine.yaml"
    changed.write_text(EXAMPLE.read_text().replace("amount: 2900\n", "amount: 3900\n"))
    with running(tmp_path / "data") as up:
        port = up.ready["sandboxUrl"].rpartition(":")[2]
        where = ("--data-dir", str(tmp_path / "data"), "--sandbox-port", port)
        pushed = licet("push", str(changed), "--json", *where)
        assert pushed.returncode == 0, pushed.stderr
        said = json.loads(pushed.stdout)
        assert said["made"] == ["price starter/month-usd"]
        assert said["changed"] == ["starter"]
        assert said["upToDate"] is False
        products = up.get("/api/products").json()["data"]
        prices = {one["name"]: one["prices"][0]["amount"] for one in products}
        assert prices["Starter"] == 3900
        again = licet("push", str(changed), *where)
        assert (again.returncode, again.stdout) == (0, "Everything was up to date.\n")
