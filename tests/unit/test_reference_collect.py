"""Offers become references: in order, numbered, kept once; and every file's fate is told."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import Refused, RushesError, Unavailable
from bot.domain.media import Kind
from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, Reference
from bot.domain.words import SENTENCES, say
from bot.references import Collector
from bot.references.names import unique_names
from tests.fakes_references import FakeDownloader, LabelledMedia, MemoryContentStore, counting_ids

HERO, ALLEY = b"image png\nhero", b"image jpeg\nalley"
WALK, THEME = b"video mp4 4\nwalk", b"audio mp3 5\ntheme"


def collector(
    tmp_path: Path, files: dict[str, bytes | RushesError], store: MemoryContentStore | None = None
) -> Collector:
    return Collector(
        downloader=FakeDownloader({f"https://cdn/{name}": content for name, content in files.items()}),
        contents=store or MemoryContentStore(),
        media=LabelledMedia(),
        ids=counting_ids(),
        scratch=tmp_path / "scratch",
        max_bytes=1_000_000,
    )


def offers(*names: str, alt: str | None = None) -> list[Offer]:
    return [Offer(name=name, url=f"https://cdn/{name}", byte_count=None, alt=alt) for name in names]


async def collected(
    tmp_path: Path, files: dict[str, bytes | RushesError]
) -> tuple[tuple[Reference, ...], tuple[Reason, ...]]:
    return await collector(tmp_path, files).collect(offers(*files))


async def test_files_become_numbered_references_in_the_order_offered(tmp_path: Path) -> None:
    store = MemoryContentStore()
    made = collector(tmp_path, {"walk.mp4": WALK, "hero.png": HERO, "theme.mp3": THEME, "alley.jpg": ALLEY}, store)
    references, notes = await made.collect(offers("walk.mp4", "hero.png", "theme.mp3", "alley.jpg"))
    assert [(one.number, one.kind, one.kind_number, one.name) for one in references] == [
        (1, Kind.VIDEO, 1, "walk.mp4"),
        (2, Kind.IMAGE, 1, "hero.png"),
        (3, Kind.AUDIO, 1, "theme.mp3"),
        (4, Kind.IMAGE, 2, "alley.jpg"),
    ]
    assert [store.contents[one.content] for one in references] == [WALK, HERO, THEME, ALLEY]
    assert len({one.id for one in references}) == 4
    assert references[0].facts.seconds == 4.0
    assert notes == ()


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

    assert [len(references) for references, _ in collections] == [12] * 5
    assert 1 < downloader.most <= 6


async def test_nothing_offered_is_nothing_collected(tmp_path: Path) -> None:
    assert await collected(tmp_path, {}) == ((), ())


async def test_the_same_bytes_twice_are_one_reference_and_a_note(tmp_path: Path) -> None:
    references, notes = await collected(tmp_path, {"hero.png": HERO, "alley.jpg": ALLEY, "copy.png": HERO})
    assert [one.name for one in references] == ["hero.png", "alley.jpg"]
    (note,) = notes
    assert say(note) == "“copy.png” has the same content as “hero.png”, so both are @Image1."


async def test_every_refusal_is_told_at_once(tmp_path: Path) -> None:
    files: dict[str, bytes | RushesError] = {
        "notes.txt": b"hello",
        "hero.png": HERO,
        "bad.png": b"broken png\n",
        "big.png": b"x" * 1_000_001,
        "gone.png": Refused(reason("source-gone", name="gone.png")),
    }
    with pytest.raises(Refused) as caught:
        await collected(tmp_path, files)
    told = [(why.code, why.arguments["name"]) for why in caught.value.reasons]
    assert told == [
        ("file-not-media", "notes.txt"),
        ("file-unreadable", "bad.png"),
        ("file-too-large", "big.png"),
        ("source-gone", "gone.png"),
    ]
    assert all(why.code in SENTENCES for why in caught.value.reasons)
    assert "plain text" in say(caught.value.reasons[0])
    assert "says it is PNG" in say(caught.value.reasons[1])


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


@pytest.mark.parametrize("content", [HERO, b"hello", b"broken png\n"])
async def test_nothing_stays_in_the_scratch_folder(tmp_path: Path, content: bytes) -> None:
    with suppress(Refused):
        await collected(tmp_path, {"hero.png": content})
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("alt", "alias"),
    [("Knight", "Knight"), (" Knight ", "Knight"), ("a knight", None), ("@knight", None), ("x" * 33, None), ("", None)],
)
async def test_alt_text_of_one_word_is_an_alias(tmp_path: Path, alt: str, alias: str | None) -> None:
    references, _ = await collector(tmp_path, {"hero.png": HERO}).collect(offers("hero.png", alt=alt))
    assert references[0].alias == alias


async def test_the_persons_name_for_a_file_reaches_no_path(tmp_path: Path) -> None:
    name = "../../evil\u202egnp.<@5>.png"
    references, _ = await collected(tmp_path, {name: HERO})
    assert references[0].name == "../../evilgnp.5.png"
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
