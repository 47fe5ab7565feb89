"""Moves H.264 and AAC into an MP4 as they are: first track of each, times from zero, nothing said about where and when.

Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from typing import IO, Final, cast

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from bot.media.containers import check_packets, container, main_audio, main_video
from bot.media.protocol import SourceSpec

_NO_MESSAGES: Final = "filter_units=remove_types=6"
"""H.264's SEI: some cameras write their position and the time there."""

_INDEX_BYTES: Final = "131072"


def copied(source: SourceSpec, file: IO[bytes]) -> bool:
    """Writes the MP4; `False` when the tracks cannot be copied (the file may hold something then)."""
    with container(source) as opened:
        video, audio = main_video(opened), main_audio(opened)
        if video is None or video.codec_context.codec.canonical_name != "h264":
            return False
        if audio is not None and audio.codec_context.codec.canonical_name != "aac":
            return False
        tracks: list[Stream] = [track for track in (video, audio) if track is not None]
        packets = opened.demux(tracks)
        options: dict[str, str] = {"moov_size": _INDEX_BYTES, "fflags": "+bitexact"}
        try:
            with av.open(file, mode="w", format="mp4", options=options) as output:
                return _moved(packets, tracks, output)
        except (av.error.FFmpegError, ValueError):
            return False


def _moved(packets: "Iterator[Packet[Stream]]", tracks: list[Stream], output: OutputContainer) -> bool:
    """Writes every packet, all times moved so that the pictures begin at zero."""
    outputs = {track.index: output.add_stream_from_template(track) for track in tracks}
    for track in outputs.values():
        track.metadata.clear()
    pictures = tracks[0]
    cleaned = BitStreamFilterContext(_NO_MESSAGES, pictures, outputs[pictures.index])
    start = float(pictures.start_time * pictures.time_base) if pictures.start_time and pictures.time_base else 0.0
    written = 0
    for count, packet in enumerate(packets):
        check_packets(count)
        if not packet.size or (packet.dts is None and packet.pts is None):
            continue
        index = packet.stream.index
        _shift(packet, start)
        for clean in cast("list[Packet[Stream]]", cleaned.filter(packet)) if index == pictures.index else [packet]:
            clean.stream = outputs[index]
            output.mux(clean)
            written += 1
    return written > 0


def _shift(packet: "Packet[Stream]", seconds: float) -> None:
    ticks = round(seconds / packet.time_base)
    if packet.pts is not None:
        packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks
