"""The draft's card: what needs its person waits privately, and each click changes exactly what it says."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.custom_ids import Action, ButtonId
from bot.domain.errors import Unavailable
from bot.domain.reasons import reason
from bot.domain.requests import Request
from bot.domain.states import RequestState
from tests.behaviour.draft_card import Card, card_of, draft, part_entered
from tests.behaviour.studio import Scene, button, entered, fields, labels, named, read, told, told_beside
from tests.behaviour.test_make_video_menu import acknowledge_what_the_form_raised
from tests.behaviour.test_public_posts import posts
from tests.fakes_provider import default_spec

HOURS = 3600

Json = dict[str, Any]


async def stored(scene: Scene, request: Request) -> Request:
    return (await scene.studio.snapshot(request.id)).request


# --- when there is a card --------------------------------------------------------------------------------------------


async def test_what_needs_no_word_goes_in_line_at_once(scene: Scene) -> None:
    result = await scene.alice.slash(scene.channel, "video make", prompt="hero.png walks", ref1=named("hero.png"))

    assert "in line" in told(result)


@pytest.mark.parametrize(
    ("prompt", "options", "said"),
    [
        ("a walk", {"ref1": named("hero.png")}, "The prompt mentions none of the attached files."),
        ("hero.png walks", {"ref1": named("hero.png"), "ref2": ("notes.txt", b"dear\n")}, "notes.txt"),
        (
            "hero.gif waves",
            {"ref1": ("hero.gif", b"image gif 1.5\n")},
            "hero.gif: GIF → MP4",
        ),
        ("a storm", {"takes": 4}, "At most $6.00."),
    ],
    ids=["a finding", "a refused file", "a converted file", "a price above the threshold"],
)
async def test_what_is_to_be_said_is_said_on_a_card_and_nothing_is_ordered(
    scene: Scene, prompt: str, options: dict[str, object], said: str
) -> None:
    result = await scene.alice.slash(scene.channel, "video make", prompt=prompt, **options)
    await scene.carry()

    text = told(result)
    assert "Your draft" in text
    assert said in text
    assert "Nothing has been spent." in text
    assert scene.studio.provider.started == []
    assert posts(scene.channel) == [], "the channel sees nothing before somebody decided to spend"


async def test_a_file_that_was_only_tidied_holds_nobody_up_and_is_told(scene: Scene) -> None:
    photo = ("home.jpg", b"image jpeg exif\nat home")

    result = await scene.alice.slash(scene.channel, "video make", prompt="@Image1 walks", ref1=photo)

    assert "in line" in told(result)
    assert "home.jpg: encoded anew, kept without hidden data such as place and time" in told(result)
    await scene.carry()
    assert scene.studio.media.conformed, "before the model sees it"


async def test_the_card_shows_every_file_with_its_number_and_a_sheet_of_them(scene: Scene) -> None:
    card = await draft(scene)

    assert "`#1` **@Image1** hero.png" in card.text
    assert "`#2` **@Video1** walk.mp4" in card.text
    assert "> @Image1 and @Video1 and #9" in card.text
    assert card.labels >= {"Confirm", "Edit prompt", "Discard"}
    assert card.files == ["references.png"]
    assert await card.sheet() == "image png\n#1 @Image1 hero.png\n#2 @Video1 walk.mp4"


async def test_a_prompt_too_long_for_the_card_comes_as_a_file_and_goes_when_it_fits(scene: Scene) -> None:
    card = await draft(scene)
    await card.edit(What_happens="#1 and #2 and #9 " + "very " * 700)
    assert card.files == ["references.png", "prompt.txt"]
    assert "Confirm" not in card.labels, "the model takes no such length"

    await card.edit(What_happens="#1 and #2 and #9")

    assert "> @Image1 and @Video1 and #9" in card.text
    assert "prompt.txt" not in str(card.message.components)


# --- confirming ------------------------------------------------------------------------------------------------------


async def test_confirming_puts_it_in_line_and_makes_it_once(scene: Scene) -> None:
    card = await draft(scene)

    result = await card.press("Confirm")

    assert result.followups == []
    assert "Your video is in line" in card.text
    assert card.files == []
    assert card.labels == set()
    await scene.carry()
    assert len(scene.studio.provider.started) == 1
    assert len(posts(scene.channel, scene.bob)) == 1


async def test_a_second_press_of_confirm_says_the_same_and_orders_nothing_more(scene: Scene) -> None:
    card = await draft(scene)
    shown_before = card.message.components
    await card.press("Confirm")
    put_back(card, shown_before)

    result = await card.press("Confirm")

    assert result.followups == []
    assert "Your video is in line" in card.text
    await scene.carry()
    assert len(scene.studio.provider.started) == 1


async def test_confirm_on_an_older_card_tells_where_the_video_is_by_now(scene: Scene) -> None:
    card = await draft(scene)
    shown_before = card.message.components
    await card.press("Confirm")
    await scene.carry()
    put_back(card, shown_before)

    await card.press("Confirm")

    assert card.text.startswith("### Done")
    assert "in line" not in card.text
    assert len(scene.studio.provider.started) == 1


async def test_the_older_card_of_a_confirmed_draft_says_that_it_was_confirmed_and_nothing_of_money(
    scene: Scene,
) -> None:
    card = await draft(scene, "hero.png walks", "hero.png", "sea.png")
    shown_before = card.message.components
    form = await card.press("Edit prompt")
    await card.press("Confirm")
    await scene.carry()
    put_back(card, shown_before)

    said = [told_beside(await card.press(label)) for label in ("Add @Image2", "Discard")]
    said.append(told(await card.press("Edit prompt")))
    said.append(told_beside(await scene.alice.submit_modal(form, entered(form, What_happens="other"))))
    acknowledge_what_the_form_raised(scene)

    assert len(scene.studio.provider.started) == 1, "it is being paid for"
    for text in said:
        assert "This draft was confirmed. What becomes of it is on its card" in text
        assert "spent" not in text


async def test_trouble_on_the_card_of_a_draft_confirmed_elsewhere_says_nothing_of_money(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await draft(scene, "@Image9 walks", "hero.png")

    async def breaks(*_arguments: object, **_fields: object) -> None:
        raise Unavailable(reason("database-unavailable"))

    monkeypatch.setattr(scene.studio.store, "load", breaks)

    assert "spent" not in told_beside(await card.press("Use @Image1"))


async def test_the_answer_explains_the_models_own_numbers_as_the_card_and_the_result_do(scene: Scene) -> None:
    scene.studio.provider.spec = default_spec("v3")
    card = await draft(scene, "#1 then #2, #9", "hero.png", "ada.png")
    await card.change("ada.png", Shows_a_real_person=True)
    assert "the model reads @Image1" in card.text

    await card.press("Confirm")
    await scene.carry()

    public = [read(one) for one in (*posts(scene.channel), *scene.channel.threads[-1].history())]
    explaining = [text for text in (card.text, *public) if "ada.png" in text]
    assert len(explaining) == 3, "the answer, the card and the result"
    assert all("the model reads @Image1" in text for text in explaining)


async def test_confirming_over_the_quota_says_so_beside_the_card_which_waits_on(scene: Scene) -> None:
    card = await draft(scene, takes=1)
    for _ in range(4):
        told(await scene.alice.slash(scene.channel, "video make", prompt="a storm", takes=3, duration="4"))
        await scene.carry()

    text = told_beside(await card.press("Confirm"))

    assert "You have used 12 of your 12 takes a day here" in text
    assert text.endswith("Nothing was spent.")
    assert "Your draft: ready to confirm" in card.text
    assert (await card.request()).state is RequestState.DRAFT


async def test_nobody_else_can_press_what_is_anothers(scene: Scene) -> None:
    """Only Alice sees the card; its buttons' ids could be sent by anybody all the same."""
    card = await draft(scene)
    request = await card.request()
    for action in (Action.CONFIRM, Action.DISCARD, Action.EDIT, Action.SHOW):
        argument = str(request.version) if action in {Action.CONFIRM, Action.EDIT} else ""
        forged = card_of(scene, scene.bob, await scene.bob.slash(scene.channel, "video make", prompt="#9"))
        replace_buttons(forged, str(ButtonId(action, request.id, argument)))

        result = await scene.bob.click(forged.message, label="Confirm")

        said = told_beside(result) if result.followups else told(result)
        assert "Only the person who asked can see, change or confirm this draft." in said
    assert await stored(scene, request) == request


# --- mends -----------------------------------------------------------------------------------------------------------


async def test_a_mend_is_one_click(scene: Scene) -> None:
    card = await draft(scene, "@Image9 walks", "hero.png")
    assert "Your draft: needs a change" in card.text
    assert "Confirm" not in card.labels

    result = await card.press("Use @Image1")

    assert result.followups == []
    assert "> @Image1 walks" in card.text
    assert "⛔" not in card.text
    assert (await card.request()).written_prompt == "@Image1 walks"
    assert card.files == ["references.png"]
    await card.press("Confirm")
    assert "in line" in card.text


async def test_a_file_that_nothing_mentions_is_added_by_a_click(scene: Scene) -> None:
    card = await draft(scene, "hero.png walks")

    await card.press("Add @Video1")

    assert "> @Image1 walks @Video1" in card.text


async def test_a_click_on_a_card_that_is_not_true_any_more_changes_nothing_and_says_so(scene: Scene) -> None:
    card = await draft(scene, "@Image9 and #1 walk", "hero.png")
    shown_before = card.message.components
    await card.press("Use @Image1")
    changed = await card.request()
    put_back(card, shown_before)

    text = told_beside(await card.press("Use @Image1"))

    assert "The draft was changed since this was shown." in text
    assert await card.request() == changed


async def test_a_mend_does_what_its_button_says_though_somebody_forbade_a_file_meanwhile(scene: Scene) -> None:
    theirs = scene.message(scene.bob, "look", files=(named("sea.png"),))
    form = await scene.alice.context_menu(scene.channel, "Make video", theirs)
    values = entered(form, What_happens="mine.png walks [7]", More_files=(named("mine.png"),))
    card = card_of(scene, scene.alice, await scene.alice.submit_modal(form, values))
    told(await scene.bob.slash(scene.channel, "privacy references", files="forbid"))

    await card.press("Add @Image1")

    assert (await card.request()).written_prompt == "mine.png walks [7] @Image1"
    assert "“sea.png” belongs to somebody" in card.text


async def test_a_picture_that_was_taken_back_is_not_on_the_sheet_any_more(scene: Scene) -> None:
    theirs = scene.message(scene.bob, "look", files=(named("sea.png"),))
    form = await scene.alice.context_menu(scene.channel, "Make video", theirs)
    values = entered(form, What_happens="mine.png walks [7]", More_files=(named("mine.png"),))
    card = card_of(scene, scene.alice, await scene.alice.submit_modal(form, values))
    before = card.message.attachments[0].id
    told(await scene.bob.slash(scene.channel, "privacy references", files="forbid"))

    await card.press("Add @Image1")

    assert card.message.attachments[0].id != before, "the old one is not kept"
    assert card.files == ["references.png"]


@pytest.mark.parametrize("way", ["Edit prompt", "Change a file"])
async def test_a_form_does_not_open_from_a_card_that_is_not_true_any_more(scene: Scene, way: str) -> None:
    """Its picture would stay under numbers that are others by now."""
    card = await draft(scene, "#1 then #2, #9", "hero.png", "sea.png")
    shown_before = card.message.components
    await card.change("hero.png", Place=["2"])
    await card.press("Move it")
    changed = await card.request()
    put_back(card, shown_before)

    result = await (card.press("Edit prompt") if way == "Edit prompt" else card.choose("hero.png"))

    assert result.modal is None
    assert "The draft was changed since this was shown." in told(result)
    assert await card.request() == changed


async def test_a_file_form_left_open_does_not_bring_an_old_picture_back(scene: Scene) -> None:
    card = await draft(scene, "#1 then #2, #9", "hero.png", "sea.png")
    form = await card.choose("hero.png")
    other = card_of(scene, scene.alice, await scene.alice.slash(scene.channel, "video drafts"))
    await other.change("hero.png", Place=["2"])
    await other.press("Move it")

    result = await scene.alice.submit_modal(form, entered(form))
    acknowledge_what_the_form_raised(scene)

    assert "The draft was changed since this was shown." in told_beside(result)
    assert "`#1` **@Image1** hero.png" in card.text, "the card is as it was, picture and all"


async def test_forms_open_while_the_vendor_does_not_answer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord waits three seconds for a form; the vendor may take longer."""
    card = await draft(scene)

    async def asked() -> None:
        pytest.fail("the vendor was asked")

    monkeypatch.setattr(scene.studio.provider, "model", asked)

    assert (await card.press("Edit prompt")).modal is not None
    assert (await card.choose("hero.png")).modal is not None


# --- editing ---------------------------------------------------------------------------------------------------------


async def test_the_form_holds_the_prompt_as_it_was_written(scene: Scene) -> None:
    card = await draft(scene, "  #1, hero.png and #9 ", "hero.png")

    shown = await card.press("Edit prompt")

    assert fields(shown)["What happens"]["value"] == "  #1, hero.png and #9 "


async def test_another_prompt_keeps_files_and_sheet(scene: Scene) -> None:
    card = await draft(scene)
    sheet = card.message.attachments[0].id

    result = await card.edit(What_happens="walk.mp4 with #1, #7")

    assert result.followups == []
    assert "> @Video1 with @Image1, #7" in card.text
    assert [attachment.id for attachment in card.message.attachments] == [sheet]


async def test_files_added_come_last_and_no_number_changes(scene: Scene) -> None:
    card = await draft(scene)

    await card.edit(More_files=(named("boat.png"), named("gull.mp4")))

    assert [(one.number, one.name) for one in (await card.request()).references] == [
        (1, "hero.png"),
        (2, "walk.mp4"),
        (3, "boat.png"),
        (4, "gull.mp4"),
    ]
    assert "#4 @Video2 gull.mp4" in await card.sheet()


async def test_an_emoji_is_fetched_when_it_is_mentioned_for_the_first_time_only(scene: Scene) -> None:
    scene.serve("https://cdn.discordapp.com/emojis/4242.webp", b"image webp\nblob")
    card = await draft(scene)

    await card.edit(What_happens="#1, #2 and <:blob:4242> #9")
    await card.edit(What_happens="<:blob:4242>, #1 and #2, #9")

    assert "> @Image2, @Image1 and @Video1, #9" in card.text
    assert sorted(scene.studio.downloader.fetched) == ["blob.webp", "hero.png", "walk.mp4"]


async def test_a_refused_addition_is_listed_and_stops_nothing(scene: Scene) -> None:
    card = await draft(scene)

    await card.edit(More_files=(("notes.txt", b"dear\n"),))

    assert "notes.txt" in card.text
    assert "Confirm" in card.labels


# --- one file --------------------------------------------------------------------------------------------------------


async def test_a_file_gets_a_name_of_its_own(scene: Scene) -> None:
    card = await draft(scene, "@ada walks, #9", "hero.png")
    assert "> ada walks, #9" in card.text

    result = await card.change("hero.png", Name="ada")

    assert result.followups == []
    assert "> @Image1 walks, #9" in card.text
    assert (await card.request()).references[0].alias == "ada"
    shown = await card.choose("hero.png")
    assert fields(shown)["Name"]["value"] == "ada"


async def test_a_name_that_cannot_be_is_told_beside_the_card(scene: Scene) -> None:
    card = await draft(scene)

    result = await card.change("hero.png", Name="two words")
    acknowledge_what_the_form_raised(scene)

    assert "“two words” cannot be used as a name" in told_beside(result)
    assert "Your draft: ready to confirm" in card.text


async def test_a_form_sent_as_it_is_changes_nothing(scene: Scene) -> None:
    card = await draft(scene)
    before = await card.request()

    await card.change("hero.png")

    assert await card.request() == before
    assert "Your draft: ready to confirm" in card.text


async def test_taking_a_file_out_is_asked_with_the_numbers_and_then_done(scene: Scene) -> None:
    card = await draft(scene, "#1, #2, #3 and #9", "hero.png", "sea.png", "walk.mp4")

    await card.change("hero.png", Take_it_out=True)

    assert "`#2` **@Image2** → `#1` **@Image1** sea.png" in card.text
    assert "`#3` **@Video1** → `#2` **@Video1** walk.mp4" in card.text
    assert card.labels == {"Take it out", "Back"}
    assert card.files == []

    await card.press("Take it out")

    assert "> hero.png, @Image1, @Video1 and #9" in card.text
    assert [one.name for one in (await card.request()).references] == ["sea.png", "walk.mp4"]
    assert await card.sheet() == "image png\n#1 @Image1 sea.png\n#2 @Video1 walk.mp4"


async def test_back_from_the_question_brings_the_card_as_it_was(scene: Scene) -> None:
    card = await draft(scene)
    before = (await card.request(), card.text)
    await card.change("hero.png", Take_it_out=True)

    await card.press("Back")

    assert (await card.request(), card.text) == before
    assert "hero.png" in await card.sheet()


async def test_moving_a_file_is_asked_and_mentions_follow_it(scene: Scene) -> None:
    card = await draft(scene, "#1 then #2, #9", "hero.png", "sea.png")

    await card.change("hero.png", Place=["2"], Name="ada")
    assert "Move it" in card.labels
    await card.press("Move it")

    assert "> @Image2 then @Image1, #9" in card.text
    assert [(one.name, one.alias) for one in (await card.request()).references] == [
        ("sea.png", None),
        ("hero.png", "ada"),
    ]


async def test_a_question_answered_too_late_changes_nothing(scene: Scene) -> None:
    card = await draft(scene, "#1 then #2, #9", "hero.png", "sea.png")
    other = card_of(scene, scene.alice, await scene.alice.slash(scene.channel, "video drafts"))
    await card.change("hero.png", Take_it_out=True)
    await other.edit(What_happens="#2 then #1, #9")

    assert "The draft was changed since this was shown." in told_beside(await card.press("Take it out"))

    assert len((await other.request()).references) == 2


async def test_people_are_asked_about_only_where_the_model_has_a_place_for_them(scene: Scene) -> None:
    card = await draft(scene)
    assert "Shows a real person" not in fields(await card.choose("hero.png"))

    scene.studio.provider.spec = default_spec("v3")
    await card.change("walk.mp4")
    await card.change("hero.png", Shows_a_real_person=True)

    assert (await card.request()).references[0].shows_person


# --- what becomes of files, and the part that is used ------------------------------------------------------------


LONG_FILM = ("walk.mov", b"video mov 21 3840x2160\n")


async def cut_draft(scene: Scene, *files: tuple[str, bytes]) -> Card:
    """The card of a draft whose files are too long."""
    options = {f"ref{number}": file for number, file in enumerate(files or (LONG_FILM,), start=1)}
    result = await scene.alice.slash(scene.channel, "video make", prompt="@Video1 walks", **options)
    return card_of(scene, scene.alice, result)


async def test_the_card_says_what_becomes_of_a_large_film_before_anything_is_made(scene: Scene) -> None:
    card = await cut_draft(scene)

    assert "**Made to fit when you confirm" in card.text
    assert "- **@Video1** walk.mov: MOV → MP4, 3840×2160 → 1280×720, the first 15 of 21 s" in card.text
    assert scene.studio.media.conformed == []

    await card.press("Confirm")
    await scene.carry()

    assert len(scene.studio.media.conformed) == 1
    public = [read(one) for one in (*posts(scene.channel), *scene.channel.threads[-1].history())]
    telling = [text for text in public if "3840×2160 → 1280×720 · seconds 0 to 15 of 21" in text]
    assert len(telling) == 2, "the card and the result say what the model saw"


@pytest.mark.parametrize(
    ("used", "moment", "said"),
    [
        ("The middle", "", "15 of 21 s, from second 3 on"),
        ("The end", "", "15 of 21 s, from second 6 on"),
        ("From the second below", "0:02.5", "15 of 21 s, from second 2.5 on"),
        ("From the second below", "4", "15 of 21 s, from second 4 on"),
        ("From the second below", "20", "15 of 21 s, from second 6 on"),
        (None, "5.5", "15 of 21 s, from second 5.5 on"),
        ("The start", "", "the first 15 of 21 s"),
    ],
)
async def test_another_part_is_chosen_in_a_form_and_shown(
    scene: Scene, used: str | None, moment: str, said: str
) -> None:
    card = await cut_draft(scene)

    result = await card.choose_part(used, From_second=moment)

    assert result.followups == []
    assert said in card.text
    assert scene.studio.media.conformed == []


async def test_the_picture_of_a_file_shows_the_part_that_was_chosen(scene: Scene) -> None:
    card = await cut_draft(scene)
    assert await card.sheet() == "image png\n#1 @Video1 walk.mov"

    await card.choose_part("The end")

    assert await card.sheet() == "image png\n#1 @Video1 walk.mov from 6"
    assert card.files == ["references.png"]


async def test_the_form_shows_the_part_that_holds_and_it_can_be_changed_back(scene: Scene) -> None:
    card = await cut_draft(scene)
    await card.choose_part("From the second below", From_second="1.5")

    shown = await card.press("Choose the part")
    controls = fields(shown)
    assert [one["label"] for one in controls["Used of it"]["options"] if one["default"]] == ["From the second below"]
    assert controls["Used of it"]["custom_id"] != controls["From second"]["custom_id"]
    assert controls["From second"]["value"] == "1.5"

    await scene.alice.submit_modal(shown, part_entered(shown, "The start"))

    assert "the first 15 of 21 s" in card.text


async def test_what_was_chosen_is_what_is_made(scene: Scene) -> None:
    card = await cut_draft(scene)
    await scene.restart()
    await card.choose_part("The end")

    await scene.restart()
    await card.press("Confirm")
    await scene.carry()

    (made,) = scene.studio.media.conformed
    assert made.target is not None
    assert (made.target.start_seconds, made.target.seconds) == (6.0, 15.0)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("soon", "“soon” is no moment of a file. Write seconds, such as 12 or 12.5"),
        ("minus 3", "“minus 3” is no moment of a file."),
        ("1:75", "“1:75” is no moment of a file."),
        ("nan", "“nan” is no moment of a file."),
        ("", "From which second on?"),
        ("0:21", "“walk.mov” lasts 21.0 s, so no part of it begins at 0:21."),
    ],
)
async def test_nonsense_in_the_form_is_answered_with_a_sentence_and_changes_nothing(
    scene: Scene, moment: str, said: str
) -> None:
    card = await cut_draft(scene)
    before = (await card.request(), card.text)

    result = await card.choose_part("From the second below", From_second=moment)
    acknowledge_what_the_form_raised(scene)

    assert said in told_beside(result)
    assert (await card.request(), card.text) == before


@pytest.mark.parametrize(
    "films",
    [(LONG_FILM, ("run.mp4", b"video mp4 30\n")), (("nine.mp4", b"video mp4 9\n"), ("ten.mp4", b"video mp4 10\n"))],
    ids=["each is too long", "they are too long together"],
)
async def test_the_public_card_counts_the_files_while_they_are_made_to_fit(
    scene: Scene, films: tuple[tuple[str, bytes], tuple[str, bytes]]
) -> None:
    card = await cut_draft(scene, films[0], named("hero.png"), films[1])
    seen: list[str] = []

    async def look() -> None:
        await scene.studio.draw()
        seen.extend(scene.seen_by(scene.bob))

    scene.studio.media.meanwhile = look
    await card.press("Confirm")
    await scene.carry()

    assert ["### Making the files fit: 1 of 2" in seen[0], "### Making the files fit: 2 of 2" in seen[1]] == [
        True,
        True,
    ]
    assert len(seen) == 2, "hero.png is sent as it is"


async def test_of_several_files_that_are_cut_one_is_chosen_in_a_menu(scene: Scene) -> None:
    card = await cut_draft(scene, LONG_FILM, ("run.mp4", b"video mp4 30\n"), ("song.mp3", b"audio mp3 40\n"))
    (song,) = [one.id for one in (await card.request()).references if one.name == "song.mp3"]
    assert "Choose the part" not in card.labels
    assert "song.mp3: the first 15 of 40 s" in card.text

    shown = await scene.alice.select(card.message, [song], custom_id=button(card.message.message, Action.PART))
    result = await scene.alice.submit_modal(shown, part_entered(shown, "The end"))

    assert result.followups == []
    assert "song.mp3: 15 of 40 s, from second 25 on" in card.text
    assert "walk.mov: MOV → MP4, 3840×2160 → 1280×720, the first 7.5 of 21 s" in card.text


async def test_a_part_is_not_chosen_on_a_card_of_another_version(scene: Scene) -> None:
    card = await cut_draft(scene)
    other = card_of(scene, scene.alice, await scene.alice.slash(scene.channel, "video drafts"))
    form = await card.press("Choose the part")
    await other.choose_part("The middle")
    before = await other.request()

    sent = await scene.alice.submit_modal(form, part_entered(form, "The end"))
    acknowledge_what_the_form_raised(scene)

    assert "The draft was changed since this was shown." in told_beside(sent)
    assert "The draft was changed since this was shown." in told(await card.press("Choose the part"))
    assert await other.request() == before


# --- discarding, expiring, coming back -------------------------------------------------------------------------------


async def test_discarding_ends_it_for_nothing(scene: Scene) -> None:
    card = await draft(scene)
    request = await card.request()

    await card.press("Discard")

    assert "### Cancelled" in card.text
    assert "Nothing was spent." in card.text
    assert card.files == []
    assert (await stored(scene, request)).state is RequestState.CANCELLED
    await scene.carry()
    assert posts(scene.channel) == []


async def test_a_draft_that_nobody_confirms_expires_and_says_so_when_it_is_clicked(scene: Scene) -> None:
    card = await draft(scene)
    request = await card.request()
    await scene.env.advance_time(3 * HOURS)
    scene.studio.bell.wake(request.id)
    await scene.carry()

    text = told_beside(await card.press("Confirm"))

    assert "This draft is over" in text
    assert (await stored(scene, request)).state is RequestState.EXPIRED
    assert scene.studio.provider.started == []


async def test_every_button_works_after_a_restart(scene: Scene) -> None:
    card = await draft(scene, "@Image9 and #2", "hero.png", "walk.mp4")
    await scene.restart()

    await card.press("Use @Image1")
    assert "> @Image1 and @Video1" in card.text
    await scene.restart()
    await card.change("hero.png", Name="ada")
    assert "(@ada)" in card.text
    await scene.restart()
    await card.press("Confirm")
    assert "in line" in card.text
    await scene.carry()
    assert len(scene.studio.provider.started) == 1


async def test_a_form_that_outlived_a_restart_is_told_so_and_the_draft_is_as_it_was(scene: Scene) -> None:
    card = await draft(scene)
    before = await card.request()
    shown = await card.press("Edit prompt")
    await scene.restart()

    text = told(await scene.alice.submit_modal(shown, entered(shown, What_happens="other")))

    assert "or the bot was restarted meanwhile, so nothing was changed by it" in text
    assert "`/video drafts`" in text
    assert "spent" not in text, "the draft may have been confirmed from another card"
    assert await card.request() == before


async def test_drafts_brings_back_the_one_that_waits(scene: Scene) -> None:
    lost = await draft(scene)

    card = card_of(scene, scene.alice, await scene.alice.slash(scene.channel, "video drafts"))

    assert card.text == lost.text
    assert f"The video will be posted in <#{scene.channel.id}>." in card.text
    assert await card.sheet() == await lost.sheet()
    await card.press("Confirm")
    assert "in line" in card.text


async def test_drafts_lists_several_and_each_can_be_shown(scene: Scene) -> None:
    await draft(scene, "one #9 #1 #2")
    await draft(scene, "two #9 #1 #2")

    result = await scene.alice.slash(scene.channel, "video drafts")
    text = told(result)
    assert "one #9" in text
    assert "two #9" in text
    assert result.response is not None
    shows = [one for one in custom_ids(result.response.components) if one.startswith("rushes:show:")]
    await scene.alice.click(result.response, custom_id=shows[-1])

    assert "Your draft: ready to confirm" in read(result.response.message)
    assert "> one #9" in read(result.response.message)


async def test_a_draft_says_where_its_video_will_be_posted_wherever_it_is_shown(scene: Scene) -> None:
    await draft(scene, "one #9 #1 #2")
    await draft(scene, "two #9 #1 #2")
    other = scene.guild.create_text_channel("elsewhere")
    await scene.env.settle()

    listed = told(await scene.alice.slash(other, "video drafts"))

    assert listed.count(f"for <#{scene.channel.id}>") == 2


async def test_whoever_has_no_draft_is_told_how_to_make_one(scene: Scene) -> None:
    await draft(scene)

    assert "/video make" in told(await scene.bob.slash(scene.channel, "video drafts"))


async def test_a_draft_whose_answer_was_lost_in_a_restart_is_called_back_and_shown_privately(scene: Scene) -> None:
    scene.lose_last_answer(status=404, code=10015)
    await scene.alice.slash(scene.channel, "video make", prompt="#1 and #9", ref1=named("hero.png"))
    (waiting,) = await scene.studio.requests()
    await scene.restart()
    scene.studio.bell.wake(waiting.request.id)
    await scene.carry()
    (called,) = posts(scene.channel, scene.bob)
    assert f"<@{scene.alice.id}>" in read(called)
    assert "hero.png" not in read(called)
    (label,) = labels(called)

    shown = await scene.alice.click(called, label=label)

    assert "Your draft: ready to confirm" in told(shown)
    assert "hero.png" in told(shown)
    assert read(posts(scene.channel, scene.bob)[0]) == read(called)
    assert "Only the person who asked" in told(await scene.bob.click(called, label=label))


async def test_a_draft_cut_short_by_a_restart_is_prepared_and_its_person_called_back(scene: Scene) -> None:
    """The process ended right after the wish was stored: the private answer of that command says nothing any more."""
    await (await draft(scene)).press("Discard")
    wish = replace(scene.studio.wishes[-1], interaction_id=1)
    cut = await scene.studio.store.create_draft(scene.studio.ids.request(), wish, now_ms=scene.studio.now_ms())

    await scene.restart()
    scene.studio.bell.wake(cut.request.id)
    await scene.carry()

    (called,) = posts(scene.channel, scene.bob)
    (label,) = labels(called)
    card = card_of(scene, scene.alice, await scene.alice.click(called, label=label))
    assert "Your draft: ready to confirm" in card.text
    await card.press("Confirm")
    assert "in line" in card.text


# --- trouble ---------------------------------------------------------------------------------------------------------


async def test_trouble_with_a_click_is_told_beside_the_card(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    card = await draft(scene, "@Image9 walks", "hero.png")
    before = card.text

    async def breaks(*_arguments: object, **_fields: object) -> None:
        raise Unavailable(reason("database-unavailable"))

    monkeypatch.setattr(scene.studio.store, "load", breaks)

    assert "The bot's own database does not answer just now." in told_beside(await card.press("Use @Image1"))
    assert card.text == before


async def test_a_confirmation_whose_answer_was_lost_is_not_said_to_have_cost_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await draft(scene)
    accept = scene.studio.store.accept

    async def accepts_and_breaks(request: Request, **fields: Any) -> None:  # noqa: ANN401  passed on
        await accept(request, **fields)
        raise Unavailable(reason("database-unavailable"))

    monkeypatch.setattr(scene.studio.store, "accept", accepts_and_breaks)

    text = told_beside(await card.press("Confirm"))
    await scene.carry()

    assert "The bot's own database does not answer just now." in text
    assert "Nothing was spent." not in text
    assert len(scene.studio.provider.started) == 1


async def test_a_defect_behind_a_click_is_told_and_logged(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    card = await draft(scene)

    async def breaks(*_arguments: object, **_fields: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(scene.studio.store, "load", breaks)

    assert "Something went wrong on our side." in told_beside(await card.press("Confirm"))
    assert len(scene.take_events("command failed")) == 1


async def test_a_sheet_that_cannot_be_drawn_is_no_reason_for_no_card(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_arguments: object) -> None:
        raise Unavailable(reason("storage-unavailable"))

    monkeypatch.setattr(scene.studio.contents, "copy_to", gone)

    card = await draft(scene)
    assert card.files == []
    await card.edit(What_happens="#1, #2 and #8")

    assert "> @Image1, @Video1 and #8" in card.text


def custom_ids(components: list[Json]) -> list[str]:
    """Every custom id, from top to bottom."""
    found: list[str] = []
    for component in components:
        found += [component["custom_id"]] if "custom_id" in component else []
        found += custom_ids(component.get("components", []))
    return found


def put_back(card: Card, components: list[Json]) -> None:
    """The card as it was: another window of Alice's that has not heard of the change."""
    stored = card.scene.env.backend.get_message(card.message.channel_id, card.message.id)
    stored.components = components


def replace_buttons(card: Card, custom_id: str) -> None:
    """Puts another custom id on Confirm."""
    confirm = next(one for one in custom_ids(card.message.components) if one.startswith("rushes:confirm:"))
    put_back(card, _replaced(card.message.components, confirm, custom_id))


def _replaced(components: list[Json], old: str, new: str) -> list[Json]:
    return [
        {
            **component,
            **({"custom_id": new} if component.get("custom_id") == old else {}),
            **({"components": _replaced(component["components"], old, new)} if "components" in component else {}),
        }
        for component in components
    ]


async def test_a_card_that_got_through_needs_no_call_back_and_one_that_did_not_does(scene: Scene) -> None:
    """A process that ends in between leaves that to the next one."""
    await (await draft(scene)).request()
    scene.lose_last_answer()
    await scene.alice.slash(scene.channel, "video make", prompt="#9 waves", ref1=named("hero.png"))

    posts = [snapshot.post("callback") for snapshot in await scene.studio.requests()]
    assert sorted(post.shown or "" for post in posts if post is not None) == ["", "answered"]
