"""What becomes of files, as it is told before anything is made, while it is made, and afterwards."""

from dataclasses import replace
from typing import Any

import pytest

from bot import cards
from bot.domain.conform import FilePlan, Made, Measured, Record, Remark, SetPlan, Step, Target, Verdict
from bot.domain.drafts import DraftView
from bot.domain.fates import changes, told
from bot.domain.media import Kind, MediaFacts
from bot.domain.prompts import Finding, Severity
from bot.domain.reasons import reason
from bot.domain.references import Fate, OfferSource, Reference
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState
from tests.card_reading import labelled, nodes, read, schema_problems, units
from tests.fakes_delivery import NOW_MS, OPENAPI, REQUEST_ID, make_reference, make_snapshot, make_take

S = RequestState
PROMPT = "@Video1 walks"
LONG_NAME = "a very long file name indeed, such as cameras and phones and people make them up " * 2
BIG = MediaFacts(kind=Kind.VIDEO, format="mov", byte_count=60_000_000, width=3840, height=2160, seconds=21.0)
SMALL = MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=2_100_000, width=1280, height=720, seconds=8.0)
FITTED = Target(format="mp4", kind=Kind.VIDEO, width=1280, height=720, seconds=8.0)
FITTING = (Step.TRANSCODE, Step.DOWNSCALE, Step.TRIM)
HEIC = MediaFacts(kind=Kind.IMAGE, format="heic", byte_count=2_000_000, width=4032, height=3024)
PHOTO = Target(format="jpeg", kind=Kind.IMAGE, width=4032, height=3024)


def record(facts: MediaFacts, *steps: Step, **changes: Any) -> Record:  # noqa: ANN401  handed on to the dataclass
    verdict = Verdict.CONVERT if steps else Verdict.ACCEPT
    return Record(verdict=verdict, code="x", kind=facts.kind, facts=facts, steps=steps, **changes)


def film(number: int = 1, *, name: str = "walk.mov", **changes: Any) -> Reference:  # noqa: ANN401  same
    """A film of 21 s in 4K."""
    decided = record(BIG, *FITTING, estimated_seconds=13.6)
    return make_reference(
        number, name=name, **{"kind": Kind.VIDEO, "kind_number": number, "facts": BIG, "record": decided, **changes}
    )


def photo(number: int = 1, *remarks: Remark, **changes: Any) -> Reference:  # noqa: ANN401  same
    """A picture from a telephone."""
    return make_reference(
        number, name="me.heic", facts=HEIC, record=record(HEIC, Step.TRANSCODE, remarks=remarks), **changes
    )


def planned(reference: Reference, target: Target | None = FITTED) -> FilePlan:
    return FilePlan(
        record=reference.decided, target=target, steps=FITTING if target is FITTED else reference.decided.steps
    )


def draft_view(*files: tuple[Reference, FilePlan], fates: tuple[Fate, ...] = (), rendered: str = PROMPT) -> DraftView:
    references = tuple(reference for reference, _ in files)
    snapshot = make_snapshot(S.DRAFT, references=references, fates=fates, version=7, expires_at_ms=NOW_MS)
    plan = SetPlan(verdict=Verdict.CONVERT, code="files_converted", files=tuple(plan for _, plan in files))
    return DraftView(snapshot=snapshot, findings=(), rendered=rendered, plan=plan)


def draft(view: DraftView) -> str:
    return read(cards.draft(view, sheet=True))


def files_text(view: DraftView) -> str:
    return cards.draft_text_files(view)["files.txt"]


def menus(view: DraftView) -> list[dict[str, Any]]:
    found = [node for node in nodes(cards.draft(view, sheet=True)) if node["type"] == 3]
    return [node for node in found if node["custom_id"].startswith("rushes:part:")]


# --- on the draft's card ---------------------------------------------------------------------------------------------


def test_the_card_says_what_becomes_of_each_file_before_it_is_done() -> None:
    hero = make_reference(2)
    view = draft_view((film(), planned(film())), (hero, planned(hero, None)))

    text = draft(view)

    assert "**Made to fit when you confirm (about 15 s of work)**\n- **@Video1** walk.mov: " in text
    assert "walk.mov: MOV → MP4, 3840×2160 → 1280×720, the first 8 of 21 s" in text
    assert text.count("@Image2") == 1, "what is sent as it is, is in the list of files only"


def test_the_part_that_was_chosen_is_said_with_its_second() -> None:
    part = replace(planned(film()), target=replace(FITTED, start_seconds=6.5))

    assert "8 of 21 s, from second 6.5 on" in draft(draft_view((film(), part)))


def test_what_there_is_to_know_of_a_file_is_said_beside_what_is_done_to_it() -> None:
    told_of = photo(1, Remark.UPSCALED, Remark.MISLABELLED)

    assert (
        "- **@Image1** me.heic: HEIC → JPEG. It is smaller than the model takes, so it will look soft. "
        "Its name's ending does not say what it is: it is HEIC."
    ) in draft(draft_view((told_of, planned(told_of, PHOTO))))


def test_what_is_salvaged_is_said_once() -> None:
    broken = photo(1, Remark.SALVAGED)

    text = draft(draft_view((broken, planned(broken, PHOTO))))

    assert "me.heic: only what can be read of it, because it is damaged or incomplete, HEIC → JPEG\n" in text
    assert "what can be read of it is used" not in text


def test_what_there_is_to_know_of_an_unchanged_file_is_said_too() -> None:
    odd = make_reference(1, record=record(make_reference().facts, remarks=(Remark.MISLABELLED,)))

    text = draft(draft_view((odd, planned(odd, None))))

    assert "**Good to know**\n- **@Image1** hero.png: Its name's ending does not say what it is: it is PNG." in text
    assert "Made to fit" not in text


def test_a_draft_whose_files_fit_says_nothing_of_fitting() -> None:
    hero = make_reference()

    text = draft(draft_view((hero, planned(hero, None))))

    assert "Made to fit" not in text
    assert "Good to know" not in text


@pytest.mark.parametrize(
    ("seconds", "said"), [(9.9, ""), (41.0, " (about 40 s of work)"), (89.0, " (about 90 s of work)")]
)
def test_work_that_takes_long_is_announced(seconds: float, said: str) -> None:
    slow = film(record=record(BIG, *FITTING, estimated_seconds=seconds))

    assert f"**Made to fit when you confirm{said}**\n" in draft(draft_view((slow, planned(slow))))


def test_the_work_of_all_files_together_is_announced_in_minutes() -> None:
    slow = [film(number, record=record(BIG, *FITTING, estimated_seconds=50.0)) for number in (1, 2, 3)]

    assert "(about 2 min of work)" in draft(draft_view(*((one, planned(one)) for one in slow)))


def test_a_changed_frame_rate_has_its_figures() -> None:
    fast = film(record=record(BIG, Step.TRANSCODE, Step.FRAME_RATE, measured=Measured(frame_rate=120.0)))
    target = Target(format="mov", kind=Kind.VIDEO, width=3840, height=2160, frame_rate=30.0)

    assert changes(planned(fast, target)) == "120 → 30 frames a second"
    assert told(planned(fast, target)) == "120 → 30 frames a second"


# --- another part ----------------------------------------------------------------------------------------------------


def test_the_one_file_that_is_cut_has_a_button() -> None:
    hero = make_reference(2)
    view = draft_view((film(), planned(film())), (hero, planned(hero, None)))

    assert labelled(cards.draft(view, sheet=True))["Choose the part"] == "part 7.r1"
    assert menus(view) == []


def test_of_several_files_that_are_cut_one_is_chosen_in_a_menu() -> None:
    view = draft_view(*((one, planned(one)) for one in (film(1), film(2, name="run.mov"))))

    (menu,) = menus(view)

    assert menu["custom_id"] == f"rushes:part:{REQUEST_ID}:7"
    assert [(option["label"], option["value"]) for option in menu["options"]] == [
        ("#1 @Video1 walk.mov", "r1"),
        ("#2 @Video2 run.mov", "r2"),
    ]
    assert all("the first 8 of 21 s" in option["description"] for option in menu["options"])
    assert "Choose the part" not in labelled(cards.draft(view, sheet=True))


def test_nothing_is_to_be_chosen_of_files_that_are_used_whole() -> None:
    view = draft_view((photo(), planned(photo(), PHOTO)))

    assert "Choose the part" not in labelled(cards.draft(view, sheet=True))
    assert menus(view) == []


# --- twelve files and long names -------------------------------------------------------------------------------------


def crowd(name: str) -> list[Reference]:
    return [film(number, name=f"{number} {name}"[:100]) for number in range(1, 13)]


def test_twelve_files_of_usual_names_are_all_on_the_card() -> None:
    view = draft_view(*((one, planned(one)) for one in crowd("holiday at the sea.mov")))

    text = draft(view)

    assert text.count("3840×2160 → 1280×720, the first 8 of 21 s") == 12
    assert cards.draft_text_files(view) == {}


def test_what_does_not_fit_on_the_card_is_counted_and_whole_in_a_file() -> None:
    fates = tuple(
        Fate(name=f"{number} {LONG_NAME}"[:100], source=OfferSource.FORM, reason=reason("file-empty", name=LONG_NAME))
        for number in range(1, 9)
    )
    view = draft_view(*((one, planned(one)) for one in crowd(LONG_NAME)), fates=fates, rendered="walks " * 900)

    card = cards.draft(view, sheet=True)
    text = read(card)

    assert units(card) <= 4000
    assert len(list(nodes(card))) <= 40
    shown = text.count("3840×2160 → 1280×720")
    assert 0 < shown < 12
    assert f"… and {12 - shown} more in files.txt" in text
    refused = text.count("is empty. Attach it again.")
    assert 0 < refused < 8
    assert f"… and {8 - refused} more in files.txt" in text
    assert set(cards.draft_text_files(view)) == {"prompt.txt", "files.txt"}
    whole = files_text(view)
    for number, one in enumerate(view.request.references, 1):
        assert f"#{number} @Video{number} {one.name.strip()} · 3840×2160 · 21.0 s · 60.0 MB" in whole
        assert f"@Video{number} {one.name.strip()}: MOV → MP4, 3840×2160 → 1280×720, the first 8 of 21 s" in whole
    assert whole.count("is empty. Attach it again.") == 8
    assert [node["file"]["url"] for node in nodes(card) if node["type"] == 13] == [
        "attachment://files.txt",
        "attachment://prompt.txt",
    ]


def test_the_fullest_card_has_no_more_components_than_discord_takes() -> None:
    """Short sentences with many buttons, beside a menu of parts; with text files and fates there are three more."""
    short = Finding(reason=reason("empty-prompt"), severity=Severity.ERROR, mends=("@Video1", "@Video2", "@Video3"))
    full = draft_view(*((one, planned(one)) for one in (film(1), film(2))), rendered="walks " * 900)

    card = cards.draft(replace(full, findings=(short,) * 9), sheet=True)

    assert 30 < len(list(nodes(card))) <= 40 - 3
    assert units(card) <= 4000


def test_the_file_shows_names_as_they_are() -> None:
    fate = Fate(name="a*b_c.txt", source=OfferSource.FORM, reason=reason("source-gone", name="a*b_c.txt"))
    view = draft_view(*((one, planned(one)) for one in crowd(LONG_NAME)), fates=(fate,) * 12)

    assert "a*b_c.txt: “a*b_c.txt” is no longer at Discord" in files_text(view)


@pytest.mark.skipif(not OPENAPI.exists(), reason=f"Discord's OpenAPI file is not at {OPENAPI}")
@pytest.mark.parametrize("count", [1, 2, 12])
def test_discords_own_schema_takes_the_card_with_the_control(count: int) -> None:
    view = draft_view(*((one, planned(one)) for one in crowd(LONG_NAME)[:count]))

    assert schema_problems(cards.draft(view, sheet=True)) == []


# --- once it is confirmed --------------------------------------------------------------------------------------------


def made(reference: Reference, target: Target = FITTED, facts: MediaFacts = SMALL) -> Reference:
    return replace(reference, target=target, made=Made(content="11" * 32, facts=facts, target=target))


def confirmed(reference: Reference, target: Target = FITTED) -> Reference:
    return replace(reference, target=target)


SET_ONLY = film(2, facts=SMALL, record=record(SMALL))


def card(snapshot: Snapshot) -> str:
    return read(cards.card(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))


def test_who_did_not_see_a_card_is_told_what_will_be_done_to_the_files() -> None:
    upright = make_reference(
        1,
        record=record(make_reference().facts, Step.TRANSCODE, Step.ROTATE, Step.STRIP),
        target=Target(format="png", kind=Kind.IMAGE, width=640, height=480),
    )
    snapshot = make_snapshot(S.QUEUED, references=(upright, make_reference(2, name="sea.png")))

    text = read(cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))

    assert (
        "**Made to fit before anything is ordered**\n- **@Image1** hero.png: encoded anew, "
        "kept without hidden data such as place and time, turned upright\n"
    ) in text
    assert text.count("@Image2") == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (FITTED, "the first 8 of 21 s"),
        (replace(FITTED, start_seconds=13.0), "8 of 21 s, from second 13 on"),
        (replace(FITTED, seconds=None), "encoded anew, made to take fewer bytes"),
    ],
)
@pytest.mark.parametrize("steps", [(), (Step.REMUX,)])
def test_a_file_that_is_changed_for_the_others_sake_is_told_too(
    target: Target, said: str, steps: tuple[Step, ...]
) -> None:
    facts = replace(SMALL, seconds=21.0)
    one = film(facts=facts, record=record(facts, *steps), target=target)
    snapshot = make_snapshot(S.QUEUED, references=(one, make_reference(2)))

    text = read(cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))

    assert f"**Made to fit before anything is ordered**\n- **@Video1** walk.mov: {said}\n" in text


def test_a_file_that_is_not_cut_after_all_is_not_said_to_be() -> None:
    one = confirmed(film(), replace(FITTED, seconds=None))

    text = read(cards.accepted(make_snapshot(S.QUEUED, references=(one,)), rendered_prompt=PROMPT, vendor_tokens={}))

    assert "walk.mov: MOV → MP4, 3840×2160 → 1280×720\n" in text


@pytest.mark.parametrize(
    ("references", "title"),
    [
        ((confirmed(film(1)), confirmed(film(2)), confirmed(photo(3), PHOTO)), "### Making the files fit: 1 of 3\n"),
        ((made(film(1)), confirmed(film(2)), make_reference(3)), "### Making the files fit: 2 of 2\n"),
        ((made(SET_ONLY), confirmed(SET_ONLY), confirmed(photo(3), PHOTO)), "### Making the files fit: 2 of 3\n"),
        ((confirmed(SET_ONLY), make_reference(2)), "### Making the files fit: 1 of 1\n"),
        ((made(film(1)), made(film(2))), "### Preparing\n"),
        ((film(1), photo(2)), "### Preparing\n"),
        ((make_reference(1),), "### Preparing\n"),
        ((), "### Preparing\n"),
    ],
)
def test_while_the_files_are_made_to_fit_the_card_counts_them(references: tuple[Reference, ...], title: str) -> None:
    assert title in card(make_snapshot(S.PREPARING, references=references))


def test_the_card_and_the_result_say_what_the_model_saw() -> None:
    part = replace(FITTED, start_seconds=3.0)
    picture = MediaFacts(kind=Kind.IMAGE, format="jpeg", byte_count=900_000, width=4032, height=3024)
    references = (made(film(), part), made(photo(2), PHOTO, picture), make_reference(3))
    snapshot = make_snapshot(S.DELIVERING, make_take(), references=references)

    for text in (
        card(snapshot),
        read(cards.result(snapshot, ["a.mp4"], rendered_prompt=PROMPT, vendor_tokens={})),
        read(cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens={})),
    ):
        assert (
            "`#1` **@Video1** walk.mov · MOV → MP4 · 3840×2160 → 1280×720 · seconds 3 to 11 of 21 · 60.0 MB → 2.1 MB"
        ) in text
        assert "`#2` **@Image2** me.heic · HEIC → JPEG · 4032×3024 · 2.0 MB → 900 kB" in text
        assert "`#3` **@Image3** hero.png · 640×480 · 84 kB" in text
        assert "Made to fit before" not in text


def test_a_file_that_is_played_again_says_how_long_it_is_now() -> None:
    facts = replace(BIG, format="gif", seconds=0.5)
    target = Target(format="mp4", kind=Kind.VIDEO, width=3840, height=2160, loop_to_seconds=2.0)
    looped = made(film(facts=facts), target, replace(SMALL, width=3840, height=2160, seconds=2.0))

    assert "GIF → MP4 · 3840×2160 · 0.5 s → 2.0 s · " in card(make_snapshot(S.WORKING, references=(looped,)))


def test_fates_of_older_requests_are_still_told() -> None:
    fates = (
        Fate(
            name="a.gif",
            source=OfferSource.FORM,
            reference_id="r1",
            reason=reason("converted", name="a.gif", changes="GIF → MP4"),
        ),
        Fate(
            name="b.jpg",
            source=OfferSource.FORM,
            reference_id="r1",
            reason=reason("tidied", name="b.jpg", changes="turned upright"),
        ),
    )
    snapshot = make_snapshot(references=(make_reference(),), fates=fates)

    text = read(cards.accepted(snapshot, rendered_prompt=PROMPT, vendor_tokens={}))

    assert "**Used, but not as they came**\n- “a.gif” was made to fit: GIF → MP4.\n- “b.jpg” was tidied: " in text
