"""Renders the page: a table of all operations and their refused parameters."""

from __future__ import annotations

from refusals import refusals

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.spec.document import API_VERSION, document
from licet_sandbox.validation import Checker

_FORM = "application/x-www-form-urlencoded"
# Types that only checkout sessions know, or that `POST /v1/payment_methods` cannot create.
_UNLISTED = {"demo_pay", "giropay", "interac_present"}
_HEAD = """\
# What the sandbox covers

It supports **{supported} of {all} operations** of Stripe's OpenAPI document, version {version}.

`python dev/sandbox_coverage` writes this page. It calls each operation with each parameter by itself and lists the
parameters that are refused as unsupported; `name=value` means that only this value is refused. A refusal is a 400 that
names the parameter: nothing is accepted and ignored. A parameter that is only valid together with others may be refused
without being listed here.

| operation | supported | refused parameters |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    checker = Checker()
    refused = refusals(checker)
    checker.raise_any()
    names = [f"{method.upper()} {path}" for path, methods in document().content["paths"].items() for method in methods]
    head = _HEAD.format(version=API_VERSION, supported=len(OPERATIONS), all=len(names))
    return head + "".join(_row(name, refused.get(name, [])) for name in names)


def _row(name: str, refused: list[str]) -> str:
    parameters = ", ".join(_short(refused))
    return f"| `{name}` | {'yes' if name in OPERATIONS else '**no**'} | {parameters} |\n"


def _short(refused: list[str]) -> list[str]:
    """The names of the parameters, with those of other payment method types than cards grouped together."""
    other = _other_types()
    listed = [f"`{name}`" for name in refused if name.rpartition("[")[2].rstrip("]") not in other]
    groups = {name.rpartition("[")[0] for name in refused if name.rpartition("[")[2].rstrip("]") in other}
    return listed + [
        f"`{name}` of other types than `card`" if name else "all types but `card`" for name in sorted(groups)
    ]


def _other_types() -> set[str]:
    """The payment method types other than cards, by their names in parameters."""
    made, paid = (
        document().content["paths"][f"/v1/{name}"]["post"]["requestBody"]["content"][_FORM]["schema"]["properties"]
        for name in ("payment_methods", "payment_intents")
    )
    return ({*made["type"]["enum"], *paid["payment_method_options"]["properties"]} | _UNLISTED) - {"card", "custom"}
