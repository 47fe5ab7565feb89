"""What a file opened in a media child costs, beside opening it in this process (which the bot never does)."""

import tempfile
import time
from pathlib import Path
from statistics import median

import av

from bot.media.tools import SandboxedMedia
from sandbox import samples

ROUNDS = 7


async def report() -> None:
    media = SandboxedMedia(child_count=1)
    print("media child: median of 7, ms")
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("picture 960×960", samples.picture()), ("clip 3 s 720p", samples.clip())):
            path = Path(folder) / "file"
            path.write_bytes(data)
            sniffed = media.sniff(data[:65536])
            child: list[float] = []
            for _round in range(ROUNDS):
                started = time.perf_counter()
                await media.probe(path, sniffed)
                child.append((time.perf_counter() - started) * 1000)
            here = median(_decode(path) for _round in range(ROUNDS))
            print(f"  {name:16} full check in a child {median(child):7.1f}   decoded here {here:7.1f}")


def _decode(path: Path) -> float:
    started = time.perf_counter()
    with av.open(str(path)) as container:
        for _frame in container.decode(video=0):
            pass
    return (time.perf_counter() - started) * 1000
