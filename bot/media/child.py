"""The media child: one process, one job, then gone. Forked by the zygote, or started as `python -I -m bot.media.child`.

Order, and the reason for it: die with the parent, resource limits, imports and warm-up (afterwards nothing can be
opened by name, so every lazy import must have happened), walls, and only then the first look at untrusted bytes.
Inputs and output are descriptors that are open already. The job comes on stdin, the answer leaves on stdout, one JSON
object a line: `{"ready": [layers]}`, then `{"source": n}` each time another input is opened, then `{"facts": …}`,
`{"done": true}`, `{"report": …}` or `{"refused": code, "limit": …, "source": …, "detail": …}`.
"""

import importlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from bot.media.formats import PILLOW_NAMES
from bot.media.isolation import die_first, die_with, isolate, limit_resources
from bot.media.protocol import NO_THREADS, JobRefused, JobSpec, facts_to

Say = Callable[[Mapping[str, object]], None]
Work = Callable[[JobSpec, Say], Mapping[str, object]]
"""A job: may say which source it opens, answers its last line. Raises `JobRefused`."""

_MAX_DETAIL: Final = 500
_READ_BYTES: Final = 64 * 1024

_JOBS: Final[Mapping[str, str]] = {
    "animatic": "bot.media.animatic",
    "conform": "bot.media.conform_job",
    "check_clip": "bot.media.clips_check",
    "last_frame": "bot.media.previews",
    "poster": "bot.media.previews",
    "preview": "bot.media.previews",
    "record": "bot.media.measuring",
    "reference_sheet": "bot.media.reference_sheet",
    "selftest": "bot.media.selftest",
    "sheet": "bot.media.sheet",
    "shrink": "bot.media.shrink",
}
"""A job's name, and the module with its `work(spec, say)` and, if it needs one, its `warm_up()`."""

_PICTURES: Final = "bot.media.pictures"
_READERS: Final = (_PICTURES, "bot.media.containers")
_WARMED: Final[set[str]] = set()


class _JobModule(Protocol):
    """What a module of `_JOBS` has. Its `warm_up()` really encodes and decodes once: later, nothing can be opened."""

    def work(self, spec: JobSpec, say: Say) -> Mapping[str, object]:
        """Does the job."""
        ...


def main(parent: int | None = None) -> None:
    """Does the job that stands on stdin. `parent`: whom to die with, when it is not the one that the job names."""
    spec = cast("JobSpec", json.loads(_all_of(0)))
    say = _voice()
    die_with(spec["parent"] if parent is None else parent)
    die_first()
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


def warm_up_all() -> None:
    """What every job needs, imported and warmed up: for the zygote, whose children then start with all of it."""
    for name in (*_READERS, *_JOBS.values()):
        _warm(name)


def _warm(name: str) -> object:
    """The module, imported and warmed up: once in a process and in whatever is forked from it."""
    module = importlib.import_module(name)
    if name not in _WARMED:
        getattr(module, "warm_up", _nothing)()
        _WARMED.add(name)
    return module


def _nothing() -> None:
    """What a module without a warm-up needs."""


def _all_of(descriptor: int) -> bytes:
    """What can be read there. Not by `sys.stdin`, which in a forked child was opened on something else."""
    chunks: list[bytes] = []
    while chunk := os.read(descriptor, _READ_BYTES):
        chunks.append(chunk)
    return b"".join(chunks)


def _voice() -> Say:
    """Speaks on the descriptor that was stdout; stray prints of libraries go to stderr, which leads nowhere."""
    descriptor = os.dup(1)
    os.dup2(2, 1)

    def say(line: Mapping[str, object]) -> None:
        os.write(descriptor, json.dumps(line).encode() + b"\n")

    return say


def _work_for(spec: JobSpec) -> Work:
    """The job's function, its libraries imported and warmed up. Imports only what this job needs."""
    if spec["job"] == "probe":
        return _probe(spec["sources"][0]["format"])
    return cast("_JobModule", _warm(_JOBS[spec["job"]])).work


def _probe(format_name: str) -> Work:
    """The job `probe`: facts of the one source. Pictures do without FFmpeg, whose import takes longer than they do."""
    if format_name in PILLOW_NAMES:
        from bot.media.pictures import measure_picture

        _warm(_PICTURES)
        return lambda spec, _: {"facts": facts_to(measure_picture(spec["sources"][0]))}
    from bot.media.containers import measure_container

    return lambda spec, _: {"facts": facts_to(measure_container(spec["sources"][0], ours=spec.get("ours", False)))}


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
    except BlockingIOError as error:  # EAGAIN, by which FFmpeg says that there is no thread to be had
        return {"refused": NO_THREADS, "detail": f"{type(error).__name__}: {error}"[:_MAX_DETAIL]}
    except Exception as error:  # noqa: BLE001  the last door: whatever a decoder raises is an unreadable file
        return {"refused": "file-unreadable", "detail": f"{type(error).__name__}: {error}"[:_MAX_DETAIL]}


if __name__ == "__main__":
    main()
