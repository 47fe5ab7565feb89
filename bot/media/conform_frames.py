"""Turns decoded frames into what an encoder takes: scaled, upright, in SDR, 4:2:0. Used inside the media child only.

Order: scale first, then colours, then turn: each step has fewer pixels to work on. (Colours at 4K and then scaling took
1.8 times as long.)
"""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

from typing import Final

from av.filter import Graph
from av.video.frame import VideoFrame

from bot.media.protocol import JobRefused

Size = tuple[int, int]
YUV: Final = "yuv420p"

_HDR: Final = {16: "smpte2084", 18: "arib-std-b67"}
"""Transfers (ITU-T H.273) beyond SDR: PQ and HLG."""

_WIDE_PRIMARIES: Final = {9: "bt2020", 11: "smpte431", 12: "smpte432"}
_MATRICES: Final = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_FULL_RANGE: Final = 2
_HD_LINES: Final = 720
_DEEP_RGB: Final = "format=gbrp16le"
"""Colours are managed in this, whatever comes and goes; said before and behind, that is three times as quick. (Packed
RGB takes a third longer than planes.)
"""

_CAREFULLY, _ROUGHLY = "perceptual", "saturation"
"""Intents: the first works out a table for each film, which takes four seconds; the second a tenth of one."""

_MENDED: Final = (
    "lutrgb=r=gammaval(0.72):g=gammaval(0.72):b=gammaval(0.72)",
    "colorchannelmixer=rr=1.394:rg=-0.358:rb=-0.036:gr=-0.106:gg=1.142:gb=-0.036:br=-0.106:bg=-0.358:bb=1.464",
)
"""The second comes out too dark and too pale: a gamma, and half as much again of each colour's way from its grey."""

_TURNS: Final = {90: ("transpose=cclock",), 180: ("hflip", "vflip"), 270: ("transpose=clock",)}
_MAX_FRAME_PIXELS: Final = 40_000_000


class Darkroom:
    """Develops frames at one size. Keeps its filters as long as the frames keep their shape."""

    def __init__(self, size: Size, pixel_format: str = YUV, *, sketch: bool = False) -> None:
        """`size`: upright; even pixels for 4:2:0. `sketch`: colours beyond SDR are only roughly brought within."""
        self._size, self._pixel_format, self._intent = size, pixel_format, _ROUGHLY if sketch else _CAREFULLY
        self._shape: tuple[object, ...] | None = None
        self._graph = Graph()

    def developed(self, frame: VideoFrame) -> VideoFrame:
        """The frame at the size, upright, in BT.709. `JobRefused` when it is too large."""
        if frame.width * frame.height > _MAX_FRAME_PIXELS:
            raise JobRefused("media-too-heavy", limit=f"{_MAX_FRAME_PIXELS // 1_000_000} megapixels a frame")
        shape = (
            *(frame.width, frame.height, frame.format.name, frame.rotation),
            *(frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries),
        )
        if shape != self._shape:
            self._graph, self._shape = _graph(frame, self._size, self._pixel_format, self._intent), shape
        self._graph.push(frame)
        developed = self._graph.pull()
        if not isinstance(developed, VideoFrame):
            raise JobRefused("file-unreadable", detail="a graph of pictures gives pictures")
        return developed


def even(pixels: int) -> int:
    """The nearest even number that 4:2:0 can have, 2 at least."""
    return max(2, pixels // 2 * 2)


def _graph(frame: VideoFrame, size: Size, pixel_format: str, intent: str) -> Graph:
    """The filters for frames like this one."""
    graph = Graph()
    last = graph.add("buffer", f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/90000")
    for step in _steps(frame, size, pixel_format, intent):
        name, _, arguments = step.partition("=")
        following = graph.add(name, arguments or None)
        last.link_to(following)
        last = following
    last.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _steps(frame: VideoFrame, size: Size, pixel_format: str, intent: str) -> list[str]:
    degrees = frame.rotation % 360
    width, height = (size[1], size[0]) if degrees % 180 else size
    scale = f"scale={width}:{height}:flags=bicubic"
    into = f"out_color_matrix=bt709:out_range={'tv' if pixel_format == YUV else 'pc'}"
    if frame.color_trc in _HDR or frame.color_primaries in _WIDE_PRIMARIES:
        colours = [f"{scale}:{_matrices(frame)}", _DEEP_RGB, *_managed(frame, intent), _DEEP_RGB, f"scale={into}"]
    else:
        colours = [f"{scale}:{_matrices(frame)}:{into}"]
    return [*colours, f"format={pixel_format}", *_TURNS.get(degrees, ()), "setsar=1"]


def _managed(frame: VideoFrame, intent: str) -> tuple[str, ...]:
    """Colour management: transfer and primaries are turned into those of SDR, bright parts kept within."""
    transfer = _HDR.get(frame.color_trc, "bt709")
    primaries = _WIDE_PRIMARIES.get(frame.color_primaries, "bt2020")
    into = f"out_primaries=bt709:out_transfer=bt709:intent={intent}"
    managed = f"scale=in_primaries={primaries}:in_transfer={transfer}:{into}"
    if intent == _CAREFULLY or transfer == "bt709":
        return (managed,)
    return managed, *_MENDED


def _matrices(frame: VideoFrame) -> str:
    """The frame's matrix and range; where it does not say, by its lines, as players do. RGB has no matrix."""
    guess = "bt709" if min(frame.width, frame.height) >= _HD_LINES else "bt601"
    matrix = _MATRICES.get(frame.colorspace, guess)
    full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj") or frame.format.is_rgb
    return f"in_color_matrix={matrix}:in_range={'pc' if full else 'tv'}"
