"""The catalogue's file: what it may say, and how each fault in it is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from licet.catalog.core import CatalogPrice
from licet.catalog.file import EXAMPLE, parse_catalog, read_catalog
from licet.errors import ValidationFailed
from licet.licenses.policy import Policy

PRICE = {"amount": 100, "currency": "usd", "interval": "month"}
LICENSE = {"prefix": "ABC", "activations": 1}
PRODUCT = {"key": "thing", "kind": "license", "name": "Thing", "prices": [PRICE], "license": LICENSE}


def text(*products: dict[str, Any]) -> str:
    return yaml.safe_dump({"products": list(products)}, sort_keys=False)


def faults(written: str) -> list[dict[str, Any]]:
    with pytest.raises(ValidationFailed) as refused:
        parse_catalog(written, "shop.yaml")
    found: list[dict[str, Any]] = refused.value.details["fields"]
    for fault in found:
        assert f"shop.yaml:{fault['line']}:{fault['column']}: " in refused.value.message
    return found


def fields(*products: dict[str, Any]) -> list[str]:
    return [fault["field"] for fault in faults(text(*products))]


def test_the_example_is_the_contracts() -> None:
    catalog = read_catalog(EXAMPLE)
    said = {
        product.name: (
            product.kind,
            [(price.amount, price.currency, price.interval, price.trial_days) for price in product.prices],
            product.license_policy and (product.license_policy["prefix"], product.license_policy["activations"]),
        )
        for product in catalog.products
    }
    assert said == {
        "Shopify Connector": (
            "license",
            [(14900, "usd", "month", 0), (149000, "usd", "year", 0)],
            ("SHOP", 3),
        ),
        "Data Migrator": ("license", [(49900, "usd", None, 0)], ("DATA", 1)),
        "Starter": ("plan", [(2900, "usd", "month", 0)], None),
        "Growth": ("plan", [(9900, "usd", "month", 0)], None),
        "Scale": ("plan", [(29900, "usd", "month", 14)], None),
    }
    assert all(product.features for product in catalog.products)
    for part in yaml.safe_load(EXAMPLE.read_text())["products"]:
        recurs = any("interval" in price for price in part["prices"])
        assert part.get("graceDays", 0) == (3 if recurs else 0)


def test_the_example_is_found_where_people_look() -> None:
    shown = Path(__file__).parents[3] / "examples" / "catalogue.yaml"
    assert read_catalog(shown) == read_catalog(EXAMPLE)


def test_the_policy_is_one_that_licenses_can_read() -> None:
    (product,) = parse_catalog(
        text({**PRODUCT, "graceDays": 5, "license": {**LICENSE, "refundPartial": "suspend"}})
    ).products
    assert product.license_policy is not None
    policy = Policy.from_json(product.license_policy)
    assert policy == Policy("ABC", activations=1, grace_days=5, refund_partial="suspend")


def test_what_the_file_leaves_out_is_not_stored_and_has_the_defaults_of_the_policy() -> None:
    (product,) = parse_catalog(text(PRODUCT)).products
    assert product.license_policy == {"prefix": "ABC", "activations": 1, "graceDays": 0}
    assert Policy.from_json(product.license_policy) == Policy("ABC")


def test_every_field_of_the_policy_can_be_set() -> None:
    effects = ("refundFull", "refundPartial", "disputeOpen", "disputeWon", "disputeLost", "unpaid", "paused", "ended")
    license_ = {**LICENSE, "units": "one", **dict.fromkeys(effects, "suspend")}
    (product,) = parse_catalog(text({**PRODUCT, "license": license_})).products
    assert product.license_policy == {**license_, "graceDays": 0}
    for field in license_.keys() - {"activations"}:
        assert fields({**PRODUCT, "license": {**license_, field: None}}) == [f"products[0].license.{field}"]


def test_without_limit() -> None:
    (product,) = parse_catalog(text({**PRODUCT, "license": {**LICENSE, "activations": None, "units": "one"}})).products
    assert product.license_policy is not None
    assert Policy.from_json(product.license_policy) == Policy("ABC", activations=None, units="one")


@pytest.mark.parametrize(
    ("price", "key"),
    [
        (PRICE, "month-usd"),
        ({**PRICE, "intervalCount": 3}, "3-month-usd"),
        ({"amount": 100, "currency": "eur"}, "once-eur"),
        ({**PRICE, "key": "early-bird"}, "early-bird"),
    ],
)
def test_a_price_has_a_key(price: dict[str, Any], key: str) -> None:
    (product,) = parse_catalog(text({**PRODUCT, "prices": [price]})).products
    assert product.prices[0].key == key


def test_what_is_bought_once_has_no_interval() -> None:
    (product,) = parse_catalog(text({**PRODUCT, "prices": [{"amount": 0, "currency": "jpy"}]})).products
    assert product.prices == (CatalogPrice("once-jpy", 0, "jpy"),)


def test_a_plan_may_issue_keys() -> None:
    plan, with_keys = parse_catalog(
        text(
            {"key": "a", "kind": "plan", "name": "A", "prices": [PRICE]},
            {"key": "b", "kind": "plan", "name": "B", "prices": [PRICE], "license": LICENSE},
        )
    ).products
    assert plan.license_policy is None
    assert with_keys.license_policy is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": "Ä thing"}, "products[0].key"),
        ({"kind": "book"}, "products[0].kind"),
        ({"name": ""}, "products[0].name"),
        ({"name": " x"}, "products[0].name"),
        ({"name": "two\nlines"}, "products[0].name"),
        ({"rank": "1"}, "products[0].rank"),
        ({"colour": "red"}, "products[0].colour"),
        ({"grace_days": 3}, "products[0].grace_days"),
        ({"features": ["ok", 5]}, "products[0].features[1]"),
        ({"prices": []}, "products[0].prices"),
        ({"prices": None}, "products[0].prices"),
        ({"prices": [PRICE, {**PRICE, "amount": -1, "key": "x"}]}, "products[0].prices[1].amount"),
        ({"prices": [{**PRICE, "amount": 1.5}]}, "products[0].prices[0].amount"),
        ({"prices": [{**PRICE, "amount": True}]}, "products[0].prices[0].amount"),
        ({"prices": [{**PRICE, "currency": "USD"}]}, "products[0].prices[0].currency"),
        ({"prices": [{**PRICE, "interval": "fortnight"}]}, "products[0].prices[0].interval"),
        ({"prices": [{**PRICE, "interval_count": 2}]}, "products[0].prices[0].interval_count"),
        ({"prices": [{**PRICE, "intervalCount": 37}]}, "products[0].prices[0]"),
        ({"prices": [{"amount": 1, "currency": "usd", "trialDays": 3}]}, "products[0].prices[0]"),
        ({"prices": [PRICE, PRICE]}, "products[0].prices[0]"),
        ({"license": None}, "products[0]"),
        ({"license": {"prefix": "ABC"}}, "products[0].license.activations"),
        ({"license": {**LICENSE, "prefix": "abc"}}, "products[0].license.prefix"),
        ({"license": {**LICENSE, "activations": 0}}, "products[0].license.activations"),
        ({"license": {**LICENSE, "refundFull": "explode"}}, "products[0].license.refundFull"),
        ({"graceDays": 3, "prices": [{"amount": 1, "currency": "usd"}]}, "products[0]"),
        ({"kind": "plan", "prices": [{"amount": 1, "currency": "usd"}]}, "products[0]"),
    ],
)
def test_a_fault_is_named_by_its_field(change: dict[str, Any], field: str) -> None:
    assert fields({**PRODUCT, **change})[0] == field


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (0, "usd"),
        (50, "usd"),
        (99_999_999, "usd"),
        (150_000_000, "idr"),
        (999_999_999_999, "idr"),
        (5120, "kwd"),
        (150_000, "isk"),
        (100, "ugx"),
        (30, "gbp"),
        (50, "jpy"),
        (1, "kes"),
    ],
)
def test_an_amount_that_stripe_charges(amount: int, currency: str) -> None:
    (product,) = parse_catalog(text({**PRODUCT, "prices": [{"amount": amount, "currency": currency}]})).products
    assert product.prices[0].amount == amount


@pytest.mark.parametrize(
    ("amount", "currency", "fix"),
    [
        (100_000_000, "usd", "is 99999999 (999,999.99 USD). Lower the amount"),
        (1_000_000_000_000, "idr", "is 999999999999 (9,999,999,999.99 IDR). Lower the amount"),
        (10, "usd", "0.10 USD is less than Stripe's minimum charge of 0.50 USD. Set the amount to 0 or to at least 50"),
        (29, "gbp", "to at least 30"),
        (17_499, "huf", "to at least 17500"),
        (49, "jpy", "49 JPY is less than Stripe's minimum charge of 50 JPY"),
        (5124, "kwd", "in steps of 10 (0.010 KWD). Set the amount to 5120 or 5130"),
        (5125, "bhd", "to 5120 or 5130"),
        (5, "jod", "to at least 10"),
        (1001, "omr", "to 1000 or 1010"),
        (1009, "tnd", "to 1000 or 1010"),
        (150_050, "isk", "in steps of 100 (1.00 ISK). Set the amount to 150000 or 150100"),
        (150_050, "ugx", "to 150000 or 150100"),
    ],
)
def test_an_amount_that_stripe_refuses(amount: int, currency: str, fix: str) -> None:
    """The message names the product, the price and the fix."""
    (fault,) = faults(text({**PRODUCT, "prices": [PRICE, {"amount": amount, "currency": currency}]}))
    assert fault["field"] == "products[0].prices[1].amount"
    assert fault["message"].startswith(f"thing, once-{currency}: ")
    assert fix in fault["message"]


def test_every_amount_is_named_at_once() -> None:
    cheap = {**PRODUCT, "prices": [{**PRICE, "amount": 10}, {"amount": 20, "currency": "usd"}]}
    assert fields(cheap, {**cheap, "key": "other"}) == [
        f"products[{number}].prices[{place}].amount" for number in (0, 1) for place in (0, 1)
    ]


def test_every_fault_is_named_at_once() -> None:
    assert fields({**PRODUCT, "kind": "x", "rank": "y"}, {**PRODUCT, "key": "other", "name": ""}) == [
        "products[0].kind",
        "products[0].rank",
        "products[1].name",
    ]


def test_a_key_stands_for_one_product() -> None:
    assert fields(PRODUCT, PRODUCT) == ["products[0].key", "products[1].key"]


def test_a_fault_is_named_by_its_line() -> None:
    written = (
        "products:\n- key: a\n  kind: license\n  name: A\n  prices:\n  - amount: 5\n    currency: usd\n    amount: 6\n"
    )
    assert faults(written) == [
        {"field": "products[0].prices[0].amount", "message": "is repeated", "line": 8, "column": 5}
    ]
    assert faults("products:\n- key: a\n  kind: x\n")[0]["line"] == 3


@pytest.mark.parametrize("written", ["", "# nothing", "[]", "products", "products: [", "products: \x07", "- 1\n-2"])
def test_what_is_no_catalogue_at_all(written: str) -> None:
    assert faults(written)


def test_what_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_bytes(b"products: \xff")
    with pytest.raises(ValidationFailed, match="UTF-8"):
        read_catalog(file)
