"""What the catalogue may say wherever a card or an answer shows it."""

import pytest

from bot.domain.reasons import reason
from bot.domain.words import SENTENCES, say

MAY_BE_BILLED = {"deadline-not-stopped", "review-ended"}
"""They say that nobody knows, which is true until the vendor has said."""
OF_MONEY = ("money-", "price-", "ledger-", "person-budget-", "guild-budget-")
"""Sums of the ledger's lines and of the price list; refusals by a budget, after which nothing is spent for certain."""


@pytest.mark.parametrize(
    "code", sorted(code for code in set(SENTENCES) - MAY_BE_BILLED if not code.startswith(OF_MONEY))
)
def test_no_sentence_claims_a_cost(code: str) -> None:
    """The rows know it; `money_line` and `bot.domain.bills` say it."""
    assert not any(word in SENTENCES[code].lower() for word in ("spent", "cost", "billed", "charged", "free of", "$"))


@pytest.mark.parametrize("code", SENTENCES)
def test_no_sentence_promises_what_a_final_state_does_not_keep(code: str) -> None:
    assert not any(promise in SENTENCES[code] for promise in ("keeps its place", "is tried again"))


@pytest.mark.parametrize("code", ["delivery-forbidden", "delivery-too-large", "delivery-refused", "thread-locked"])
def test_why_a_post_was_refused_does_not_promise_a_button_by_itself(code: str) -> None:
    """A kept card adds the button's sentence; on a delivered one, some of whose clips were refused, there is none."""
    assert "Deliver again" not in SENTENCES[code]


def test_what_was_too_large_for_a_server_says_what_was_tried_and_advises_nothing_that_may_not_help() -> None:
    said = say(reason("delivery-too-large", size="12.0 MB"))
    assert "could not be made smaller" in said
    assert "Boosting" not in said


def test_too_late_to_cancel_tells_what_is_over_from_what_is_on_its_way() -> None:
    assert say(reason("cancel-too-late")) == "This request has already ended."
    assert "on its way" in say(reason("cancel-delivering"))


def test_giving_up_says_that_it_was_given_up() -> None:
    assert say(reason("gave-up-vendor")).endswith("so this was given up. Try again later.")
    assert "after 60 minutes" in say(reason("deadline-not-stopped", minutes=60))
    assert "it may still be billed" in say(reason("deadline-not-stopped", minutes=60))
