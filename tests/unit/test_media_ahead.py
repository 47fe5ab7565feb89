"""Reading ahead changes when things are done, never what comes of them."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import threading
from collections.abc import Iterator
from io import BytesIO

import av
import pytest
from av.video.stream import VideoStream

from bot.media.ahead import ahead, frames_ahead
from bot.media.protocol import JobRefused


class Source:
    """Counts to a million, knows how far it has come, and may fail."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.made, self.fails_at = 0, fails_at
        self.reached = threading.Semaphore(0)

    def __iter__(self) -> Iterator[int]:
        while self.made < 1_000_000:
            if self.made == self.fails_at:
                raise JobRefused("media-too-heavy", limit="9 megapixels a frame")
            self.made += 1
            self.reached.release()
            yield self.made - 1


def test_values_come_in_their_order_and_to_their_end() -> None:
    with ahead(iter(range(500)), 3) as values:
        assert list(values) == list(range(500))


def test_no_value_at_all_is_an_end_too() -> None:
    with ahead(iter(()), 3) as values:
        assert list(values) == []


def test_no_more_values_wait_than_allowed() -> None:
    source = Source()

    with ahead(iter(source), 4) as values:
        for _ in range(4):
            assert source.reached.acquire(timeout=10)
        assert not source.reached.acquire(timeout=0.05)
        assert next(values) == 0
        assert source.reached.acquire(timeout=10)
        assert not source.reached.acquire(timeout=0.05)

    assert source.made == 5


def test_what_was_read_before_a_refusal_arrives_and_then_the_refusal_itself() -> None:
    with ahead(iter(Source(fails_at=5)), 2) as values:
        assert [next(values) for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(JobRefused) as refused:
            next(values)

    assert (refused.value.code, refused.value.limit) == ("media-too-heavy", "9 megapixels a frame")


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_whoever_leaves_early_leaves_no_thread_behind(taken: int) -> None:
    source, before = Source(), threading.active_count()

    def fail() -> None:
        with ahead(iter(source), 2) as values:
            for _ in range(taken):
                next(values)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    made = source.made
    assert threading.active_count() == before
    assert made <= taken + 2
    assert source.made == made


def test_without_a_thread_to_be_had_values_come_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)

    with ahead(iter(range(5)), 3) as values:
        assert list(values) == [0, 1, 2, 3, 4]


def test_where_nothing_may_wait_nothing_is_made_before_it_is_asked_for() -> None:
    source = Source()

    with ahead(iter(source), 0) as values:
        assert source.made == 0
        assert [next(values), next(values)] == [0, 1]

    assert source.made == 2


def a_film(width: int, height: int, pixel_format: str) -> VideoStream:
    stream = av.open(BytesIO(), "w", format="mp4").add_stream("libx264", rate=30)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
    return stream


@pytest.mark.parametrize(
    ("size", "pixel_format", "frame_bytes"),
    [
        ((640, 360), "yuv420p", 640 * 360 * 3 // 2),
        ((3840, 2160), "yuv420p10le", 3840 * 2160 * 3),
        ((3840, 2160), "yuva444p12le", 3840 * 2160 * 8),
        ((7680, 4320), "yuv420p10le", 7680 * 4320 * 3),
        ((7680, 4320), "yuv420p", 7680 * 4320 * 3 // 2),
    ],
)
def test_what_waits_needs_little_memory_whatever_the_film(
    size: tuple[int, int], pixel_format: str, frame_bytes: int
) -> None:
    assert frames_ahead(a_film(*size, pixel_format)) * frame_bytes <= 100_000_000


def test_4k_is_read_ahead_and_8k_in_hdr_is_not() -> None:
    assert frames_ahead(a_film(3840, 2160, "yuv420p10le")) >= 3
    assert frames_ahead(a_film(7680, 4320, "yuv420p10le")) == 0
