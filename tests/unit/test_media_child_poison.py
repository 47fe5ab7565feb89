"""A poisoned file and the others: it delays nobody by more than its limit, and its turn always comes back."""

import asyncio
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.media.children import Answer, Children, Limits, Subject
from bot.media.starters import ForkingStarter
from tests import media_samples

POISONS = ("sleep", "spin", "crash", "eat", "fork", "chatter")
SHORT = Limits(wall_seconds=1.5, cpu_seconds=1, memory_bytes=700_000_000, output_bytes=1_000_000)
LONG = Limits(wall_seconds=60, cpu_seconds=30, memory_bytes=700_000_000, output_bytes=1_000_000)


@pytest.fixture(scope="module")
def starter() -> Generator[ForkingStarter]:
    zygote = ForkingStarter(sys.executable)
    yield zygote
    zygote.close()


async def poison(children: Children, folder: Path, how: str, limits: Limits = SHORT) -> None:
    """A job that goes wrong in that way."""
    path = folder / "poison.mp4"
    path.touch()
    with suppress(Refused):
        await children.run(
            "selftest", (Subject(path=path, format="mp4", kind=Kind.VIDEO, name=path.name, label=how),), limits
        )


async def honest(children: Children, folder: Path) -> Answer:
    path = media_samples.write(folder, "hero.png")
    return await children.run("record", (Subject(path=path, format="png", kind=Kind.IMAGE, name=path.name),), LONG)


def children_at_work(starter: ForkingStarter) -> int:
    path = Path(f"/proc/{starter.pid}/task/{starter.pid}/children")
    return len(path.read_text(encoding="ascii").split())


@pytest.mark.parametrize("how", POISONS)
async def test_others_are_served_beside_a_poisoned_file_and_after_it(
    tmp_path: Path, starter: ForkingStarter, how: str
) -> None:
    children = Children(count=2, starter=starter)
    await honest(children, tmp_path)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(poison(children, tmp_path, how))
        answers = [await honest(children, tmp_path) for _ in range(3)]
        both = [tasks.create_task(poison(children, tmp_path, how)) for _ in range(2)]
        answers.append(await honest(children, tmp_path))

    assert all("facts" in answer.line for answer in answers)
    assert all(one.done() for one in both)


async def test_a_file_that_never_ends_holds_one_turn_only_until_its_time_is_up(
    tmp_path: Path, starter: ForkingStarter
) -> None:
    children = Children(count=2, starter=starter)
    async with asyncio.TaskGroup() as tasks:
        endless = tasks.create_task(poison(children, tmp_path, "sleep", LONG))
        await honest(children, tmp_path)
        await honest(children, tmp_path)

        assert not endless.done(), "the others did not wait for it"
        endless.cancel()


async def test_every_turn_comes_back(tmp_path: Path, starter: ForkingStarter) -> None:
    """After many that went wrong, two may work at once again."""
    children = Children(count=2, starter=starter)
    await asyncio.gather(*(poison(children, tmp_path, how) for how in POISONS))
    before = children_at_work(starter)

    async with asyncio.TaskGroup() as tasks:
        two = [tasks.create_task(poison(children, tmp_path, "sleep", LONG)) for _ in range(2)]
        while children_at_work(starter) < before + 2:
            await asyncio.sleep(0.01)
        for one in two:
            one.cancel()


async def test_a_file_that_makes_its_decoder_multiply_makes_no_process(tmp_path: Path, starter: ForkingStarter) -> None:
    children = Children(count=1, starter=starter)
    path = tmp_path / "bomb.mp4"
    path.touch()
    bomb = Subject(path=path, format="mp4", kind=Kind.VIDEO, name=path.name, label="fork")

    answer = await children.run("selftest", (bomb,), LONG)

    assert isinstance(answer.line["report"], dict)
    assert answer.line["report"]["possible"] == []


async def test_a_file_that_eats_memory_bite_by_bite_is_too_heavy(tmp_path: Path, starter: ForkingStarter) -> None:
    path = tmp_path / "bomb.mp4"
    path.touch()
    bomb = Subject(path=path, format="mp4", kind=Kind.VIDEO, name=path.name, label="eat")

    with pytest.raises(Refused) as refused:
        await Children(count=1, starter=starter).run("selftest", (bomb,), LONG)

    assert refused.value.reason.code == "media-too-heavy"
