"""Schemathesis asks whatever the description allows, and what it does not, as everybody who may call and may not.

It stands before the served application over a whole sandbox. Its requests are the same in every run: they are seeded.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, CheckContext, load_all_checks
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation
from tests.support.depth import examples, sample_of
from tests.support.patience import PATIENCE_SECONDS
from tests.support.two_accounts import Both, seen_in, two_accounts

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Request: TypeAlias = Case[Operation]

SEED = 2027
EXAMPLES = examples(2, 5)
"""Of each operation, in either mode, for each caller."""

BEYOND_ANY_SCHEMA = {"must be in the future"}

# That no text holds a NUL is told by the tests of strict JSON; a schema would have to say it of each.
# Who asks is ours to say: a made-up key beside a good one is a 401 (`ignored_auth` takes the key away by itself).
PROJECT = ProjectConfig(generation=GenerationConfig(allow_x00=False, with_security_parameters=False))

NONSENSE = ("nothing", "sub_nobody", "0193a1b2-7c3d-7e4f-8a5b-123456789abc", "..", "a\0b", "😀", "%2e%2e%2f")

ENDPOINTS, HOOK = "/api/webhook-endpoints", "https://hooks.example.com/licet"

OFF = {
    "positive_data_acceptance": "what has the right shape may mean nothing; `fits_its_own_schema` stands in its place",
    "object_level_authorization": "it follows links, of which there are none; every byte is looked at instead",
    "use_after_free": "it follows links",
    "ensure_resource_availability": "it follows links",
}


@dataclass(frozen=True)
class Caller:
    """Who asks. ids: what may stand in a path, by the path before it. hidden: what no answer may hold."""

    key: str | None
    ids: dict[str, tuple[str, ...]]
    hidden: frozenset[str]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


async def an_account(both: Both) -> Caller:
    own, other = both.sides
    return Caller(own.key, {path: own.ids[path] + other.ids[path] for path in own.ids}, other.marks)


async def an_account_with_the_ids_of_another(both: Both) -> Caller:
    own, other = both.sides
    return Caller(own.key, dict(other.ids), other.marks)


async def somebody_signed_in(both: Both) -> Caller:
    own, other = both.sides
    return Caller(both.token(other), {path: own.ids[path] + other.ids[path] for path in own.ids}, own.marks)


async def nobody(both: Both) -> Caller:
    one, two = both.sides
    return Caller(None, dict(one.ids), one.marks | two.marks)


async def an_operator(both: Both) -> Caller:
    one, two = both.sides
    spare = {"name": "spare", "scopes": ["read"], "accountId": one.account_id}
    made = (await both.shop.api("POST", "/api/admin/api-keys", json=spare)).json()["id"]
    endpoint = (await both.shop.api("POST", ENDPOINTS, json={"url": HOOK, "events": ["*"]})).json()["id"]
    await both.shop.buy(one.account_id, "Data Migrator")
    await both.shop.settle()
    deliveries = (await both.shop.get(f"{ENDPOINTS}/{endpoint}/deliveries"))["data"]
    assert {"checkout.completed", "invoice.paid", "license.issued"} <= {delivery["event"] for delivery in deliveries}
    events = (await both.shop.get("/api/admin/events"))["data"]
    emails = (await both.shop.get("/api/admin/emails"))["data"]
    more = {
        "/api/admin/api-keys": (made,),
        "/api/admin/events": tuple(one["id"] for one in events),
        "/api/admin/emails": tuple(one["id"] for one in emails),
        ENDPOINTS: (endpoint,),
        f"{ENDPOINTS}/{{id}}/deliveries": tuple(one["id"] for one in deliveries),
    }
    ids = {path: one.ids[path] + two.ids[path] for path in one.ids}
    return Caller(both.shop.operator_key, ids | more, frozenset())


CALLERS = (an_account, an_account_with_the_ids_of_another, somebody_signed_in, nobody, an_operator)


def fits_its_own_schema(ctx: CheckContext, response: Response, case: Request) -> None:
    """What the description calls valid is not answered with `validation_failed`."""
    positive = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    said = response.json() if positive and response.status_code == 422 else {}
    faults = {fault["message"] for fault in said.get("details", {}).get("fields", ())}
    assert faults <= BEYOND_ANY_SCHEMA, said


def checks_of(caller: Caller) -> list[Callable[..., Any]]:
    def nothing_leaks(ctx: CheckContext, response: Response, case: Request) -> None:
        assert seen_in(response.text, caller.hidden) == []

    load_all_checks()
    built_in = CHECKS.get_by_names([name for name in CHECKS.get_all_names() if name not in OFF])
    return [*built_in, nothing_leaks, fits_its_own_schema]


def case_of(operation: Operation, caller: Caller, mode: GenerationMode) -> st.SearchStrategy[Request]:
    """A request: its path with ids that are somebody's, or nobody's, all else as Schemathesis likes."""
    names = re.findall(r"/{(\w+)}", operation.path)
    if not names:
        return operation.as_strategy(generation_mode=mode)
    ids = {name: caller.ids.get(operation.path.partition(f"/{{{name}}}")[0], ()) + NONSENSE for name in names}
    return st.fixed_dictionaries({name: st.sampled_from(ids[name]) for name in names}).flatmap(
        lambda drawn: operation.as_strategy(generation_mode=mode, path_parameters=drawn)
    )


def modes_of(operation: Operation) -> list[GenerationMode]:
    """Nothing can be wrong with a request that is only a path."""
    plain = not operation.body and not operation.query and not operation.headers
    return [GenerationMode.POSITIVE] if plain else list(GenerationMode)


def cases_of(operation: Operation, caller: Caller, mode: GenerationMode) -> list[Request]:
    """Made beforehand: Hypothesis wants the `random` module for itself meanwhile, and what is served uses it too."""
    cases: list[Request] = []

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=case_of(operation, caller, mode))
    def make(case: Request) -> None:
        cases.append(case)

    make()
    return cases


def ask(cases: list[Request], url: str, caller: Caller) -> list[str]:
    """What was found, in words."""
    found = []
    how: dict[str, Any] = {"headers": caller.headers, "checks": checks_of(caller), "timeout": PATIENCE_SECONDS}
    with requests.Session() as session:
        session.trust_env = False
        for case in cases:
            try:
                case.call_and_validate(base_url=url, session=session, **how)
            except FailureGroup as failures:
                found.append(str(failures))
    return found


@pytest_asyncio.fixture
async def both(database: str) -> AsyncIterator[Both]:
    async with two_accounts(database) as opened:
        yield opened


def described(document: dict[str, Any]) -> list[Operation]:
    schema = schemathesis.openapi.from_dict(
        document, config=SchemathesisConfig(projects=ProjectsConfig(default=PROJECT))
    )
    schema.validate()
    return [schema[path][method] for path, operations in document["paths"].items() for method in operations]


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.__name__)
async def test_it_finds_nothing(both: Both, who: Callable[[Both], Any]) -> None:
    caller = await who(both)
    document = (await both.shop.client.get(f"{both.shop.url}/openapi.json")).json()
    cases = [
        case
        for operation in described(document)
        for mode in modes_of(operation)
        for case in cases_of(operation, caller, mode)
    ]
    assert len(cases) > 40 * EXAMPLES
    found = await asyncio.to_thread(ask, cases, both.shop.url, caller)
    assert not found, "\n".join(found)


async def test_the_edges_of_all_that_is_described(both: Both) -> None:
    """Each bound and one beyond it, each field of another type or left out, each method that an address has not."""
    caller = await an_account(both)
    document = (await both.shop.client.get(f"{both.shop.url}/openapi.json")).json()
    cases = [
        case
        for operation in described(document)
        for case in operation.schema.iter_coverage_cases(
            operation, generation_modes=list(GenerationMode), generation_config=PROJECT.generation
        )
    ]
    assert len(cases) > 1000
    cases = list(sample_of(cases, len(cases) // 2, "edges"))
    found = await asyncio.to_thread(ask, cases, both.shop.url, caller)
    assert not found, "\n".join(found)
