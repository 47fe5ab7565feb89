"""Drafts, trays and choices as their person reads them, and what can be clicked there."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import cards
from bot.domain.conform import FilePlan, Record, Remark, SetPlan, Step, Target, Verdict
from bot.domain.consent import Choice
from bot.domain.custom_ids import BUTTON_TEMPLATE, MESSAGE_TEMPLATE
from bot.domain.drafts import DraftView, GuildChoices, Renumbering, TrayView, rearranged
from bot.domain.errors import Refused
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import Account
from bot.domain.policies import Policy
from bot.domain.prompts import Finding, Severity, mend_proof
from bot.domain.quotas import Quotas, Usage
from bot.domain.reasons import Argument, Reason, reason
from bot.domain.references import Fate, OfferSource, Reference
from bot.domain.requests import Parameters
from bot.domain.states import RequestState
from tests.card_reading import buttons, labelled, nodes, read, schema_problems, texts, units
from tests.fakes_delivery import NOW_MS, OPENAPI, REQUEST_ID, make_reference, make_snapshot

E, W = Severity.ERROR, Severity.WARNING
EXPIRES_MS = NOW_MS + 7_200_000
RENDERED = "@Image1 walks down @Image2"


def movie(number: int, *, name: str = "walk.mp4", kind_number: int = 1) -> Reference:
    facts = MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=2_300_000, width=1280, height=720, seconds=4.2)
    return make_reference(number, name=name, kind=Kind.VIDEO, kind_number=kind_number, facts=facts)


HERO, ALLEY, WALK = make_reference(1), make_reference(2, name="alley.jpg"), movie(3)


def finding(code: str, severity: Severity, *mends: str, **arguments: Argument) -> Finding:
    return Finding(reason=reason(code, **arguments), severity=severity, mends=mends)


UNKNOWN = finding(
    "unknown-reference",
    E,
    "@Image2",
    "@Image1",
    mention="@Image3",
    existing="Attached as image (2): @Image1 hero.png, @Image2 alley.jpg.",
    nearest=" Did you mean @Image2 or @Image1?",
)
UNUSED = finding("unused-reference", W, " @Video1", token="@Video1", name="walk.mp4")
LOOSE = finding("loose-mention-unresolved", W, "\\#7", mention="#7")
REPLACED = finding("mention-replaced", W, mention="@everyone", replacement="everyone")


def draft_view(
    *findings: Finding,
    references: tuple[Reference, ...] = (HERO, ALLEY, WALK),
    fates: tuple[Fate, ...] = (),
    rendered: str = RENDERED,
    price: int | None = 1_210_000,
    written: str = "@hero walks down @alley",
    expires_at_ms: int | None = EXPIRES_MS,
) -> DraftView:
    snapshot = make_snapshot(
        RequestState.DRAFT,
        references=references,
        fates=fates,
        version=7,
        expires_at_ms=expires_at_ms,
        written_prompt=written,
    )
    return DraftView(snapshot=snapshot, findings=findings, rendered=rendered, price_usd_micros=price)


def draft(view: DraftView) -> str:
    return read(cards.draft(view, sheet=True))


def select(view: cards.Sheet) -> dict[str, object]:
    (menu,) = [node for node in nodes(view) if node["type"] == 3]
    return menu


# --- the card of a draft ---------------------------------------------------------------------------------------------


def test_a_draft_says_what_will_be_sent_what_it_costs_and_how_long_it_waits() -> None:
    view = draft_view(UNUSED)

    text = draft(view)

    assert "### Your draft: ready to confirm" in text
    assert "`#1` **@Image1** hero.png · 640×480 · 84 kB" in text
    assert "`#3` **@Video1** walk.mp4 · 1280×720 · 4.2 s · 2.3 MB" in text
    assert f"**The model will read**\n> {RENDERED}" in text
    assert "**Settings** 5 s · 720p · 16:9 · with sound" in text
    assert "At most $1.21. Nothing has been spent." in text
    assert f"it is dropped <t:{EXPIRES_MS // 1000}:R>. Until then `/video drafts` brings it back." in text


def test_a_draft_says_where_its_video_will_be_posted() -> None:
    assert "The video will be posted in <#7>." in draft(draft_view())


def test_what_is_confirmed_is_the_version_that_was_shown() -> None:
    labels = labelled(cards.draft(draft_view(), sheet=False))

    assert labels == {
        "Confirm": "confirm 7",
        "Edit prompt": "edit 7",
        "Free draft": "animatic 7",
        "Discard": "discard",
    }


def test_a_free_draft_is_offered_where_there_is_something_to_draw() -> None:
    view = draft_view()
    barred = frozenset(one.id for one in view.request.references)
    empty = replace(view, snapshot=replace(view.snapshot, request=replace(view.request, references=())))

    assert "Free draft" in labelled(cards.draft(draft_view(REPLACED), sheet=False))
    assert "Free draft" not in labelled(cards.draft(replace(view, barred=barred), sheet=False))
    assert "Free draft" not in labelled(cards.draft(empty, sheet=False))


def test_a_draft_with_an_error_cannot_be_confirmed_and_says_why() -> None:
    view = draft_view(UNKNOWN, UNUSED)
    text = draft(view)

    assert "### Your draft: needs a change" in text
    assert "⛔ “@Image3” points to nothing. Attached as image (2): @Image1 hero.png, @Image2 alley.jpg." in text
    assert "Did you mean @Image2 or @Image1?" in text
    assert "**The model would read, as far as it can be told**" in text
    assert "Confirm" not in labelled(cards.draft(view, sheet=True))


def test_each_finding_is_mended_by_one_click_that_says_what_it_does() -> None:
    ambiguous = finding("ambiguous-reference", E, "@Image1", "@Image2", mention="@hero", candidates="@Image1, @Image2")
    nothing = finding("no-reference-mentioned", W, " @Image1 @Image2")
    shadowed = finding("name-shadowed", W, "@image2.png", mention="@image2", token="@Image2", name="image2.png")

    labels = labelled(cards.draft(draft_view(UNKNOWN, nothing, LOOSE, UNUSED, REPLACED, shadowed), sheet=True))

    assert labels["Use @Image2"] == f"mend 7.0.0.{mend_proof(UNKNOWN, 0)}"
    assert labels["Use @Image1"] == f"mend 7.0.1.{mend_proof(UNKNOWN, 1)}"
    assert labels["Add all"] == f"mend 7.1.0.{mend_proof(nothing, 0)}"
    assert labels["Leave “#7” as text"] == f"mend 7.2.0.{mend_proof(LOOSE, 0)}"
    assert labels["Add @Video1"] == f"mend 7.3.0.{mend_proof(UNUSED, 0)}"
    assert labels["Use @image2.png"] == f"mend 7.5.0.{mend_proof(shadowed, 0)}"
    first, second = (labelled(cards.draft(draft_view(ambiguous), sheet=True))[f"Use @Image{n}"] for n in (1, 2))
    assert first.rpartition(".")[2] != second.rpartition(".")[2], "the proof tells what is done"


def test_a_mend_proves_what_it_does_wherever_its_finding_stands() -> None:
    """Consent and model findings come first and come and go without a new version."""
    forbidden = finding("files-forbidden", E, name="sea.png")
    before, after = (labelled(cards.draft(draft_view(*found), sheet=True)) for found in ([UNUSED], [forbidden, UNUSED]))

    assert before["Add @Video1"] == f"mend 7.0.0.{mend_proof(UNUSED, 0)}"
    assert after["Add @Video1"] == f"mend 7.1.0.{mend_proof(UNUSED, 0)}"
    assert mend_proof(UNUSED, 0) != mend_proof(replace(UNUSED, start=1, end=1), 0), "nor elsewhere"


def test_a_mend_stands_right_below_the_sentences_it_is_about() -> None:
    parts = [
        str(node.get("content") or node.get("label"))
        for node in nodes(cards.draft(draft_view(UNKNOWN, UNUSED), sheet=True))
        if node["type"] in {2, 10}
    ]
    start = next(index for index, part in enumerate(parts) if part.startswith("⛔"))

    assert parts[start + 1 : start + 3] == ["Use @Image2", "Use @Image1"]
    assert parts[start + 3].startswith("⚠ @Video1 (walk.mp4)")
    assert parts[start + 4] == "Add @Video1"


def test_a_finding_without_a_mend_is_a_sentence_only() -> None:
    view = cards.draft(draft_view(REPLACED), sheet=True)

    assert "⚠ “@\u200beveryone” was replaced by “everyone”." in read(view)
    assert set(labelled(view)) == {"Confirm", "Edit prompt", "Free draft", "Discard"}


def test_twelve_unused_files_can_each_be_added() -> None:
    references = tuple(make_reference(number) for number in range(1, 13))
    findings = [
        finding("unused-reference", W, f" @Image{number}", token=f"@Image{number}", name="hero.png")
        for number in range(1, 13)
    ]

    labels = labelled(cards.draft(draft_view(*findings, references=references), sheet=True))

    assert [labels[f"Add @Image{number}"] for number in range(1, 13)] == [
        f"mend 7.{index}.0.{mend_proof(one, 0)}" for index, one in enumerate(findings)
    ]


def test_more_to_mend_than_fits_is_mended_in_turn_and_nothing_is_left_unsaid() -> None:
    findings = [
        finding("ambiguous-reference", E, "@Image1", "@Image2", "@Image3", mention=f"@x{number}", candidates="some")
        for number in range(12)
    ]

    view = cards.draft(draft_view(*findings), sheet=True)

    assert len([asked for asked in labelled(view).values() if asked.startswith("mend")]) > 0
    assert all(f"“@x{number}” could be some." in read(view) for number in range(12))
    assert "Buttons for these come up once some of the above is settled." in read(view)


def test_where_a_file_came_from_is_said_unless_it_is_obvious() -> None:
    sources = [OfferSource.OPTION, OfferSource.FORWARD, OfferSource.STICKER, OfferSource.AVATAR, OfferSource.CLIP]
    references = tuple(make_reference(number, source=source) for number, source in enumerate(sources, 1))

    lines = draft(draft_view(references=references)).split("\n")

    origins = [line.rpartition("84 kB")[2] for line in lines if line.startswith("`#")]
    assert origins == ["", " · forwarded", " · sticker", " · avatar", " · made by Rushes"]


def test_a_file_from_the_tray_says_so_and_that_it_is_still_there() -> None:
    fates = (Fate(name="hero.png", source=OfferSource.TRAY, reference_id="r1"),)

    text = draft(draft_view(references=(HERO,), fates=fates))

    assert "84 kB · from your tray" in text
    assert "One file from your tray; it stays in it until it expires or you use `/tray clear`." in text


def test_who_shows_a_person_and_what_the_model_calls_it_are_marked() -> None:
    references = (HERO, replace(ALLEY, shows_person=True))
    view = replace(draft_view(references=references), vendor_tokens={"r1": "@Image2", "r2": "@Image1"})

    text = draft(view)

    assert "hero.png · 640×480 · 84 kB · the model reads @Image2" in text
    assert "alley.jpg · 640×480 · 84 kB · shows a real person · the model reads @Image1" in text


def test_a_token_that_is_the_same_at_the_model_is_not_repeated() -> None:
    view = replace(draft_view(references=(HERO,)), vendor_tokens={"r1": "@Image1"})

    assert "the model reads" not in draft(view)


def test_every_name_of_a_file_is_told() -> None:
    reference = replace(HERO, alias="boss", also=("copy.png",))

    assert "hero.png (@boss) · 640×480 · 84 kB · also copy.png" in draft(draft_view(references=(reference,)))


def test_what_became_of_each_file_is_told() -> None:
    fates = (
        Fate(name="hero.png", source=OfferSource.OPTION, reference_id="r1"),
        Fate(name="notes.txt", source=OfferSource.FORM, reason=reason("source-gone", name="notes.txt")),
        Fate(
            name="a.gif",
            source=OfferSource.FORM,
            reference_id="r2",
            reason=reason("converted", name="a.gif", changes="GIF → MP4"),
        ),
    )

    text = draft(draft_view(fates=fates))

    assert "**Not used**\n- “notes.txt” is no longer at Discord" in text
    assert "**Used, but not as they came**\n- “a.gif”" in text


def test_the_sheet_is_shown_only_when_it_is_attached() -> None:
    with_sheet, without = (cards.draft(draft_view(), sheet=sheet) for sheet in (True, False))

    pictures = [item["media"]["url"] for node in nodes(with_sheet) if node["type"] == 12 for item in node["items"]]
    assert pictures == [f"attachment://{cards.SHEET_FILE}"]
    assert not [node for node in nodes(without) if node["type"] == 12]


def test_a_file_is_changed_by_choosing_it_from_a_menu() -> None:
    menu = select(cards.draft(draft_view(), sheet=True))

    assert menu["custom_id"] == f"rushes:file:{REQUEST_ID}:7"
    assert menu["placeholder"] == "Change a file…"
    assert [(option["label"], option["value"]) for option in menu["options"]] == [  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]  JSON
        ("#1 @Image1 hero.png", "r1"),
        ("#2 @Image2 alley.jpg", "r2"),
        ("#3 @Video1 walk.mp4", "r3"),
    ]


def test_a_draft_without_files_has_no_menu_and_no_list() -> None:
    view = cards.draft(draft_view(references=()), sheet=False)

    assert not [node for node in nodes(view) if node["type"] == 3]
    assert "`#1`" not in read(view)


def test_an_unknown_price_is_called_unknown() -> None:
    assert "What it will cost is not known: the video service names no price. Nothing has been spent." in draft(
        draft_view(price=None)
    )


def test_a_prompt_of_two_thousand_characters_is_read_whole_on_the_card() -> None:
    rendered = "walk " * 399

    assert cards.draft_text_files(draft_view(rendered=rendered)) == {}
    assert rendered.strip() in draft(draft_view(rendered=rendered))


def test_a_prompt_that_does_not_fit_is_whole_in_its_file() -> None:
    view = draft_view(rendered="stroll " * 800)

    card = cards.draft(view, sheet=True)

    assert cards.draft_text_files(view) == {"prompt.txt": view.rendered}
    assert [node["file"]["url"] for node in nodes(card) if node["type"] == 13] == ["attachment://prompt.txt"]
    assert "…" in read(card)


# --- the question before numbers change ------------------------------------------------------------------------------


def test_taking_out_shows_every_number_that_changes_and_only_those() -> None:
    view = draft_view(references=(HERO, ALLEY, WALK, movie(4, name="run.mp4", kind_number=2)))

    sheet = cards.renumber_question(view, Renumbering(reference_id="r2"))

    assert "### Take out #2 @Image2 alley.jpg?" in read(sheet)
    assert re.findall(r"`#\d` .* → .*", read(sheet)) == [
        "`#3` **@Video1** → `#2` **@Video1** walk.mp4",
        "`#4` **@Video2** → `#3` **@Video2** run.mp4",
    ]
    assert "Where the prompt mentions it, its name will stand as plain words." in read(sheet)
    assert labelled(sheet) == {"Take it out": "takeout 7.r2", "Back": "show"}


def test_moving_shows_every_number_that_changes_and_asks_with_the_new_place() -> None:
    sheet = cards.renumber_question(draft_view(), Renumbering(reference_id="r2", to_number=1))

    assert "### Move #2 @Image2 alley.jpg?" in read(sheet)
    assert re.findall(r"`#\d` .* → .*", read(sheet)) == [
        "`#1` **@Image1** → `#2` **@Image2** hero.png",
        "`#2` **@Image2** → `#1` **@Image1** alley.jpg",
    ]
    assert "every mention goes on meaning the same file" in read(sheet)
    assert labelled(sheet) == {"Move it": "move 7.r2.1", "Back": "show"}


def test_a_place_beyond_the_last_is_the_last() -> None:
    sheet = cards.renumber_question(draft_view(), Renumbering(reference_id="r1", to_number=99))

    assert labelled(sheet)["Move it"] == "move 7.r1.3"


def test_taking_out_the_last_file_changes_no_other_number() -> None:
    assert "No other number changes." in read(cards.renumber_question(draft_view(), Renumbering(reference_id="r3")))


def test_nothing_is_asked_about_a_file_that_is_gone() -> None:
    with pytest.raises(Refused) as refused:
        cards.renumber_question(draft_view(), Renumbering(reference_id="r9"))

    assert refused.value.reason.code == "draft-changed"


@given(st.integers(1, 15), st.integers(0, 16), st.none() | st.integers(-2, 20))
def test_rearranging_keeps_every_other_file_in_its_order(count: int, position: int, to_number: int | None) -> None:
    before = tuple(make_reference(number) for number in range(1, count + 1))
    change = Renumbering(reference_id=f"r{position}", to_number=to_number)

    after = rearranged(before, change)

    others = [one.id for one in after if one.id != change.reference_id]
    assert others == [one.id for one in before if one.id != change.reference_id]
    assert [one.number for one in after] == list(range(1, len(after) + 1))
    moved = [one.number for one in after if one.id == change.reference_id]
    there = 1 <= position <= count
    assert moved == ([min(max(1, to_number), count)] if there and to_number is not None else [])


# --- the list of drafts, and the call back to one --------------------------------------------------------------------


def test_without_drafts_it_is_said_how_to_make_one() -> None:
    assert "`/video make` starts one." in read(cards.drafts([]))


def test_each_draft_is_told_by_its_words_files_and_state() -> None:
    sheet = cards.drafts([draft_view(), draft_view(UNKNOWN, references=(HERO,), written="")])

    dropped = f"dropped <t:{EXPIRES_MS // 1000}:R>"
    assert f"**1.** @hero walks down @alley · 3 files · for <#7> · ready to confirm · {dropped}" in read(sheet)
    assert f"**2.** no prompt · 1 file · for <#7> · needs a change · {dropped}" in read(sheet)
    assert labelled(sheet) == {"Show draft 1": "show", "Show draft 2": "show"}


def test_five_drafts_are_listed_and_the_others_counted() -> None:
    sheet = cards.drafts([draft_view()] * 8)

    assert len(labelled(sheet)) == 5
    assert "… and 3 more" in read(sheet)


def test_a_call_back_shows_neither_prompt_nor_file() -> None:
    sheet = cards.called_back(draft_view(written="a secret plan").snapshot)

    text = read(sheet)
    assert text.startswith("<@42>, your draft was prepared")
    assert labelled(sheet) == {"Show my draft": "show"}
    assert cards.find_marker(texts(sheet)) == (REQUEST_ID, "callback")
    assert "secret" not in text
    assert "hero" not in text


# --- the tray --------------------------------------------------------------------------------------------------------


def test_a_tray_shows_its_files_how_to_use_them_and_when_it_expires() -> None:
    text = read(cards.tray(TrayView(references=(HERO, WALK), expires_at_ms=EXPIRES_MS)))

    assert "**2 files**\n" in text
    assert "`#1` **@Image1** hero.png · 640×480 · 84 kB" in text
    assert "`/video make` without a file takes what is in here." in text
    assert f"It expires <t:{EXPIRES_MS // 1000}:R>." in text


def test_a_tray_tells_what_became_of_what_was_just_added() -> None:
    fates = (
        Fate(name="alley.jpg", source=OfferSource.TARGET, reference_id="r2"),
        Fate(
            name="copy.png",
            source=OfferSource.TARGET,
            reference_id="r1",
            reason=reason("same-file-twice", name="copy.png", other="hero.png", token="@Image1"),
        ),
        Fate(name="notes.txt", source=OfferSource.TARGET, reason=reason("source-gone", name="notes.txt")),
    )

    text = read(cards.tray(TrayView(references=(HERO, ALLEY), fates=fates)))

    assert "**Added** @Image2\n" in text
    assert "“copy.png” has the same content as “hero.png”, so both are @Image1." in text
    assert "“notes.txt” is no longer at Discord" in text


def test_an_empty_tray_says_how_to_fill_it() -> None:
    assert "Choose “Add to tray” on a message with files." in read(cards.tray(TrayView(references=())))


# --- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "everywhere", "files", "avatar"),
    [
        (Choice(), Choice(), "Others may use the files", "Nobody else may use your avatar"),
        (Choice(files=True), Choice(files=False), "Others may not use the files", "Nobody else"),
        (Choice(avatar=True), Choice(), "Others may use the files", "may use your avatar as a picture"),
        (Choice(avatar=True), Choice(avatar=False), "Others may use the files", "Nobody else may use your avatar"),
    ],
)
def test_what_others_may_do_is_said_in_plain_words(here: Choice, everywhere: Choice, files: str, avatar: str) -> None:
    text = read(cards.privacy(here, everywhere))

    assert files in text
    assert avatar in text


def test_what_was_said_is_told_apart_by_place() -> None:
    text = read(cards.privacy(Choice(files=False), Choice(avatar=True)))

    assert "**In this server** files: forbidden · avatar: nothing said" in text
    assert "**Everywhere** files: nothing said · avatar: allowed" in text


@pytest.mark.parametrize(
    ("stopped", "sentence"),
    [(0, "No waiting request was affected."), (1, "One waiting request"), (3, "3 waiting requests")],
)
def test_how_many_requests_a_change_stopped_is_told(stopped: int, sentence: str) -> None:
    assert sentence in read(cards.privacy(Choice(files=False), Choice(), stopped=stopped))
    assert sentence in read(cards.withdrawn(stopped))
    assert "waiting request" not in read(cards.privacy(Choice(), Choice()))


def test_taking_back_says_what_it_means() -> None:
    assert "will not be used in any video that has not been ordered yet." in read(cards.withdrawn(0))


def test_taking_back_is_asked_and_says_that_it_is_for_good() -> None:
    sheet = cards.take_back_question(2**63, 42)

    assert "nobody can use them as references, you neither" in read(sheet)
    assert "It cannot be undone." in read(sheet)
    (custom_id,) = buttons(sheet)
    asked = MESSAGE_TEMPLATE.fullmatch(custom_id)
    assert asked is not None
    assert asked.groupdict() == {"action": "takeback", "message_id": str(2**63), "owner_id": "42"}
    assert BUTTON_TEMPLATE.fullmatch(custom_id) is None


def test_a_guilds_choice_is_read_back() -> None:
    assert "a price above $5.00" in read(
        cards.guild_choices(GuildChoices(skip_card=True, ask_above_usd_micros=5 * 10**6))
    )
    assert "Every request waits" in read(cards.guild_choices(GuildChoices(skip_card=False)))
    assert "this bot's default" in read(cards.guild_choices(GuildChoices()))


# --- whatever people write -------------------------------------------------------------------------------------------

NASTY = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("*_`~|>#-@<[(\n\u202e𝕏😀")), max_size=150)
CODES = st.sampled_from(("unused-reference", "unknown-reference", "loose-mention-unresolved", "files-forbidden", "x-y"))


def wordy(code: str, text: str) -> Reason:
    return reason(code, name=text, token=text, mention=text, existing=text, nearest=text, candidates=text)


FILM = MediaFacts(kind=Kind.VIDEO, format="mov", byte_count=1, width=3840, height=2160, seconds=1234.5)
PLANS = st.builds(
    FilePlan,
    record=st.builds(
        Record,
        verdict=st.just(Verdict.CONVERT),
        code=st.just("x"),
        kind=st.just(Kind.VIDEO),
        facts=st.none() | st.just(FILM),
        remarks=st.lists(st.sampled_from(Remark), unique=True).map(tuple),
        estimated_seconds=st.floats(0, 1e6),
    ),
    steps=st.lists(st.sampled_from(Step), unique=True).map(tuple),
    target=st.none()
    | st.builds(Target, format=st.just("mp4"), kind=st.just(Kind.VIDEO), seconds=st.none() | st.just(7.5)),
)


@st.composite
def hostile_drafts(draw: st.DrawFn) -> DraftView:
    name, cause = draw(NASTY) * draw(st.sampled_from((1, 8))), st.builds(wordy, CODES, NASTY)
    references = tuple(
        make_reference(
            number,
            name=f"{name}{number}",
            alias=draw(st.none() | st.just(name)),
            also=(name,) * draw(st.integers(0, 5)),
            kind=draw(st.sampled_from(Kind)),
            source=draw(st.sampled_from(OfferSource)),
            shows_person=draw(st.booleans()),
        )
        for number in range(1, draw(st.integers(0, 15)) + 1)
    )
    findings = tuple(
        Finding(reason=draw(cause), severity=draw(st.sampled_from(Severity)), mends=(name,) * draw(st.integers(0, 5)))
        for _ in range(draw(st.integers(0, 20)))
    )
    fates = tuple(
        Fate(name=name, source=draw(st.sampled_from(OfferSource)), reason=draw(cause), reference_id=used)
        for used in draw(st.lists(st.none() | st.sampled_from(["r1", "r2"]), max_size=12))
    )
    view = draft_view(
        *findings,
        references=references,
        fates=fates,
        rendered=draw(NASTY) * draw(st.sampled_from((1, 40))),
        price=draw(st.none() | st.integers(0, 10**9)),
        written=draw(NASTY),
    )
    chosen = Parameters(resolution=draw(NASTY), aspect_ratio=draw(NASTY), seed=draw(st.none() | st.integers()))
    snapshot = replace(
        view.snapshot, request=replace(view.request, parameters=chosen, version=draw(st.integers(1, 10**6)))
    )
    tokens = {one.id: "@Image15" for one in references if draw(st.booleans())}
    plan = SetPlan(verdict=Verdict.CONVERT, code="x", files=tuple(draw(PLANS) for _ in references))
    return replace(view, snapshot=snapshot, vendor_tokens=tokens, plan=plan)


def every_sheet(view: DraftView) -> list[cards.Sheet]:
    references = view.request.references
    trays = TrayView(references=references, expires_at_ms=EXPIRES_MS, fates=view.request.fates)
    questions = [Renumbering(reference_id=one.id, to_number=number) for one in references[:1] for number in (None, 9)]
    return [
        cards.draft(view, sheet=True),
        *(cards.renumber_question(view, question) for question in questions),
        cards.drafts([view] * 7),
        cards.called_back(view.snapshot),
        cards.tray(trays),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_drafts())
def test_nothing_people_write_breaks_discords_limits_or_a_button(view: DraftView) -> None:
    for sheet in every_sheet(view):
        parts = list(nodes(sheet))
        assert len(parts) <= 40
        assert units(sheet) <= 4000
        assert all(texts(sheet))
        for part in parts:
            if part["type"] in {2, 3}:
                assert BUTTON_TEMPLATE.fullmatch(part["custom_id"])
                assert len(part["custom_id"]) <= 100
        everything = re.sub(r"\\[^0-9A-Za-z\s]", "", "\n".join(texts(sheet)))
        assert set(re.findall(r"<@[!&]?\d+>", everything)) <= {"<@42>"}
        assert not re.search(r"@(everyone|here)|[\u202a-\u202e\u2066-\u2069]", everything)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_drafts())
def test_the_card_shows_exactly_the_text_files_that_there_are(view: DraftView) -> None:
    shown = [node["file"]["url"] for node in nodes(cards.draft(view, sheet=True)) if node["type"] == 13]

    assert sorted(shown) == sorted(f"attachment://{name}" for name in cards.draft_text_files(view))


@pytest.mark.skipif(not OPENAPI.exists(), reason=f"Discord's OpenAPI file is not at {OPENAPI}")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_drafts())
def test_discords_own_schema_takes_every_sheet(view: DraftView) -> None:
    choices = [
        cards.privacy(Choice(), Choice(), stopped=1),
        cards.take_back_question(1, 2),
        cards.withdrawn(1),
        cards.guild_choices(GuildChoices()),
    ]
    for sheet in [*every_sheet(view), *choices]:
        assert schema_problems(sheet) == []


def test_the_largest_draft_is_complete_within_discords_limits() -> None:
    long = "a very long file name indeed, such as cameras and phones and people make them up " * 2
    references = tuple(
        replace(make_reference(number, name=f"{number} {long}", also=(long,)), alias="x" * 32, shows_person=True)
        for number in range(1, 13)
    )
    findings = [
        finding("unused-reference", W, f" @Image{number}", token=f"@Image{number}", name=f"{number} {long}"[:100])
        for number in range(1, 13)
    ]
    view = replace(draft_view(*findings, references=references, rendered="walks " * 1000), quotas=BUDGETS)

    card = cards.draft(view, sheet=True)

    assert len(list(nodes(card))) <= 40
    assert units(card) <= 4000
    lines = [line for line in read(card).split("\n") if line.startswith("`#")]
    assert len(lines) == 12, "no file is left out"
    assert cards.draft_text_files(view)["prompt.txt"] == view.rendered


# --- the price -------------------------------------------------------------------------------------------------------


def budgets(month_usd_micros: int | None, day_usd_micros: int | None) -> Quotas:
    """A server and a person who may spend so much, of which $1.00 is held."""
    usage = Usage(
        person={},
        guild={},
        resets_at_ms={},
        month=Account(held_usd_micros=1_000_000, spent_usd_micros=0, limit_usd_micros=month_usd_micros),
        day=Account(held_usd_micros=1_000_000, spent_usd_micros=0, limit_usd_micros=day_usd_micros),
    )
    return Quotas(policy=Policy(), usage=usage)


BUDGETS = budgets(10**13, 10**12)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "At most $1.50. Nothing has been spent."),
        (budgets(None, None), "At most $1.50. Nothing has been spent."),
        (budgets(9_000_000, None), "Costs at most $1.50; $8.00 of this month's $9.00 left in this server."),
        (budgets(None, 3_000_000), "Costs at most $1.50; $2.00 of your $3.00 for today left."),
        (
            budgets(9_000_000, 3_000_000),
            "Costs at most $1.50; $8.00 of this month's $9.00 left in this server, and $2.00 of your $3.00 for today.",
        ),
    ],
)
def test_the_price_is_told_with_what_is_left_of_the_budgets(known: Quotas | None, said: str) -> None:
    view = replace(draft_view(references=()), price_usd_micros=1_500_000, quotas=known)

    assert said in read(cards.draft(view, sheet=False))
