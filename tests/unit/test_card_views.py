"""Cards as a person reads them, and as Discord takes them."""

import re
from collections.abc import Sequence
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import cards
from bot.domain import words
from bot.domain.conform import Made, Record, Step, Target, Verdict
from bot.domain.lanes import Ahead, Standing
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import Bill
from bot.domain.prompts import Finding, Severity
from bot.domain.reasons import Reason, reason
from bot.domain.references import Fate, Offer, OfferSource
from bot.domain.requests import Parameters, Person, Post, Snapshot, Take
from bot.domain.states import RequestState, TakeState
from tests.card_reading import buttons, labelled, nodes, read, schema_problems, units
from tests.fakes_delivery import NOW_MS, OPENAPI, REQUEST_ID, make_reference, make_snapshot, make_take

S, T = RequestState, TakeState
PROMPT = "@Image1 walks down the alley"


def card(snapshot: Snapshot) -> str:
    return read(cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))


def failed_take(ordinal: int, code: str = "rejected-image") -> Take:
    return make_take(ordinal, T.FAILED, failure=reason(code), submitting_at_ms=NOW_MS, cost_usd_micros=0)


# --- the answer to the person ----------------------------------------------------------------------------------------


def test_an_accepted_request_is_read_back_as_it_was_understood() -> None:
    finding = Finding(
        reason=reason("unused-reference", token="@Image2", name="alley.jpg"),
        severity=Severity.WARNING,
    )
    snapshot = make_snapshot(
        references=(make_reference(1), make_reference(2, name="alley.jpg", alias="street")),
        findings=(finding,),
        standing=Standing(place=3),
    )

    text = read(cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))

    assert "Your video is in line, 3rd\n" in text
    assert "`#1` **@Image1** hero.png · 640×480 · 84 kB" in text
    assert "`#2` **@Image2** alley.jpg (@street) · 640×480 · 84 kB" in text
    assert f"> {PROMPT}" in text
    assert "5 s · 720p · 16:9 · with sound" in text
    assert "⚠ @Image2 (alley.jpg) is attached but the prompt does not mention it." in text
    assert REQUEST_ID in text


@pytest.mark.parametrize(
    ("snapshot", "title"),
    [
        (make_snapshot(S.QUEUED), "Your video is in line"),
        (make_snapshot(S.PREPARING), "Preparing"),
        (make_snapshot(S.WORKING, make_take(1, T.RENDERING)), "Rendering"),
        (make_snapshot(S.DELIVERED, make_take()), "Done"),
        (make_snapshot(S.CANCELLED, cancel_requested_by=42), "Cancelled\nCancelled by <@42>.\nNothing was spent."),
        (make_snapshot(S.FAILED, failed_take(1)), "Failed\nThe video service refused a reference image."),
    ],
)
def test_what_was_accepted_long_ago_is_not_called_in_line(snapshot: Snapshot, title: str) -> None:
    """A confirmation may be repeated at any time."""
    text = read(cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))

    assert text.startswith(f"### {title}")
    assert ("The model will read" in text) is (snapshot.request.state is S.QUEUED)


def test_a_refusal_lists_every_reason_and_says_that_nothing_was_spent() -> None:
    text = read(cards.refused([reason("empty-prompt"), reason("cancel-too-late")]))

    assert "- The prompt is empty." in text
    assert "- This request has already ended." in text
    assert text.endswith("Nothing was spent.")


def test_a_cancelling_says_whether_it_is_over_and_what_it_cost() -> None:
    at_once = read(cards.cancelled(make_snapshot(S.CANCELLED)))
    asked = read(cards.cancelled(make_snapshot(S.WORKING, make_take(1, T.RENDERING), cancel_requested_by=42)))

    assert "### Cancelled\nNothing was spent." in at_once
    assert "### Cancelling\nBeing cancelled" in asked


@pytest.mark.parametrize("state", [S.QUEUED, S.PREPARING])
def test_a_cancelling_before_anything_is_ordered_says_so_and_speaks_of_no_video_service(state: RequestState) -> None:
    snapshot = make_snapshot(state, make_take(1, T.PLANNED), cancel_requested_by=42)

    for text in (read(cards.cancelled(snapshot)), card(snapshot)):
        assert "Being cancelled: it ends after the file that is being made to fit now" in text
        assert "Nothing was ordered." in text
        assert "video service" not in text


def test_a_wish_to_cancel_that_comes_too_late_is_not_called_a_cancelling() -> None:
    over = read(cards.cancelled(make_snapshot(S.DELIVERED, make_take(), cancel_requested_by=42)))
    on_its_way = read(cards.cancelled(make_snapshot(S.DELIVERING, make_take(), cancel_requested_by=42)))

    assert "### Too late to cancel\nThis request has already ended." in over
    assert "It is too late to cancel: the video is done and on its way." in on_its_way


def test_a_wish_to_cancel_what_the_operator_has_to_decide_does_not_say_that_it_stops() -> None:
    text = read(cards.cancelled(make_snapshot(S.WORKING, make_take(1, T.NEEDS_REVIEW), cancel_requested_by=42)))

    assert "The operator has to decide" in text
    assert "asked to stop" not in text


def test_delivering_again_is_confirmed() -> None:
    assert "It is being posted again." in read(cards.delivering_again(make_snapshot(S.DELIVERING, make_take())))


def test_a_form_lists_the_messages_files_under_their_numbers() -> None:
    offers = [Offer(name=name, url="https://cdn.invalid", byte_count=1) for name in ("a*b.png", "c\u202ed.mp4")]

    assert cards.offered(offers) == "From the message:\n`#1` a\\*b.png\n`#2` cd.mp4\nIdentical files count once."
    assert "The message has no files." in cards.offered([])


def test_a_single_file_is_like_no_other() -> None:
    offers = [Offer(name="a.png", url="https://cdn.invalid", byte_count=1)]

    assert cards.offered(offers) == "From the message:\n`#1` a.png"


def test_an_accepted_request_tells_what_became_of_every_file() -> None:
    fates = (
        Fate(name="hero.png", source=OfferSource.OPTION, reference_id="r1"),
        Fate(name="copy.png", source=OfferSource.OPTION, reference_id="r1", reason=twice("@Image9")),
        Fate(
            name="dance.gif",
            source=OfferSource.OPTION,
            reference_id="r2",
            reason=reason("converted", name="a.gif", changes="GIF → MP4"),
        ),
        Fate(name="a*b.txt", source=OfferSource.OPTION, reason=reason("source-gone", name="a*b.txt")),
        Fate(name="song.mp3", source=OfferSource.OPTION, reason=reason("audio-needs-visual", names="it")),
    )
    references = (make_reference(1, also=("copy.png", "b.png", "c.png")), make_reference(2, name="dance.gif"))

    text = read(
        cards.accepted(make_snapshot(references=references, fates=fates), rendered_prompt=PROMPT, vendor_tokens={})
    )

    assert "`#1` **@Image1** hero.png · 640×480 · 84 kB · also copy.png, b.png and 1 more" in text
    assert "**Not used**\n- “a*b.txt” is no longer at Discord" in text
    assert "- “song.mp3”: Sound alone (it) is not enough" in text
    assert "“copy.png” has the same content as “hero.png”, so both are @Image1." in text, "with today's number"
    assert f"“dance.gif”: {words.say(reason('converted', name='a.gif', changes='GIF → MP4'))}" in text


def twice(token: str) -> Reason:
    return reason("same-file-twice", name="copy.png", other="hero.png", token=token)


@pytest.mark.parametrize(
    ("count", "sentence"), [(1, "One file from your tray; it stays in it"), (2, "2 files from your tray; they")]
)
def test_files_out_of_the_tray_are_called_so(count: int, sentence: str) -> None:
    references = tuple(make_reference(number) for number in range(1, 4))
    fates = tuple(
        Fate(name="hero.png", source=source, reference_id=f"r{number}")
        for number, source in enumerate([OfferSource.TRAY] * count + [OfferSource.FORM] * (3 - count), 1)
    )

    assert sentence in read(
        cards.accepted(make_snapshot(references=references, fates=fates), rendered_prompt=PROMPT, vendor_tokens={})
    )
    untouched = make_snapshot(references=references)
    assert "tray" not in read(cards.accepted(untouched, rendered_prompt=PROMPT, vendor_tokens={}))


def test_wherever_the_prompt_is_read_the_models_own_numbers_are_explained() -> None:
    snapshot = make_snapshot(S.DELIVERING, make_take(), references=(make_reference(1), make_reference(2)))
    tokens = {"r1": "@Image2", "r2": "@Image1"}

    for view in (
        cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens=tokens),
        cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens=tokens),
        cards.result(snapshot, ["a.mp4"], rendered_prompt=PROMPT, vendor_tokens=tokens),
    ):
        assert "**@Image1** hero.png · 640×480 · 84 kB · the model reads @Image2" in read(view)


def test_a_sentence_within_a_sentence_keeps_its_distance() -> None:
    cause = reason("unknown-reference", mention="@Image3", existing="Nothing is attached.", nearest=" Did you mean it?")

    assert "Nothing is attached. Did you mean it?" in read(cards.refused([cause]))


# --- the card --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("snapshot", "title"),
    [
        (make_snapshot(S.QUEUED, standing=Standing(place=2)), "### Waiting, 2nd in line"),
        (make_snapshot(S.PREPARING, make_take(1, T.PLANNED)), "### Preparing"),
        (make_snapshot(S.WORKING, make_take(1, T.RENDERING)), "### Rendering\n"),
        (make_snapshot(S.WORKING, make_take(1, T.RENDERING), make_take(2, T.PLANNED)), "### Rendering take 1 of 2"),
        (make_snapshot(S.WORKING, make_take(1), make_take(2, T.RENDERING)), "### Rendering take 2 of 2"),
        (make_snapshot(S.WORKING, make_take(1, T.FETCHING)), "### Fetching"),
        (make_snapshot(S.WORKING, make_take(1, T.NEEDS_REVIEW)), "### Waiting for the operator"),
        (make_snapshot(S.DELIVERING, make_take()), "### Posting"),
        (make_snapshot(S.DELIVERED, make_take()), "### Done"),
        (make_snapshot(S.KEPT, make_take()), "### Kept: ready, but not posted"),
        (make_snapshot(S.FAILED), "### Failed"),
        (make_snapshot(S.CANCELLED), "### Cancelled"),
    ],
)
def test_the_card_says_where_a_request_stands(snapshot: Snapshot, title: str) -> None:
    assert title in card(snapshot)
    assert f"-# `{REQUEST_ID}` · card" in card(snapshot)


def test_every_state_has_a_card() -> None:
    for state in S:
        assert cards.find_marker([card(make_snapshot(state))]) == (REQUEST_ID, "card")


def test_a_failed_card_says_why_and_what_it_cost() -> None:
    text = card(make_snapshot(S.FAILED, failed_take(1), failure=reason("rejected-image")))

    assert "refused a reference image. Use another image and try again." in text
    assert "Nothing was spent." in text


def test_an_unknown_cost_is_called_unknown() -> None:
    take = make_take(1, T.FAILED, failure=reason("vendor-lost"), submitting_at_ms=NOW_MS)

    assert "What it cost is not known yet" in card(make_snapshot(S.FAILED, take, failure=reason("vendor-lost")))


def test_a_cancelled_card_says_by_whom_and_what_it_cost() -> None:
    text = card(make_snapshot(S.CANCELLED, cancel_requested_by=43))

    assert "Cancelled by <@43>." in text
    assert "Nothing was spent." in text


KEPT_REASONS = [
    reason("delivery-forbidden"),
    reason("delivery-too-large", size="10.5 MB"),
    reason("delivery-refused", error=50035),
    reason("thread-locked"),
]


@pytest.mark.parametrize("why", KEPT_REASONS, ids=lambda why: why.code)
def test_a_kept_video_can_be_delivered_again_from_its_card(why: Reason) -> None:
    snapshot = make_snapshot(S.KEPT, make_take(), failure=why)
    view = cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={})

    text = read(view)
    assert words.say(why) in text
    assert "Press “Deliver again” on the card once that is mended." in text
    assert "It cost $0.6" in text
    assert buttons(view) == [f"rushes:deliver:{REQUEST_ID}", f"rushes:again:{REQUEST_ID}"]
    assert text.count("Deliver again") == 2, "the sentence and the button"


def test_what_can_not_be_delivered_any_more_can_only_be_asked_for_again() -> None:
    snapshot = make_snapshot(S.KEPT, make_take(), failure=reason("channel-gone"))
    view = cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={})

    for text in (read(view), read(cards.notice(snapshot))):
        assert "is gone, so it cannot be posted any more. The operator can see the video under this id." in text
        assert "Deliver again" not in text
    assert buttons(view) == [f"rushes:again:{REQUEST_ID}"]


def test_a_done_card_says_which_clips_are_missing_and_promises_no_button() -> None:
    post = Post(request_id=REQUEST_ID, slot="result-2", channel_id=99, intended_at_ms=NOW_MS, message_id=100)
    refused = reason("delivery-too-large", size="10.5 MB")
    snapshot = make_snapshot(S.DELIVERED, make_take(), make_take(2), posts=(post,), failure=refused)
    view = cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={})

    text = read(view)
    assert "### Done" in text
    assert "[Open the result](https://discord.com/channels/5/99/100)" in text
    assert "Not every clip could be posted." in text
    assert words.say(refused) in text
    assert "Deliver again" not in text
    assert buttons(view) == []


def test_a_done_card_links_to_the_result() -> None:
    post = Post(request_id=REQUEST_ID, slot="result-1", channel_id=99, intended_at_ms=NOW_MS, message_id=100)

    text = card(make_snapshot(S.DELIVERED, make_take(), posts=(post,), finished_at_ms=NOW_MS + 133_000))

    assert "[Open the result](https://discord.com/channels/5/99/100)" in text
    assert "Took 2 min 13 s" in text


def test_a_running_card_counts_from_its_start() -> None:
    text = card(make_snapshot(S.WORKING, make_take(1, T.RENDERING), started_at_ms=NOW_MS))

    assert f"Asked by <@42> · started <t:{NOW_MS // 1000}:R>" in text


def test_each_take_is_told_apart() -> None:
    text = card(make_snapshot(S.WORKING, make_take(1), make_take(2, T.RENDERING), failed_take(3)))

    assert "Take 1: ready · Take 2: rendering · Take 3: failed" in text


@pytest.mark.parametrize(
    ("snapshot", "can"),
    [
        (make_snapshot(S.QUEUED), True),
        (make_snapshot(S.WORKING, make_take(1, T.RENDERING)), True),
        (make_snapshot(S.WORKING, make_take(1, T.FETCHING)), False),
        (make_snapshot(S.WORKING, make_take(1, T.NEEDS_REVIEW)), False),
        (make_snapshot(S.WORKING, make_take(1), make_take(2, T.NEEDS_REVIEW)), False),
        (make_snapshot(S.WORKING, make_take(1, T.NEEDS_REVIEW), make_take(2, T.RENDERING)), True),
        (make_snapshot(S.WORKING, make_take(1, T.RENDERING), cancel_requested_by=42), False),
        (make_snapshot(S.DELIVERING, make_take()), False),
        (make_snapshot(S.DELIVERED, make_take()), False),
        (make_snapshot(S.FAILED), False),
    ],
)
def test_the_cancel_button_is_there_only_while_something_can_be_cancelled(snapshot: Snapshot, *, can: bool) -> None:
    view = cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={})

    assert (f"rushes:cancel:{REQUEST_ID}" in buttons(view)) is can


@pytest.mark.parametrize("state", S)
def test_what_ended_without_a_clip_can_be_asked_for_again_from_card_and_notice(state: RequestState) -> None:
    snapshot = make_snapshot(state)
    again = state in {S.FAILED, S.CANCELLED, S.KEPT, S.EXPIRED}

    for view in (cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={}), cards.notice(snapshot)):
        assert (f"rushes:again:{REQUEST_ID}" in buttons(view)) is again


def test_without_a_prompt_there_is_nothing_to_ask_again() -> None:
    snapshot = make_snapshot(S.FAILED, written_prompt=" ")

    for view in (cards.card(snapshot, rendered_prompt="", vendor_tokens={}), cards.notice(snapshot)):
        assert buttons(view) == []


@pytest.mark.parametrize("wished_by", [None, 42])
def test_what_only_the_operator_can_decide_says_so(wished_by: int | None) -> None:
    text = card(make_snapshot(S.WORKING, make_take(1), make_take(2, T.NEEDS_REVIEW), cancel_requested_by=wished_by))

    assert "The operator has to decide; nothing is ordered twice." in text
    assert "Being cancelled" not in text


def test_a_video_on_its_way_is_not_called_cancelled() -> None:
    text = card(make_snapshot(S.DELIVERING, make_take(), cancel_requested_by=42))

    assert "It is too late to cancel: the video is done and on its way." in text
    assert "Being cancelled" not in text


def test_a_wish_to_cancel_shows_at_once() -> None:
    text = card(make_snapshot(S.WORKING, make_take(1, T.RENDERING), cancel_requested_by=42))

    assert "Being cancelled" in text


def test_every_card_is_a_new_view_that_discord_py_need_not_remember() -> None:
    snapshot = make_snapshot(S.QUEUED)

    first, second = (cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={}) for _ in range(2))

    assert first is not second
    assert not first.is_dispatchable()


# --- the result and the notice ---------------------------------------------------------------------------------------


def result(
    snapshot: Snapshot,
    rendered: str = PROMPT,
    clips: Sequence[str] = ("a.mp4",),
    slot: str = "result-1",
    *,
    further: bool = False,
) -> str:
    now_ms = NOW_MS + 42_000
    return read(
        cards.result(
            snapshot, clips, rendered_prompt=rendered, vendor_tokens={}, slot=slot, further=further, now_ms=now_ms
        )
    )


def test_the_result_tells_everything_about_itself() -> None:
    snapshot = make_snapshot(
        S.DELIVERING,
        make_take(),
        parameters=Parameters(duration_seconds=None, resolution="480p", audio=False, seed=7),
    )

    text = result(snapshot)

    assert "<@42>, here is your video." in text
    assert "**Prompt, as written**\n> @hero walks down the alley" in text
    assert f"**Prompt, as sent**\n> {PROMPT}" in text
    assert "`#1` **@Image1** hero.png" in text
    assert "length up to the model · 480p · shape up to the model · no sound · seed 7" in text
    assert "Took 42 s · It cost $0.6" in text
    assert "AI-generated · bytedance-seedance-2-0-fast-reference-to-video" in text
    assert cards.find_marker([text]) == (REQUEST_ID, "result-1")


def test_the_clips_are_the_gallery() -> None:
    view = cards.result(
        make_snapshot(S.DELIVERING, make_take()), ["a.mp4", "b.mp4"], rendered_prompt=PROMPT, vendor_tokens={}
    )

    items = [item for node in nodes(view) if node["type"] == 12 for item in node["items"]]

    assert [item["media"]["url"] for item in items] == ["attachment://a.mp4", "attachment://b.mp4"]
    assert items[0]["description"] == PROMPT


def test_a_seed_that_was_not_sent_is_not_shown() -> None:
    dropped = Finding(reason=reason("parameter-dropped", name="seed"), severity=Severity.WARNING)
    chosen = Parameters(seed=7)

    assert "seed 7" not in result(make_snapshot(S.DELIVERING, make_take(), parameters=chosen, findings=(dropped,)))
    assert "seed 7" in result(make_snapshot(S.DELIVERING, make_take(), parameters=chosen))


def test_a_prompt_that_was_not_changed_is_shown_once() -> None:
    text = result(make_snapshot(S.DELIVERING, make_take(), written_prompt=PROMPT))

    assert text.count(PROMPT) == 1


def test_takes_that_failed_are_named_with_their_reason() -> None:
    text = result(make_snapshot(S.DELIVERING, make_take(1), failed_take(2)))

    assert "<@42>, here is 1 of 2 takes." in text
    assert "Take 2: The video service refused a reference image." in text


def test_a_clip_that_came_after_its_cancelling_says_so() -> None:
    assert "It was too late to stop it." in result(make_snapshot(S.DELIVERING, make_take(), cancel_requested_by=42))


def test_a_long_prompt_is_cut_in_the_post_and_whole_in_its_file() -> None:
    written, rendered = "walk " * 1000, "stroll " * 1000
    snapshot = make_snapshot(S.DELIVERING, make_take(), written_prompt=written)

    view = cards.result(snapshot, ["a.mp4"], rendered_prompt=rendered, vendor_tokens={})
    whole = cards.prompt_file(snapshot, rendered)

    assert "…" in read(view)
    assert whole is not None
    assert written in whole
    assert rendered in whole
    assert [node["file"]["url"] for node in nodes(view) if node["type"] == 13] == ["attachment://prompt.txt"]


def test_a_prompt_of_many_lines_is_whole_in_its_file_too() -> None:
    assert cards.prompt_file(make_snapshot(written_prompt="a\n" * 40), "b") is not None


def test_a_short_prompt_needs_no_file() -> None:
    snapshot = make_snapshot(S.DELIVERING, make_take())

    assert cards.prompt_file(snapshot, PROMPT) is None
    assert not [
        node
        for node in nodes(cards.result(snapshot, ["a.mp4"], rendered_prompt=PROMPT, vendor_tokens={}))
        if node["type"] == 13
    ]


def test_a_result_can_be_used_and_asked_for_again_from_its_first_message() -> None:
    snapshot = make_snapshot(S.DELIVERING, make_take())
    first = cards.result(snapshot, ["a.mp4"], rendered_prompt=PROMPT, vendor_tokens={})
    further = cards.result(snapshot, ["b.mp4"], rendered_prompt=PROMPT, vendor_tokens={}, slot="result-2", further=True)

    assert labelled(first) == {"Use as reference": "use", "Again": "again"}
    assert labelled(further) == {}


def test_a_further_message_of_a_result_is_short() -> None:
    text = result(make_snapshot(S.DELIVERING, make_take(), make_take(2)), slot="result-2", further=True)

    assert "More for <@42>" in text
    assert "Prompt" not in text
    assert cards.find_marker([text]) == (REQUEST_ID, "result-2")


def test_the_first_message_that_stands_tells_everything_whatever_its_slot() -> None:
    text = result(make_snapshot(S.DELIVERING, make_take(), make_take(2)), slot="result-2")

    assert "<@42>, here is 1 of 2 takes." in text
    assert "Prompt" in text
    assert cards.find_marker([text]) == (REQUEST_ID, "result-2")


@pytest.mark.parametrize("why", KEPT_REASONS, ids=lambda why: why.code)
def test_the_notice_of_a_kept_video_says_that_it_is_ready_and_how_to_get_it(why: Reason) -> None:
    lines = read(cards.notice(make_snapshot(S.KEPT, make_take(), failure=why))).split("\n")

    assert lines[:3] == [
        "<@42>, your video is ready but could not be posted here.",
        words.say(why),
        "Press “Deliver again” on the card once that is mended.",
    ]
    assert lines[3].startswith("It cost $0.6")


def test_the_notice_says_what_happened_what_it_cost_and_what_to_do() -> None:
    text = read(cards.notice(make_snapshot(S.FAILED, failed_take(1), failure=reason("rejected-image"))))

    assert "<@42>, your video could not be made." in text
    assert "Use another image and try again." in text
    assert "Nothing was spent." in text
    assert cards.find_marker([text]) == (REQUEST_ID, "notice")


def test_a_notice_without_a_known_reason_still_says_something() -> None:
    assert "Something went wrong on our side." in read(cards.notice(make_snapshot(S.FAILED)))


# --- whatever people write -------------------------------------------------------------------------------------------

NASTY = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("*_`~|>#-@<[(\n\u202e𝕏😀")), max_size=150)


def repeated(text: str, times: int) -> str:
    return text * times


def wordy(code: str, text: str) -> Reason:
    return reason(code, name=text, found=text, mention=text, existing=text, detail=text)


LONG = st.builds(repeated, NASTY, st.sampled_from((1, 10, 60)))
CODES = st.sampled_from(("file-not-media", "unknown-reference", "rejected-parameters", "code-of-the-future"))
REASONS = st.builds(wordy, CODES, LONG)


FILM = MediaFacts(kind=Kind.VIDEO, format="mov", byte_count=10**8, width=3840, height=2160, seconds=1234.5)
RECORDS = st.none() | st.builds(
    Record,
    verdict=st.sampled_from((Verdict.ACCEPT, Verdict.CONVERT)),
    code=st.just("x"),
    kind=st.just(Kind.VIDEO),
    facts=st.just(FILM),
    steps=st.lists(st.sampled_from(Step), unique=True).map(tuple),
)
MADE = st.none() | st.builds(
    Made,
    content=st.just("11" * 32),
    facts=st.just(replace(FILM, format="mp4", byte_count=10**6, width=1280, height=720, seconds=7.5)),
    target=st.builds(Target, format=st.just("mp4"), kind=st.just(Kind.VIDEO), seconds=st.none() | st.just(7.5)),
)


STANDINGS = st.none() | st.builds(
    Standing,
    place=st.none() | st.integers(1, 25),
    ahead=st.lists(st.builds(Ahead, person_id=st.just(44), person_name=LONG, count=st.integers(1, 25)), max_size=9).map(
        tuple
    ),
    own_before=st.integers(0, 24),
    why=st.none() | st.just(reason("lane-person-busy", running=12, limit=12)),
)
BILLS = st.builds(Bill, **{each.name: st.sampled_from((0, 3, 10**13)) for each in fields(Bill)})


@st.composite
def hostile_snapshots(draw: st.DrawFn) -> Snapshot:
    name, alias, cause = draw(LONG), draw(NASTY), draw(REASONS)
    also = (alias,) * draw(st.integers(0, 4))
    references = tuple(
        make_reference(
            number,
            name=f"{name}{number}",
            alias=alias,
            kind=draw(st.sampled_from(Kind)),
            also=also,
            facts=FILM,
            record=draw(RECORDS),
            made=draw(MADE),
        )
        for number in range(1, draw(st.integers(0, 12)) + 1)
    )
    fates = tuple(
        Fate(name=name, source=draw(st.sampled_from(OfferSource)), reason=cause, reference_id=used)
        for used in draw(st.lists(st.none() | st.sampled_from(["r1", "r2"]), max_size=12))
    )
    takes = tuple(
        make_take(ordinal, draw(st.sampled_from(T)), failure=cause) for ordinal in range(1, draw(st.integers(0, 4)) + 1)
    )
    snapshot = make_snapshot(
        draw(st.sampled_from(S)),
        *takes,
        written_prompt=draw(LONG),
        references=references,
        fates=fates,
        findings=tuple(Finding(reason=cause, severity=Severity.WARNING) for _ in range(draw(st.integers(0, 20)))),
        failure=draw(st.none() | st.just(cause)),
        model_id=draw(st.none() | NASTY),
        parameters=Parameters(resolution=draw(NASTY), aspect_ratio=draw(NASTY), seed=draw(st.none() | st.integers())),
        finished_at_ms=draw(st.none() | st.just(NOW_MS)),
        cancel_requested_by=draw(st.none() | st.just(43)),
        standing=draw(STANDINGS),
        bill=draw(BILLS),
    )
    return replace(snapshot, request=replace(snapshot.request, person=Person(id=42, name=name)))


def every_view(snapshot: Snapshot, rendered: str) -> list[cards.Sheet]:
    reasons = [finding.reason for finding in snapshot.request.findings] or [reason("empty-prompt")]
    return [
        cards.accepted(snapshot, rendered_prompt=rendered, vendor_tokens={}),
        cards.refused(reasons),
        cards.card(snapshot, rendered_prompt=rendered, vendor_tokens={}),
        cards.result(snapshot, [f"{number}.mp4" for number in range(1, 5)], rendered_prompt=rendered, vendor_tokens={}),
        cards.notice(snapshot),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_snapshots(), LONG)
def test_nothing_people_write_breaks_discords_limits_or_pings_anybody(snapshot: Snapshot, rendered: str) -> None:
    for view in every_view(snapshot, rendered):
        parts = list(nodes(view))
        texts = [str(part["content"]) for part in parts if part["type"] == 10]
        assert len(parts) <= 40
        assert units(view) <= 4000
        assert all(texts)
        assert all(len(custom_id) <= 100 for custom_id in buttons(view))
        everything = re.sub(r"\\[^0-9A-Za-z\s]", "", "\n".join(texts))
        assert set(re.findall(r"<@[!&]?\d+>", everything)) <= {"<@42>", "<@43>"}
        assert not re.search(r"@(everyone|here)|[\u202a-\u202e\u2066-\u2069]", everything)


@pytest.mark.skipif(not OPENAPI.exists(), reason=f"Discord's OpenAPI file is not at {OPENAPI}")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_snapshots(), LONG)
def test_discords_own_schema_takes_every_view(snapshot: Snapshot, rendered: str) -> None:
    for view in every_view(snapshot, rendered):
        assert schema_problems(view) == []
