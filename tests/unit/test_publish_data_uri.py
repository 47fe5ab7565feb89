import base64
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.domain.words import say
from bot.publish import DataUriPublisher
from tests.fakes_delivery import MemoryContents, make_reference


@pytest.fixture
def contents() -> MemoryContents:
    return MemoryContents()


async def test_a_small_image_travels_inside_the_request(contents: MemoryContents, tmp_path: Path) -> None:
    reference = make_reference(content=contents.keep(b"pixels"))
    publisher = DataUriPublisher(contents, scratch=tmp_path)

    (published,) = await publisher.publish("take", [reference], ())
    await publisher.withdraw("take", [published])

    assert published.reference_id == "r1"
    assert published.url == "data:image/png;base64," + base64.b64encode(b"pixels").decode()
    assert list(tmp_path.iterdir()) == []


async def test_what_is_published_already_is_not_read_again(contents: MemoryContents, tmp_path: Path) -> None:
    reference = make_reference(content=contents.keep(b"pixels"))
    publisher = DataUriPublisher(contents, scratch=tmp_path)
    first = await publisher.publish("take", [reference], ())
    contents.bytes_by_key.clear()

    assert await publisher.publish("take", [reference], first) == first


async def test_what_was_published_without_its_bytes_is_read_again(contents: MemoryContents, tmp_path: Path) -> None:
    reference = make_reference(content=contents.keep(b"pixels"))
    publisher = DataUriPublisher(contents, scratch=tmp_path)
    first = await publisher.publish("take", [reference], ())

    assert await publisher.publish("take", [reference], [replace(first[0], url="")]) == first


async def test_what_does_not_fit_is_refused_with_every_reason(contents: MemoryContents, tmp_path: Path) -> None:
    publisher = DataUriPublisher(contents, max_bytes_each=83_999, scratch=tmp_path)
    large, video = make_reference(1), make_reference(2, kind=Kind.VIDEO)

    assert publisher.max_bytes_each == 83_999
    assert publisher.refusal(large) == "publisher-too-large"
    assert publisher.refusal(video) == "publisher-missing"
    with pytest.raises(Refused) as refused:
        await publisher.publish("take", [large, video], ())
    assert [one.code for one in refused.value.reasons] == ["publisher-too-large", "publisher-missing"]


async def test_bytes_that_are_lost_are_named(contents: MemoryContents, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        await DataUriPublisher(contents, scratch=tmp_path).publish("take", [make_reference()], ())

    assert refused.value.reason.code == "bytes-gone"


async def test_a_picture_of_a_real_person_is_not_sent_inside_the_request(
    contents: MemoryContents, tmp_path: Path
) -> None:
    publisher = DataUriPublisher(contents, scratch=tmp_path)
    shown = replace(make_reference(content=contents.keep(b"pixels")), shows_person=True)

    assert publisher.refusal(shown) == "face-needs-url"
    assert publisher.refusal(replace(shown, shows_person=False)) is None
    assert publisher.refusal(replace(make_reference(kind=Kind.VIDEO), shows_person=True)) == "publisher-missing"
    with pytest.raises(Refused) as refused:
        await publisher.publish("take", [shown], ())
    assert shown.name in say(refused.value.reason)
