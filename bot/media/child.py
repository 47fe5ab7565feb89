"""The media child: one process, one job, then gone. Started by `SandboxedMedia` as `python -I -m bot.media.child`.

Order, and the reason for it: die with the parent, resource limits, imports and warm-up (afterwards nothing can be
opened by name, so every lazy import must have happened), walls, and only then the first look at untrusted bytes.
Inputs and output are inherited descriptors. The job comes on stdin, the answer leaves on stdout, one JSON object a
line: `{"ready": [layers]}`, then `{"source": n}` each time another input is opened, then `{"facts": …}`,
`{"done": true}`, `{"report": …}` or `{"refused": code, "limit": …, "source": …, "detail": …}`.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final, cast

from bot.media.formats import PILLOW_NAMES
from bot.media.isolation import die_with, isolate, limit_resources
from bot.media.protocol import JobRefused, JobSpec, facts_to

Say = Callable[[Mapping[str, object]], None]
Work = Callable[[JobSpec, Say], Mapping[str, object]]
"""A job: may say which source it opens, answers its last line. Raises `JobRefused`."""

_MAX_DETAIL: Final = 500


def main() -> None:
    """Does the job that stands on stdin."""
    spec = cast("JobSpec", json.loads(sys.stdin.buffer.read()))
    say = _voice()
    die_with(spec["parent"])
    limit_resources(spec["limits"])
    try:
        work = _work_for(spec)
        layers = isolate()
    except Exception as error:  # noqa: BLE001  whatever it is, the operator should read it
        say({"broken": f"{type(error).__name__}: {error}"[:_MAX_DETAIL]})
        os._exit(1)
    say({"ready": layers})
    say(_outcome(work, spec, say))
    os._exit(0)  # no finalisers: whatever state decoders are in, nothing more of theirs runs


def _voice() -> Say:
    """Speaks on the descriptor that was stdout; stray prints of libraries go to stderr, which leads nowhere."""
    descriptor = os.dup(1)
    os.dup2(2, 1)

    def say(line: Mapping[str, object]) -> None:
        os.write(descriptor, json.dumps(line).encode() + b"\n")

    return say


def _work_for(spec: JobSpec) -> Work:
    """The job's function, its libraries imported and warmed up. Imports only what this job needs."""
    if spec["job"] == "selftest":
        from bot.media import selftest

        return selftest.work
    if spec["job"] == "probe":
        return _probe(spec["sources"][0]["format"])
    if spec["job"] == "animatic":
        from bot.media import animatic

        animatic.warm_up()
        return animatic.work
    return _drawing(spec["job"])


def _drawing(job: str) -> Work:
    """A job that makes a picture."""
    if job == "still":
        from bot.media import stills as made
    elif job == "reference_sheet":
        from bot.media import reference_sheet as made
    else:
        from bot.media import sheet as made
    made.warm_up()
    return made.work


def _probe(format_name: str) -> Work:
    """The job `probe`: facts of the one source. Pictures do without FFmpeg, whose import takes longer than they do."""
    if format_name in PILLOW_NAMES:
        from bot.media.pictures import measure_picture, warm_up

        warm_up()
        return lambda spec, _: {"facts": facts_to(measure_picture(spec["sources"][0]))}
    from bot.media.containers import measure_container

    return lambda spec, _: {"facts": facts_to(measure_container(spec["sources"][0]))}


def _outcome(work: Work, spec: JobSpec, say: Say) -> Mapping[str, object]:
    """The job's answer, or why there is none. Memory that runs out is told apart from damage."""
    try:
        return work(spec, say)
    except JobRefused as refused:
        return {
            "refused": refused.code,
            "limit": refused.limit,
            "source": refused.source,
            "detail": refused.detail[:_MAX_DETAIL],
        }
    except MemoryError:
        return {"refused": "media-too-heavy", "limit": "memory", "detail": "MemoryError"}
    except Exception as error:  # noqa: BLE001  the last door: whatever a decoder raises is an unreadable file
        return {"refused": "file-unreadable", "detail": f"{type(error).__name__}: {error}"[:_MAX_DETAIL]}


if __name__ == "__main__":
    main()
