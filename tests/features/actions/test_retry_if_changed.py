"""When a refused change is attempted again: only if the subscription has changed since it was looked at."""

from dataclasses import dataclass, field

import pytest
from tests.support.stripe_events import AT, webhook_context

from licet.actions.subscriptions.lock import RefusedByState, SubscriptionChanging, retry_if_changed
from licet.db.mirrors import write_mirror
from licet.db.pool import Pool
from licet.errors import CardDeclined, LicetError, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.times import from_epoch
from licet.kit.versions import Rank, Version
from licet.stripe_events import sync

ID = "sub_1"
REFUSED = StripeRefused("No.")
ABOUT_ITEMS = StripeRefused("No such price.", details={"param": "phases[0][items][0][price]"})


@dataclass
class Story:
    """A change whose attempts are refused, and what others do to the subscription after each of them.

    states: what each attempt finds. errors: what each attempt raises, None for success. unseen: whether others change,
    after each refusal, what the state does not show.
    """

    context: Context
    states: list[str]
    errors: list[LicetError | None]
    unseen: bool = False
    tried: list[str] = field(default_factory=list)

    async def tell(self) -> list[str]:
        """The states in which the change was attempted."""
        states, errors = iter(self.states), iter(self.errors)
        async for attempt in retry_if_changed(self.context, ID, Cause("api_call", "test")):
            state = next(states)
            async with attempt.at(state):
                self.tried.append(state)
                error = next(errors)
                if error is not None:
                    raise error
        return self.tried

    async def read(self, *_: object) -> None:
        """In place of a read from Stripe: it brings the change that others have made."""
        if self.unseen:
            version = Version({"id": ID, "n": len(self.tried)}, from_epoch(AT), Rank.OTHER, was_read=True)
            async with self.context.pool.acquire() as conn:
                await write_mirror(conn, ID, version, None)


@pytest.fixture
def context(pool: Pool) -> Context:
    return webhook_context(pool)


def story(
    context: Context, patch: pytest.MonkeyPatch, states: str, *errors: LicetError | None, unseen: bool = False
) -> Story:
    told = Story(context, list(states), list(errors), unseen)
    patch.setattr(sync, "read", told.read)
    return told


async def test_it_is_made_once(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await story(context, monkeypatch, "a", None).tell() == ["a"]


async def test_a_refusal_is_final_where_nothing_has_changed(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = story(context, monkeypatch, "aa", REFUSED, None)
    with pytest.raises(StripeRefused):
        await refused.tell()
    assert refused.tried == ["a"]


@pytest.mark.parametrize("error", [REFUSED, RefusedByState("Not paid up."), SubscriptionChanging(), ABOUT_ITEMS])
async def test_it_is_attempted_again_in_another_state(
    context: Context, monkeypatch: pytest.MonkeyPatch, error: LicetError
) -> None:
    assert await story(context, monkeypatch, "abc", error, error, None).tell() == ["a", "b", "c"]


async def test_changed_and_changed_back_it_is_attempted_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await story(context, monkeypatch, "aaa", REFUSED, REFUSED, None, unseen=True).tell() == ["a"] * 3


async def test_the_third_refusal_in_the_same_state_is_final(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = story(context, monkeypatch, "aaaa", *[REFUSED] * 4, unseen=True)
    with pytest.raises(StripeRefused):
        await refused.tell()
    assert refused.tried == ["a"] * 3


async def test_refusals_in_the_same_state_count_across_others(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = story(context, monkeypatch, "aabbbc", *[REFUSED] * 6, unseen=True)
    with pytest.raises(StripeRefused):
        await refused.tell()
    assert refused.tried == ["a", "a", "b", "b"]


async def test_a_refused_item_is_final_although_something_else_has_changed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = story(context, monkeypatch, "aa", ABOUT_ITEMS, None, unseen=True)
    with pytest.raises(StripeRefused):
        await refused.tell()
    assert refused.tried == ["a"]


async def test_changing_all_the_time_it_is_given_up_after_five_attempts(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = story(context, monkeypatch, "abcdefg", *[REFUSED] * 7)
    with pytest.raises(SubscriptionChanging):
        await refused.tell()
    assert refused.tried == list("abcde")


async def test_unchanged_after_the_fifth_attempt_the_refusal_is_raised(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = story(context, monkeypatch, "abcdee", *[REFUSED] * 6)
    with pytest.raises(StripeRefused):
        await refused.tell()
    assert refused.tried == list("abcde")


@pytest.mark.parametrize("error", [CardDeclined("No."), ValueError("a defect")])
async def test_another_error_is_raised_at_once(
    context: Context, monkeypatch: pytest.MonkeyPatch, error: LicetError
) -> None:
    failed = story(context, monkeypatch, "ab", error, None, unseen=True)
    with pytest.raises(type(error)):
        await failed.tell()
    assert failed.tried == ["a"]


async def test_what_the_look_raises_is_not_a_refusal_of_the_change(context: Context) -> None:
    looks = 0

    async def tell() -> None:
        nonlocal looks
        async for _ in retry_if_changed(context, ID, Cause("api_call", "test")):
            looks += 1
            raise SubscriptionChanging

    with pytest.raises(SubscriptionChanging):
        await tell()
    assert looks == 1
