"""The page: a table of all operations, and of the parameters that each refuses."""

from __future__ import annotations

from asking import refusals

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.spec.document import API_VERSION, document
from licet_sandbox.validation import Checker

_FORM = "application/x-www-form-urlencoded"
# Known to checkout sessions alone, or of payment methods of a kind that none creates.
_UNLISTED = {"demo_pay", "giropay", "interac_present"}
_HEAD = """\
# What the sandbox covers

Of Stripe's OpenAPI document, version {version}: **{there} of {all} operations**.

Written by `python dev/sandbox_coverage`, which calls each operation and asks for each parameter by itself. What is then
refused as not built stands here, `name=value` where only that value is. A refusal is a 400 that names the parameter:
nothing is accepted and ignored. What only goes together with something else may be refused without standing here.

| operation | there | refused parameters |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    checker = Checker()
    refused = refusals(checker)
    checker.raise_any()
    names = [f"{method.upper()} {path}" for path, methods in document().content["paths"].items() for method in methods]
    head = _HEAD.format(version=API_VERSION, there=len(OPERATIONS), all=len(names))
    return head + "".join(_row(name, refused.get(name, [])) for name in names)


def _row(name: str, refused: list[str]) -> str:
    shown = ", ".join(_short(refused))
    return f"| `{name}` | {'yes' if name in OPERATIONS else '**no**'} | {shown} |\n"


def _short(refused: list[str]) -> list[str]:
    """Each by its name; but the many that belong to other payment methods than cards together."""
    other = _other_types()
    ours = [f"`{one}`" for one in refused if one.rpartition("[")[2].rstrip("]") not in other]
    whole = {one.rpartition("[")[0] for one in refused if one.rpartition("[")[2].rstrip("]") in other}
    return ours + [f"`{one}` of other types than `card`" if one else "each type but `card`" for one in sorted(whole)]


def _other_types() -> set[str]:
    """The payment methods that are no cards, by their names in parameters."""
    made, paid = (
        document().content["paths"][f"/v1/{name}"]["post"]["requestBody"]["content"][_FORM]["schema"]["properties"]
        for name in ("payment_methods", "payment_intents")
    )
    return ({*made["type"]["enum"], *paid["payment_method_options"]["properties"]} | _UNLISTED) - {"card", "custom"}
