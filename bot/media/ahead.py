"""Lets reading run ahead of writing: what an iterator gives is made in a thread of its own.

FFmpeg lets go of the interpreter while it decodes, filters and encodes, so both cores stay busy, as in FFmpeg's own
program. Used inside the media child only.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Final, Generic, TypeVar

from av.video.stream import VideoStream

_Value = TypeVar("_Value")

_HELD_BYTES: Final = 100_000_000
_USUAL_PIXEL_BITS: Final = 24
"""A pixel in 4:2:0 with more than 8 bits."""

_MOST: Final = 12
_NO_THREAD: Final = "can't start new thread"


def frames_ahead(video: VideoStream) -> int:
    """How many frames like the stream's may wait, by the memory they need; 0 when not even two have room.

    Frames of 8K take what there is: one more of them, and films were too heavy that were not before.
    """
    shape = video.codec_context.format
    bits = _USUAL_PIXEL_BITS if shape is None else max(shape.bits_per_pixel, shape.padded_bits_per_pixel)
    fitting = _HELD_BYTES * 8 // max(1, bits * video.width * video.height)
    return min(_MOST, fitting) if fitting > 1 else 0


@contextmanager
def ahead(values: Iterator[_Value], most: int) -> Generator[Iterator[_Value]]:
    """The same values, of which up to `most` are made in advance; what the iterator raises is raised here, in its turn.

    When the block ends, however it does, the iterator is not asked any more, so what it reads from may be closed.
    With `most=0`, and where there is no thread to be had, each value is made when it is asked for.
    """
    reader = _Reader(values, most)
    thread = Thread(target=reader.run, daemon=True)
    if most < 1 or not _started(thread):
        yield values
        return
    try:
        yield reader.values()
    finally:
        reader.leave()
        thread.join()


def _started(thread: Thread) -> bool:
    """False where the machine's threads, or the memory for one more, are used up."""
    try:
        thread.start()
    except RuntimeError as error:
        if str(error) != _NO_THREAD:
            raise
        return False
    return True


class _End:
    """Stands behind the last value, with what the iterator raised."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Reader(Generic[_Value]):
    """Both sides of it: `run` in the thread, the rest where the values are used."""

    def __init__(self, values: Iterator[_Value], most: int) -> None:
        self._values, self._room, self._left = values, Semaphore(most), False
        self._ready: SimpleQueue[_Value | _End] = SimpleQueue()

    def run(self) -> None:
        """Makes values while there is room for them and somebody who wants them."""
        try:
            while self._has_room():
                value = next(self._values, _END)
                if value is _END:
                    break
                self._ready.put(value)
        except BaseException as error:  # noqa: BLE001  it is raised again where the values are used
            self._ready.put(_End(error))
        else:
            self._ready.put(_END)

    def values(self) -> Iterator[_Value]:
        """What was made, in its order. Raises what making it raised."""
        while not isinstance(value := self._ready.get(), _End):
            self._room.release()
            yield value
        if value.error is not None:
            raise value.error

    def leave(self) -> None:
        """Nobody wants any more."""
        self._left = True
        self._room.release()

    def _has_room(self) -> bool:
        self._room.acquire()
        return not self._left


_END: Final = _End()
