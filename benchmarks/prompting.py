"""Prompts parsed, and read with their mends as the product does, beside one compiled `re.sub` over the canonical form.

The last finds and checks nothing else.
"""

import re
import timeit
from statistics import median

from bot.domain.media import Kind, MediaFacts
from bot.domain.models import KindLimits, ModelLimits, ModelSpec
from bot.domain.prompts import Names, PromptStyle
from bot.domain.references import Reference, numbered
from bot.prompting import parse, read

PROSE = "The lantern of @Image1 drifts over the water while hero2.png looks back at the second image, slowly, at dusk. "
HOSTILE = "[[[@@@#1#1{{<<@Image@[image 1\u0301\u0301\u0301"
CANONICAL = re.compile(r"@(Image|Video|Audio)(\d+)")
TEXTS = {"prose": PROSE, "hostile": HOSTILE}
LENGTHS, COUNTS = (60, 600, 6000), (0, 3, 12)
KINDS = (Kind.IMAGE, Kind.IMAGE, Kind.VIDEO, Kind.AUDIO)


def references(count: int) -> tuple[Reference, ...]:
    made = [
        Reference(
            id=f"r{index}",
            number=0,
            kind=KINDS[index % 4],
            kind_number=0,
            name=f"hero{index}.png",
            content="0" * 64,
            facts=MediaFacts(kind=KINDS[index % 4], format="png", byte_count=1),
        )
        for index in range(count)
    ]
    return numbered(made)


def report() -> None:
    limits = ModelLimits(
        kinds={kind: KindLimits(max_count=15, formats=("png",)) for kind in Kind},
        max_files=15,
        max_prompt_characters=6000,
        audio_needs_visual=False,
        min_seconds=4,
        max_seconds=15,
    )
    spec = ModelSpec(id="model", schema_version="v1", style=PromptStyle.AT, fields={}, limits=limits)
    print("prompting: median of 7, µs per prompt (one re.sub over @Image1 alone beside it)")
    print(f"  {'text':8} {'chars':>6} {'refs':>5} {'parse':>9} {'µs/char':>8} {'read':>9} {'re.sub':>8} {'ratio':>7}")
    taken: dict[tuple[str, int, int], float] = {}
    for name, unit in TEXTS.items():
        for length in LENGTHS:
            text = (unit * (length // len(unit) + 1))[:length]
            for count in COUNTS:
                files = references(count)
                ours = _microseconds(lambda text=text, files=files: parse(text, files, limits=limits))
                whole = _microseconds(lambda text=text, files=files: read(text, files, spec=spec, names=Names()))
                bare = _microseconds(lambda text=text: CANONICAL.sub(r"@\1\2", text))
                taken[name, length, count] = ours
                print(
                    f"  {name:8} {length:6} {count:5} {ours:9.1f} {ours / length:8.3f} {whole:9.1f} {bare:8.1f}"
                    f" {ours / bare:6.1f}×"
                )
    _report_growth(taken)


def _report_growth(taken: dict[tuple[str, int, int], float]) -> None:
    """What one character more costs, early and late: the same when the time is linear."""
    short, middle, long = LENGTHS
    print(f"  µs per further character: {short} to {middle}, {middle} to {long}, and their ratio")
    for name in TEXTS:
        for count in COUNTS:
            early = (taken[name, middle, count] - taken[name, short, count]) / (middle - short)
            late = (taken[name, long, count] - taken[name, middle, count]) / (long - middle)
            print(f"  {name:8} {count:5} refs {early:8.3f} {late:8.3f} {late / early:6.2f}×")


def _microseconds(work: object) -> float:
    timer = timeit.Timer("work()", globals={"work": work})
    number = max(1, round(0.02 / max(timer.timeit(1), 1e-7)))
    return median(timer.repeat(7, number)) / number * 1e6
