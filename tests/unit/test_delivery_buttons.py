"""A card's buttons: what a press asks for, and what is told and logged of it."""

import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from structlog.testing import capture_logs

from bot import cards
from bot.client import RushesClient, Services
from bot.domain.custom_ids import BUTTON_TEMPLATE, Action, ButtonId
from bot.domain.errors import Refused, RushesError, Unavailable
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState, TakeState
from cogs.buttons import RequestButton
from tests.fakes_delivery import REQUEST_ID, make_snapshot, make_take

ADA = 42


@dataclass
class Press:
    """One press of a button by Ada: which service it reached, with what, and what she was shown."""

    trouble: RushesError | None = None
    moderator: bool = False
    asked: list[tuple[str, str, int, bool]] = field(default_factory=list[tuple[str, str, int, bool]])
    told: list[str] = field(default_factory=list[str])
    privately: bool = False

    async def make(self, action: Action) -> None:
        await self.click(str(ButtonId(action, REQUEST_ID)))

    async def click(self, custom_id: str) -> None:
        match = BUTTON_TEMPLATE.fullmatch(custom_id)
        assert match is not None
        item = cast("discord.ui.Item[discord.ui.LayoutView]", None)
        button = await RequestButton.from_custom_id(self._interaction(), item, match)
        await button.callback(self._interaction())

    def _interaction(self) -> discord.Interaction[RushesClient]:
        unused = cast("Any", None)
        services = Services(
            submit=unused,
            cancel=self._cancel,
            deliver_again=self._deliver_again,
            drafts=unused,
            last_frame=unused,
            tray=unused,
            privacy=unused,
            guild_choices=unused,
            quotas=unused,
            lane=unused,
            policies=unused,
            ledger_csv=unused,
            sources=unused,
            rendered=lambda snapshot: snapshot.request.written_prompt,
            vendor_tokens=unused,
            asks_about_people=unused,
            requester=unused,
            form_id=lambda: "",
            open_threads=True,
        )
        double = SimpleNamespace(
            id=7,
            user=SimpleNamespace(id=ADA),
            permissions=discord.Permissions(manage_messages=self.moderator),
            client=SimpleNamespace(services=services),
            response=SimpleNamespace(
                defer=self._defer,
                is_done=lambda: True,
                type=discord.InteractionResponseType.deferred_channel_message,
            ),
            edit_original_response=self._edit,
        )
        return cast("discord.Interaction[RushesClient]", double)

    async def _cancel(
        self, request_id: str, *, person_id: int, moderator: bool, guild_id: int | None = None
    ) -> Snapshot:
        assert guild_id is None
        self.asked.append(("cancel", request_id, person_id, moderator))
        return make_snapshot(RequestState.WORKING, make_take(1, TakeState.RENDERING), cancel_requested_by=person_id)

    async def _deliver_again(self, request_id: str, *, person_id: int, moderator: bool) -> Snapshot:
        self.asked.append(("deliver again", request_id, person_id, moderator))
        if self.trouble is not None:
            raise self.trouble
        return make_snapshot(RequestState.DELIVERING, make_take())

    async def _defer(self, *, ephemeral: bool, thinking: bool) -> None:
        self.privately = ephemeral and thinking

    async def _edit(self, *, view: cards.Sheet) -> None:
        self.told.append("\n".join(view.texts))


@pytest.mark.parametrize("moderator", [False, True])
@pytest.mark.parametrize(
    ("action", "service", "sentence"),
    [
        (Action.CANCEL, "cancel", "Being cancelled"),
        (Action.DELIVER, "deliver again", "It is being posted again."),
    ],
)
async def test_each_button_asks_for_what_it_says_and_is_answered_privately(
    action: Action, service: str, sentence: str, *, moderator: bool
) -> None:
    press = Press(moderator=moderator)

    await press.make(action)

    assert press.asked == [(service, REQUEST_ID, ADA, moderator)]
    assert press.privately
    assert [sentence in text for text in press.told] == [True]


async def test_a_refused_delivering_again_says_why_and_no_word_about_money() -> None:
    press = Press(trouble=Refused(reason("deliver-not-kept")))

    await press.make(Action.DELIVER)

    (text,) = press.told
    assert "This request is not waiting to be delivered." in text
    assert "spent" not in text


@pytest.mark.parametrize(
    ("trouble", "detail"),
    [
        (Refused(reason("source-gone", name="hero.png"), detail="status 404"), "status 404"),
        (Unavailable(reason("storage-unavailable"), detail="No space left"), "No space left"),
        (Unavailable(reason("database-unavailable"), detail="Failing row contains (a secret prompt)"), ""),
    ],
)
async def test_what_a_person_is_told_of_trouble_the_operator_finds_in_the_log_without_any_prompt(
    trouble: RushesError, detail: str
) -> None:
    with capture_logs() as log:
        await Press(trouble=trouble).make(Action.DELIVER)

    assert log == [
        {
            "event": "answered with trouble",
            "log_level": "info",
            "interaction": 7,
            "reason": trouble.reason.code,
            "detail": detail,
        }
    ]


async def test_a_button_of_another_release_is_answered_too() -> None:
    press = Press()

    await press.click(f"rushes:later:{REQUEST_ID}:1.2")

    (text,) = press.told
    assert "This request is not known any more." in text


def test_every_action_has_a_button_that_finds_its_way_back() -> None:
    for action in Action:
        assert re.fullmatch(BUTTON_TEMPLATE, str(ButtonId(action, REQUEST_ID)))
