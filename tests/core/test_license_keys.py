"""License keys: their shape, and that they are found however they are typed."""

import re

from licet.licenses.keys import ALPHABET, key_hash, new_key


def test_shape() -> None:
    assert re.fullmatch(rf"SHOP(-[{ALPHABET}]{{4}}){{4}}", new_key("SHOP"))
    assert len({new_key("SHOP") for _ in range(1000)}) == 1000


def test_found_however_typed() -> None:
    assert key_hash(" oil-oIl0-aaaa-bbbb-cccc\n") == key_hash("OIL-0110-AAAA-BBBB-CCCC")
    assert key_hash("SHOP-0000-0000-0000-0001") != key_hash("SHOP-0000-0000-0000-0002")
    assert key_hash("SHOP-0000-0000-0000-0001") != key_hash("DATA-0000-0000-0000-0001")
