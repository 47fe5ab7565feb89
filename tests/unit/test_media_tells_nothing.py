"""Where, when and with what a film was made: found wherever cameras and programs write it, and never sent."""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import io
from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conform import Step, Verdict
from bot.media.planner import plan
from bot.media.structure import message_tells
from bot.media.tools import SandboxedMedia
from tests import media_samples
from tests.corpus import LIMITS

MEDIA = SandboxedMedia(child_count=1)
PLACE = b"+48.8577+002.2950/"
DATE = b"2024-05-06T07:08:09"
FILM = media_samples.mp4((640, 640), seconds=2.1, moving=False)
CLOCKS = (b"mvhd", b"tkhd", b"mdhd")


def box(name: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body


def remade(*, container: str = "mp4", messages: str = "", **metadata: str) -> bytes:
    """A film of our own, packed anew: with that said about it, and that message in its pictures."""
    file = io.BytesIO()
    with av.open(io.BytesIO(FILM), "r") as opened:
        pictures, sound = opened.streams.video[0], opened.streams.audio[0]
        with av.open(
            file, "w", format=container, options={"movflags": "use_metadata_tags"} if metadata else {}
        ) as output:
            output.metadata.update(metadata)
            tracks = {stream.index: output.add_stream_from_template(stream) for stream in (pictures, sound)}
            for track in tracks.values():
                track.metadata.update(metadata)
            said = BitStreamFilterContext(f"h264_metadata=sei_user_data={messages}", pictures) if messages else None
            for packet in opened.demux(pictures, sound):
                index = packet.stream.index
                for one in said.filter(packet) if said is not None and index == pictures.index else [packet]:
                    if one.size:
                        one.stream = tracks[index]
                        output.mux(one)
    return file.getvalue()


def moments(data: bytes) -> list[bytes]:
    """What the film's boxes say of when they were made and changed."""
    found: list[bytes] = []
    for name in CLOCKS:
        at = data.find(name)
        while at >= 0:
            found.append(data[at + 8 : at + 16] if data[at + 4] == 0 else data[at + 8 : at + 24])
            at = data.find(name, at + 4)
    return found


TELLING = {
    "a place": lambda: remade(location=PLACE.decode()),
    "a moment": lambda: remade(creation_time=f"{DATE.decode()}Z"),
    "a maker": lambda: remade(**{"com.apple.quicktime.make": "Secret Camera"}),
    "a program with a date": lambda: remade().replace(b"VideoHandler", b"on 5/06/2024"),
    "a maker's own box": lambda: remade() + box(b"uuid", bytes(16) + PLACE),
    "padding that is none": lambda: remade() + box(b"free", PLACE),
    "a message in the pictures": lambda: remade(messages=f"086f3693-b7b3-4f2c-9653-21492feee5b8+{PLACE.decode()}"),
}


@pytest.mark.parametrize("how", TELLING)
@pytest.mark.parametrize("copy", [True, False], ids=["copied", "encoded"])
async def test_what_a_film_tells_is_found_and_does_not_leave(tmp_path: Path, how: str, *, copy: bool) -> None:
    path, into = tmp_path / "walk.mp4", tmp_path / "out.mp4"
    path.write_bytes(TELLING[how]())

    record = await MEDIA.record(path, LIMITS)
    planned = plan([record], LIMITS).files[0]

    assert (record.verdict, record.code) == (Verdict.CONVERT, "strip_metadata")
    assert record.steps == (Step.REMUX, Step.STRIP), "nothing is encoded anew for it"
    assert planned.target is not None
    assert planned.target.copy
    made = await MEDIA.conform(path, replace(planned, target=replace(planned.target, copy=copy)), into)
    said = into.read_bytes()
    assert made.verdict is (await MEDIA.record(into, LIMITS)).verdict is Verdict.ACCEPT
    assert [secret for secret in (PLACE, DATE, b"Secret", b"2024") if secret in said] == []
    assert len(moments(said)) == 5
    assert not any(any(moment) for moment in moments(said))


async def test_a_film_that_tells_nothing_is_sent_as_it_is(tmp_path: Path) -> None:
    """Also with the words of the encoder that nearly everybody has in its pictures."""
    path = tmp_path / "walk.mp4"
    path.write_bytes(remade())

    assert b"x264 - core" in path.read_bytes()
    assert (await MEDIA.record(path, LIMITS)).verdict is Verdict.ACCEPT


@given(st.binary(max_size=200), st.sampled_from([1, 2, 4]))
def test_any_packet_is_looked_through(packet: bytes, prefix: int) -> None:
    assert message_tells(packet, prefix) in {True, False}


MESSAGE = bytes([6, 5, 17]) + bytes(range(16)) + b"+" + bytes([128])
"""A unit of supplemental information: one message of 17 bytes of a sort that nobody registered."""


@pytest.mark.parametrize("size", [256, 0x106, 0x126, 511])
def test_a_small_frame_is_not_taken_for_a_message(size: int) -> None:
    """Its size begins with the bytes of a start code."""
    frame = b"\x41" + bytes([5]) * (size - 1)

    assert not message_tells(size.to_bytes(4, "big") + frame, 4)
    assert message_tells(size.to_bytes(4, "big") + frame + len(MESSAGE).to_bytes(4, "big") + MESSAGE, 4)


@pytest.mark.parametrize("start", [b"\0\0\1", b"\0\0\0\1"])
def test_a_message_between_start_codes_is_found(start: bytes) -> None:
    assert message_tells(start + MESSAGE + start + b"\x41" + bytes([5]) * 40, 4)
