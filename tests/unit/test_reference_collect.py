"""Offers become references: in order, numbered, kept once; and every file's fate is told."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.conform import Anchor, Made, Part, Record, Step, Target, Verdict
from bot.domain.errors import Refused, RushesError, Unavailable
from bot.domain.media import Kind, MediaFacts
from bot.domain.models import ModelLimits
from bot.domain.reasons import reason
from bot.domain.references import Collected, Fate, Offer, OfferSource, Origin, Reference, compared
from bot.domain.words import SENTENCES, say
from bot.references import Collector
from bot.references.names import unique_names
from tests import media_samples
from tests.fakes_media import FakeMedia
from tests.fakes_references import (
    LIMITS,
    FakeDownloader,
    LabelledMedia,
    MemoryContentStore,
    counting_ids,
    make_references,
)

HERO, ALLEY = b"image png\nhero", b"image jpeg\nalley"
WALK, THEME = b"video mp4 4\nwalk", b"audio mp3 5\ntheme"
WAVE = b"image gif 1.5\nwave"


def collector(
    tmp_path: Path, files: dict[str, bytes | RushesError], store: MemoryContentStore | None = None
) -> Collector:
    return Collector(
        downloader=FakeDownloader({f"https://cdn/{name}": content for name, content in files.items()}),
        contents=store or MemoryContentStore(),
        media=LabelledMedia(),
        conformer=LabelledMedia(),
        limits=lambda: LIMITS,
        ids=counting_ids(),
        scratch=tmp_path / "scratch",
        max_bytes=1_000_000,
    )


def offers(*names: str, alt: str | None = None) -> list[Offer]:
    return [Offer(name=name, url=f"https://cdn/{name}", byte_count=None, alt=alt) for name in names]


async def collected(tmp_path: Path, files: dict[str, bytes | RushesError]) -> Collected:
    return await collector(tmp_path, files).collect(offers(*files))


def told(fates: tuple[Fate, ...]) -> list[tuple[str, str | None]]:
    """What was said of each offer: its name, and the code if there is one."""
    return [(fate.name, fate.reason.code if fate.reason else None) for fate in fates]


async def held_in(store: MemoryContentStore, tmp_path: Path, content: bytes, **changes: object) -> Reference:
    """A reference whose bytes are in the store."""
    path = tmp_path / "held"
    path.write_bytes(content)
    (made,) = make_references("kept.png")
    return replace(made, content=await store.put(path), **changes)  # pyright: ignore[reportArgumentType]


def of_held(reference: Reference, source: OfferSource = OfferSource.TRAY) -> Offer:
    return Offer(name=reference.name, url="", byte_count=reference.facts.byte_count, source=source, held=reference)


async def test_files_become_numbered_references_in_the_order_offered(tmp_path: Path) -> None:
    store = MemoryContentStore()
    made = collector(tmp_path, {"walk.mp4": WALK, "hero.png": HERO, "theme.mp3": THEME, "alley.jpg": ALLEY}, store)
    result = await made.collect(offers("walk.mp4", "hero.png", "theme.mp3", "alley.jpg"))
    assert [(one.number, one.kind, one.kind_number, one.name) for one in result.references] == [
        (1, Kind.VIDEO, 1, "walk.mp4"),
        (2, Kind.IMAGE, 1, "hero.png"),
        (3, Kind.AUDIO, 1, "theme.mp3"),
        (4, Kind.IMAGE, 2, "alley.jpg"),
    ]
    assert [store.contents[one.content] for one in result.references] == [WALK, HERO, THEME, ALLEY]
    assert len({one.id for one in result.references}) == 4
    assert result.references[0].facts.seconds == 4.0
    assert [fate.reference_id for fate in result.fates] == [one.id for one in result.references]
    assert told(result.fates) == [("walk.mp4", None), ("hero.png", None), ("theme.mp3", None), ("alley.jpg", None)]


async def test_a_reference_knows_where_it_came_from(tmp_path: Path) -> None:
    (offer,) = offers("hero.png")
    offer = replace(offer, source=OfferSource.AVATAR, owner_id=5, message_id=6, stands_for="person:5", name="Ada")
    result = await collector(tmp_path, {"hero.png": HERO}).collect([offer])
    (one,) = result.references
    assert (one.name, one.source, one.owner_id, one.message_id) == ("Ada", OfferSource.AVATAR, 5, 6)
    assert (one.stands_for, one.shows_person, one.also) == (("person:5",), False, ())
    assert result.fates[0].source is OfferSource.AVATAR


async def test_a_flood_of_commands_opens_no_flood_of_downloads(tmp_path: Path) -> None:
    class Counting(FakeDownloader):
        running, most = 0, 0

        async def fetch(self, offer: Offer, into: Path) -> int:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0.001)
            self.running -= 1
            return await super().fetch(offer, into)

    names = [f"{number}.png" for number in range(12)]
    downloader = Counting({f"https://cdn/{name}": b"image png\n" + name.encode() for name in names})
    shared = replace(collector(tmp_path, {}), downloader=downloader)

    collections = await asyncio.gather(*(shared.collect(offers(*names)) for _ in range(5)))

    assert [len(result.references) for result in collections] == [12] * 5
    assert 1 < downloader.most <= 6


async def test_nothing_offered_is_nothing_collected(tmp_path: Path) -> None:
    assert await collected(tmp_path, {}) == Collected(references=(), fates=())


# --- refused files ---------------------------------------------------------------------------------------------------


async def test_a_refused_file_stops_none_of_the_others_and_every_fate_is_told(tmp_path: Path) -> None:
    files: dict[str, bytes | RushesError] = {
        "notes.txt": b"hello",
        "hero.png": HERO,
        "bad.png": b"broken png\n",
        "big.png": b"x" * 1_000_001,
        "gone.png": Refused(reason("source-gone", name="gone.png")),
        "walk.mp4": WALK,
    }
    result = await collected(tmp_path, files)
    assert [(one.number, one.name) for one in result.references] == [(1, "hero.png"), (2, "walk.mp4")]
    assert told(result.fates) == [
        ("notes.txt", "file-not-media"),
        ("hero.png", None),
        ("bad.png", "file-unreadable"),
        ("big.png", "file-too-large"),
        ("gone.png", "source-gone"),
        ("walk.mp4", None),
    ]
    assert [fate.refused for fate in result.fates] == [True, False, True, True, True, False]
    reasons = [fate.reason for fate in result.fates if fate.reason]
    assert all(why.code in SENTENCES and why.arguments["name"] in files for why in reasons)
    assert "plain text" in say(reasons[0])
    assert "says it is PNG" in say(reasons[1])


async def test_what_is_refused_already_is_told_and_not_fetched(tmp_path: Path) -> None:
    made = collector(tmp_path, {"hero.png": HERO})
    why = reason("sticker-not-a-picture", name="dance")
    lottie = Offer(name="dance", url="", byte_count=None, source=OfferSource.STICKER, refusal=why)
    result = await made.collect([lottie, *offers("hero.png")])
    assert result.fates[0] == Fate(name="dance", source=OfferSource.STICKER, reason=why)
    assert [one.name for one in result.references] == ["hero.png"]
    assert isinstance(made.downloader, FakeDownloader)
    assert made.downloader.fetched == ["https://cdn/hero.png"]


async def test_a_service_that_does_not_answer_is_said_before_any_refusal(tmp_path: Path) -> None:
    """It is tried again by us; what is wrong with the other files will be said then."""
    down = Unavailable(reason("source-unavailable", name="hero.png"))
    with pytest.raises(Unavailable):
        await collected(tmp_path, {"notes.txt": b"hello", "hero.png": down})


async def test_a_defect_is_not_taken_for_a_refusal(tmp_path: Path) -> None:
    class Broken(MemoryContentStore):
        async def put(self, path: Path) -> str:
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await collector(tmp_path, {"hero.png": HERO}, Broken()).collect(offers("hero.png"))
    assert caught.group_contains(ZeroDivisionError)
    assert list((tmp_path / "scratch").iterdir()) == []


# --- the same bytes twice --------------------------------------------------------------------------------------------


async def test_the_same_bytes_twice_are_one_reference_with_two_names(tmp_path: Path) -> None:
    result = await collected(tmp_path, {"hero.png": HERO, "alley.jpg": ALLEY, "copy.png": HERO})
    assert [(one.name, one.also) for one in result.references] == [("hero.png", ("copy.png",)), ("alley.jpg", ())]
    first, _, again = result.fates
    assert first.reference_id == again.reference_id == result.references[0].id
    assert first.reason is None
    assert again.reason
    assert say(again.reason) == "“copy.png” has the same content as “hero.png”, so both are @Image1."


async def test_one_file_for_several_mentions_stands_for_each_of_them(tmp_path: Path) -> None:
    one, other, third = offers("a.webp", "b.webp", "c.webp")
    made = collector(tmp_path, dict.fromkeys(("a.webp", "b.webp", "c.webp"), HERO))
    result = await made.collect([replace(one, stands_for="person:1"), replace(other, stands_for="emoji:2"), third])
    (reference,) = result.references
    assert reference.stands_for == ("person:1", "emoji:2")


async def test_the_alias_is_taken_from_whichever_has_one(tmp_path: Path) -> None:
    one, other = offers("a.png", "b.png")
    made = collector(tmp_path, {"a.png": HERO, "b.png": HERO})
    (reference,) = (await made.collect([one, replace(other, alt="Knight")])).references
    assert reference.alias == "Knight"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
async def test_every_way_by_which_the_bytes_came_is_known_whoever_was_first(
    tmp_path: Path, order: tuple[int, int, int]
) -> None:
    own, theirs, shared = offers("a.png", "b.png", "c.png")
    all_three = (
        own,
        replace(theirs, source=OfferSource.TARGET, owner_id=5, message_id=6),
        replace(shared, source=OfferSource.FORWARD, owner_id=7, message_id=8, forwarded_id=9),
    )
    made = collector(tmp_path, dict.fromkeys(("a.png", "b.png", "c.png"), HERO))
    (reference,) = (await made.collect([all_three[index] for index in order])).references
    came = (
        Origin(),
        Origin(source=OfferSource.TARGET, owner_id=5, message_id=6),
        Origin(source=OfferSource.FORWARD, owner_id=7, message_id=8, forwarded_id=9),
    )
    assert reference.origins == tuple(came[index] for index in order)


async def test_the_same_way_twice_is_known_once(tmp_path: Path) -> None:
    made = collector(tmp_path, {"a.png": HERO, "b.png": HERO})
    both = [replace(one, owner_id=5, message_id=6) for one in offers("a.png", "b.png")]
    (reference,) = (await made.collect(both)).references
    assert reference.origins == (Origin(owner_id=5, message_id=6),)


@pytest.mark.parametrize(
    ("alt", "alias"),
    [("Knight", "Knight"), ("o-k_9", "o-k_9"), ("hero!", None), ("o'neil", None), ("two words", None), ("-_", None)],
)
async def test_an_alt_text_is_a_name_where_a_person_may_give_that_name(
    tmp_path: Path, alt: str, alias: str | None
) -> None:
    (offer,) = offers("a.png")
    (reference,) = (await collector(tmp_path, {"a.png": HERO}).collect([replace(offer, alt=alt)])).references
    assert reference.alias == alias


async def test_of_two_files_with_one_alt_text_the_first_has_the_name(tmp_path: Path) -> None:
    one, other = offers("a.png", "b.png")
    made = collector(tmp_path, {"a.png": HERO, "b.png": ALLEY})
    result = await made.collect([replace(one, alt="Knight"), replace(other, alt="KNIGHT")])
    assert [reference.alias for reference in result.references] == ["Knight", None]


async def test_no_more_is_fetched_than_a_file_of_that_sort_may_have(tmp_path: Path) -> None:
    emoji = replace(offers("blob.webp")[0], byte_count=None, source=OfferSource.EMOJI, max_bytes=20)
    made = collector(tmp_path, {"blob.webp": HERO + b"x" * 20})
    assert told((await made.collect([emoji])).fates) == [("blob.webp", "file-too-large")]

    class Careless(FakeDownloader):
        async def fetch(self, offer: Offer, into: Path) -> int:
            return await super().fetch(replace(offer, max_bytes=None), into)

    careless = replace(made, downloader=Careless({emoji.url: HERO + b"x" * 20}))
    assert told((await careless.collect([emoji])).fates) == [("blob.webp", "file-too-large")]


async def test_a_name_is_one_files_only_whether_it_is_its_first_or_another(tmp_path: Path) -> None:
    contents: dict[str, bytes | RushesError] = {"1": HERO, "2": HERO, "3": ALLEY, "4": HERO}
    named = [replace(one, name=name) for one, name in zip(offers(*contents), ["a", "b", "B", "A"], strict=True)]
    result = await collector(tmp_path, contents).collect(named)
    assert [(one.name, one.also) for one in result.references] == [("a", ("b",)), ("B (2)", ())]
    assert [fate.name for fate in result.fates] == ["a", "b", "B (2)", "A"]


# --- what is held already --------------------------------------------------------------------------------------------


async def test_what_is_held_is_not_fetched_and_stays_as_it_was(tmp_path: Path) -> None:
    store = MemoryContentStore()
    facts = MediaFacts(kind=Kind.IMAGE, format="png", byte_count=9, width=4, height=3)
    held = await held_in(
        store,
        tmp_path,
        HERO,
        alias="Knight",
        also=("old.png",),
        source=OfferSource.AVATAR,
        origins=(Origin(source=OfferSource.AVATAR, owner_id=5), Origin(owner_id=7, message_id=6)),
        stands_for=("person:5",),
        shows_person=True,
        facts=facts,
        record=Record(verdict=Verdict.ACCEPT, code="ok", kind=Kind.IMAGE, facts=facts),
    )
    made = collector(tmp_path, {"alley.jpg": ALLEY}, store)
    result = await made.collect([*offers("alley.jpg"), of_held(held)])
    kept = result.references[1]
    assert replace(kept, id=held.id, number=1, kind_number=1) == held
    assert kept.id != held.id
    assert (kept.number, kept.kind_number) == (2, 2)
    assert result.fates[1] == Fate(name="kept.png", source=OfferSource.TRAY, reference_id=kept.id)


async def test_what_was_held_and_is_gone_is_told(tmp_path: Path) -> None:
    (gone,) = make_references("kept.png")
    result = await collector(tmp_path, {"hero.png": HERO}).collect([of_held(gone), *offers("hero.png")])
    assert told(result.fates) == [("kept.png", "bytes-gone"), ("hero.png", None)]
    assert [one.number for one in result.references] == [1]


async def test_a_new_file_with_held_bytes_adds_its_name(tmp_path: Path) -> None:
    store = MemoryContentStore()
    before = Origin(source=OfferSource.TARGET, owner_id=5, message_id=6)
    held = await held_in(store, tmp_path, HERO, also=("old.png",), shows_person=True, origins=(before,))
    made = collector(tmp_path, {"hero.png": HERO}, store)
    (reference,) = (await made.collect([*offers("hero.png"), of_held(held)])).references
    assert (reference.name, reference.also) == ("hero.png", ("kept.png", "old.png"))
    assert reference.shows_person
    assert reference.origins == (Origin(), before)


# --- kept as they came -----------------------------------------------------------------------------------------------


WHERE = b"image jpeg exif\nat home"
LONG, VOICE = b"video mp4 21\nlong", b"audio ogg 3\nhello"


@pytest.mark.parametrize(
    ("name", "content", "kind", "code", "steps"),
    [
        ("wave.gif", WAVE, Kind.VIDEO, "gif", {Step.TRANSCODE, Step.LOOP}),
        ("wave.webp", b"image webp 3\nwave", Kind.VIDEO, "webp", {Step.TRANSCODE}),
        ("photo.heic", b"image heic\nphoto", Kind.IMAGE, "heic", {Step.TRANSCODE, Step.STRIP}),
        ("long.mp4", LONG, Kind.VIDEO, "duration_long", {Step.TRANSCODE, Step.TRIM}),
        ("voice.ogg", VOICE, Kind.AUDIO, "container", {Step.TRANSCODE}),
        ("home.jpg", WHERE, Kind.IMAGE, "strip_metadata", {Step.TRANSCODE, Step.STRIP}),
    ],
)
async def test_what_no_model_takes_as_it_is_is_kept_as_it_came_with_what_has_to_be_done(
    tmp_path: Path, name: str, content: bytes, kind: Kind, code: str, steps: set[Step]
) -> None:
    store = MemoryContentStore()
    made = collector(tmp_path, {name: content}, store)
    result = await made.collect(offers(name))
    (reference,), (fate,) = result.references, result.fates
    assert list(store.contents.values()) == [content]
    assert (reference.name, reference.kind, reference.facts.byte_count) == (name, kind, len(content))
    assert reference.record is not None
    assert (reference.record.verdict, reference.record.code) == (Verdict.CONVERT, code)
    assert set(reference.record.steps) == steps
    assert (reference.made, reference.part) == (None, Part())
    assert fate == Fate(name=name, source=OfferSource.OPTION, reference_id=reference.id)
    assert media_of(made).conformed == [], "nothing is converted before its person has seen it"
    assert list((tmp_path / "scratch").iterdir()) == []


def media_of(made: Collector) -> LabelledMedia:
    assert isinstance(made.conformer, LabelledMedia)
    return made.conformer


async def test_a_file_counts_as_the_kind_that_it_is_used_as(tmp_path: Path) -> None:
    """The tokens of a prompt rest on it: an animation of a single frame is a picture."""
    files: dict[str, bytes | RushesError] = {"hero.png": HERO, "wave.gif": WAVE, "blink.webp": b"image webp 0.04\nx"}
    result = await collected(tmp_path, {**files, "walk.mp4": WALK})
    assert [one.token for one in result.references] == ["@Image1", "@Video1", "@Image2", "@Video2"]
    assert result.references[2].facts.kind is Kind.VIDEO, "what it is"


async def test_a_file_is_called_what_its_person_calls_it_when_its_ending_is_looked_at(tmp_path: Path) -> None:
    result = await collected(tmp_path, {"hero.mp4": HERO})
    assert [remark.value for remark in result.references[0].decided.remarks] == ["mislabelled"]


async def test_what_is_decided_is_decided_by_what_the_publisher_carries(tmp_path: Path) -> None:
    large = b"image png\n" + b"x" * 200_000
    made = replace(collector(tmp_path, {"hero.png": large}), limits=lambda: LIMITS.carried(100_000))
    (reference,) = (await made.collect(offers("hero.png"))).references
    assert Step.SHRINK in reference.decided.steps


async def test_a_kind_that_the_model_takes_none_of_is_refused_and_not_kept(tmp_path: Path) -> None:
    kinds = {**LIMITS.kinds, Kind.AUDIO: replace(LIMITS.kinds[Kind.AUDIO], max_count=0)}
    limits, store = replace(LIMITS, kinds=kinds).carried(1_000_000), MemoryContentStore()
    made = replace(collector(tmp_path, {"voice.ogg": VOICE}, store), limits=lambda: limits)
    assert told((await made.collect(offers("voice.ogg"))).fates) == [("voice.ogg", "kind-not-accepted")]
    assert store.contents == {}


async def test_real_files_stay_as_they_are_and_say_what_they_are_used_as(tmp_path: Path) -> None:
    files: dict[str, bytes | RushesError] = {
        "moving.gif": media_samples.moving_gif(),
        "still.gif": media_samples.gif(),
        "still.webp": media_samples.webp(),
        "sticker.png": media_samples.moving_png(),
        "photo.jpg": media_samples.jpeg(),
        "song.ogg": media_samples.ogg(seconds=2.5),
    }
    media, store = FakeMedia(), MemoryContentStore()
    made = replace(collector(tmp_path, files, store), media=media, conformer=media)
    result = await made.collect(offers(*files))
    assert [store.contents[one.content] for one in result.references] == list(files.values())
    assert [one.kind.value for one in result.references] == ["video", "image", "image", "image", "image", "audio"]
    changed = {one.name for one in result.references if one.decided.verdict is Verdict.CONVERT}
    assert changed == {"moving.gif", "still.gif", "sticker.png", "song.ogg"}
    assert media.conformed == []


MADE = Made(
    content="e" * 64,
    facts=MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=7, seconds=15.0),
    target=Target(format="mp4", kind=Kind.VIDEO, seconds=15.0),
)


async def test_what_is_held_keeps_what_was_decided_chosen_and_made_of_it(tmp_path: Path) -> None:
    store = MemoryContentStore()
    first = (await collector(tmp_path, {"long.mp4": LONG}, store).collect(offers("long.mp4"))).references[0]
    held = replace(first, part=Part(anchor=Anchor.END), made=MADE)

    again = (await collector(tmp_path, {}, store).collect([of_held(held)])).references[0]

    assert (again.record, again.part, again.made) == (held.record, held.part, held.made)
    assert again.kind is Kind.VIDEO


async def test_what_an_earlier_release_kept_is_looked_into_now_for_what_it_hides(tmp_path: Path) -> None:
    store = MemoryContentStore()
    part = Part(anchor=Anchor.END)
    held = await held_in(store, tmp_path, WHERE, part=part, alias="Home", also=("old.jpg",))
    result = await collector(tmp_path, {}, store).collect([of_held(held)])
    assert told(result.fates) == [("kept.png", None)]
    (kept,) = result.references
    assert (kept.content, kept.part, kept.alias, kept.also) == (held.content, part, "Home", ("old.jpg",))
    assert (kept.decided.code, kept.kind, kept.facts.format) == ("strip_metadata", Kind.IMAGE, "jpeg")
    assert list(store.contents.values()) == [WHERE]
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_what_an_earlier_release_kept_and_nobody_would_take_now_is_refused_with_its_fate(tmp_path: Path) -> None:
    store = MemoryContentStore()
    held = await held_in(store, tmp_path, WHERE)
    made = replace(collector(tmp_path, {"hero.png": HERO}, store), conformer=OnlyPng())
    result = await made.collect([of_held(held), *offers("hero.png")])
    assert told(result.fates) == [("kept.png", "format-unsupported"), ("hero.png", None)]
    assert [one.name for one in result.references] == ["hero.png"]


async def test_what_goes_while_it_is_looked_into_anew_is_told(tmp_path: Path) -> None:
    class Sweeping(MemoryContentStore):
        async def holds(self, key: str) -> bool:
            return await super().holds(key) and self.contents.pop(key) != b""

    store = Sweeping()
    held = await held_in(store, tmp_path, WHERE)
    result = await collector(tmp_path, {}, store).collect([of_held(held)])
    assert told(result.fates) == [("kept.png", "bytes-gone")]


async def test_what_was_decided_on_is_not_looked_into_again(tmp_path: Path) -> None:
    store = MemoryContentStore()
    first = (await collector(tmp_path, {"home.jpg": WHERE}, store).collect(offers("home.jpg"))).references[0]
    again = await replace(collector(tmp_path, {}, store), conformer=Strict()).collect([of_held(first)])
    assert [one.record for one in again.references] == [first.record]


async def test_of_equal_bytes_the_first_one_s_decision_stands_and_nothing_made_is_lost(tmp_path: Path) -> None:
    store = MemoryContentStore()
    first = (await collector(tmp_path, {"long.mp4": LONG}, store).collect(offers("long.mp4"))).references[0]
    held = replace(first, name="kept.mp4", part=Part(anchor=Anchor.END), made=MADE)

    mixed = collector(tmp_path, {"long.mp4": LONG}, store)
    (fresh_first,) = (await mixed.collect([*offers("long.mp4"), of_held(held)])).references
    (held_first,) = (await mixed.collect([of_held(held), *offers("long.mp4")])).references

    assert (fresh_first.part, fresh_first.made, fresh_first.record) == (Part(), MADE, first.record)
    assert (held_first.part, held_first.made, held_first.record) == (held.part, MADE, first.record)


class Strict(LabelledMedia):
    """Decides against whatever it is shown."""

    async def record(self, path: Path, limits: ModelLimits, *, name: str | None = None) -> Record:
        why = reason("format-unsupported", name=name or "", found="mkv", accepted="MP4")
        return Record(verdict=Verdict.REJECT, code="unsupported", kind=Kind.VIDEO, why=why)


class OnlyPng(Strict):
    """Decides against what is no PNG."""

    async def record(self, path: Path, limits: ModelLimits, *, name: str | None = None) -> Record:
        is_png = self.sniff(path.read_bytes()).format == "png"
        return await (LabelledMedia if is_png else Strict).record(self, path, limits, name=name)


async def test_a_file_that_cannot_be_used_is_not_kept_and_says_why_in_people_s_words(tmp_path: Path) -> None:
    store = MemoryContentStore()
    made = replace(collector(tmp_path, {"walk.mkv": b"video mkv 3\n"}, store), conformer=Strict())
    (fate,) = (await made.collect(offers("walk.mkv"))).fates
    assert fate.reason == reason("format-unsupported", name="walk.mkv", found="Matroska", accepted="MP4")
    assert store.contents == {}


@pytest.mark.parametrize("content", [HERO, WAVE, b"hello", b"broken png\n", b"broken gif\n"])
async def test_nothing_stays_in_the_scratch_folder(tmp_path: Path, content: bytes) -> None:
    await collected(tmp_path, {"hero.png": content})
    assert list((tmp_path / "scratch").iterdir()) == []


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alt", "alias"),
    [("Knight", "Knight"), (" Knight ", "Knight"), ("a knight", None), ("@knight", None), ("x" * 33, None), ("", None)],
)
async def test_alt_text_of_one_word_is_an_alias(tmp_path: Path, alt: str, alias: str | None) -> None:
    result = await collector(tmp_path, {"hero.png": HERO}).collect(offers("hero.png", alt=alt))
    assert result.references[0].alias == alias


async def test_the_persons_name_for_a_file_reaches_no_path(tmp_path: Path) -> None:
    name = "../../evil\u202egnp.<@5>.png"
    result = await collected(tmp_path, {name: HERO})
    assert result.references[0].name == result.fates[0].name == "../../evilgnp.5.png"
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch"]


def test_two_files_of_one_name_are_told_apart() -> None:
    assert unique_names(["hero.png", "HERO.png", "hero.png", "hero (2).png"]) == (
        "hero.png",
        "HERO (2).png",
        "hero (3).png",
        "hero (2) (2).png",
    )


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(["a.png", "A.PNG", "a (2).png", "", ".", "..", "x" * 200]), st.text()), max_size=12
    )
)
def test_no_two_names_are_alike(names: list[str]) -> None:
    made = unique_names(names)
    assert len(made) == len(names)
    assert len({name.casefold() for name in made}) == len(names)
    assert all(name and len(name) <= 100 + len(" (12)") for name in made)


# --- whatever is offered ---------------------------------------------------------------------------------------------

CONTENTS = [HERO, ALLEY, WALK, WAVE, b"image webp 2\nwave", b"hello", b"broken gif\n"]
NAMES = ["hero.png", "HERO.PNG", "hero (2).png", "ｈero.png", "", "walk.mp4"]
HOW = st.sampled_from(["fetched", "held", "held and gone", "refused", "gone"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(CONTENTS), HOW), max_size=15))
async def test_every_offer_has_one_fate_and_every_reference_is_some_offers(
    tmp_path: Path, wanted: list[tuple[str, bytes, str]]
) -> None:
    store = MemoryContentStore()
    files: dict[str, bytes | RushesError] = {}
    made: list[Offer] = []
    for at, (name, content, how) in enumerate(wanted):
        url, refusal, held = f"https://cdn/{at}", None, None
        if how == "fetched":
            files[str(at)] = content
        elif how == "refused":
            refusal = reason("files-forbidden", name=name)
        elif how != "gone":
            held = replace(await held_in(store, tmp_path, content), name=name, also=("hero.png",))
            held = replace(held, content="0" * 64) if how == "held and gone" else held
        made.append(Offer(name=name, url=url, byte_count=None, refusal=refusal, held=held))
    result = await collector(tmp_path, files, store).collect(made)

    by_id = {one.id: one for one in result.references}
    fated = [fate.reference_id for fate in result.fates if fate.reference_id is not None]
    assert len(result.fates) == len(wanted)
    assert [fate.source for fate in result.fates] == [offer.source for offer in made]
    assert list(dict.fromkeys(fated)) == list(by_id), "in the order in which they were first offered"
    for fate in result.fates:
        assert fate.reason or not fate.refused
        names = by_id[fate.reference_id] if fate.reference_id else None
        assert names is None or compared(fate.name) in map(compared, (names.name, *names.also))
    assert [one.number for one in result.references] == list(range(1, len(by_id) + 1))
    assert len({one.content for one in result.references}) == len(by_id)
    assert all(one.content in store.contents for one in result.references)
    every_name = [compared(name) for one in result.references for name in (one.name, *one.also)]
    assert len(every_name) == len(set(every_name))
