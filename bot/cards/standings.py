"""Where a waiting request stands, in few words, however many are before it."""

from collections.abc import Iterator, Sequence
from typing import Final

from bot.cards import said
from bot.cards.buttons import plain
from bot.cards.titles import LOOKED_AT, is_asleep, ordinal
from bot.domain.lanes import Ahead, Standing
from bot.domain.reasons import Reason, reason

_NAMES: Final = 3
_NAME_UNITS: Final = 32
_SPOKEN: Final = ("second", "third", "fourth", "fifth")


def standing_lines(standing: Standing | None) -> Iterator[str]:
    """Whose requests come before this one, and what holds it; nothing when there is nothing to say."""
    if standing is None:
        return
    before = _before(standing)
    if before is not None:
        yield said.sentence(before)
    if standing.why is not None:
        yield said.sentence(standing.why)


def _before(standing: Standing) -> Reason | None:
    if is_asleep(standing):
        return None
    if standing.place is None:
        return reason("standing-far", limit=LOOKED_AT)
    if not standing.ahead:
        return reason("standing-own", count=standing.own_before) if standing.own_before else None
    return _others(standing.ahead, _mine(standing.own_before))


def _others(ahead: Sequence[Ahead], mine: str) -> Reason:
    names, counts = _names(ahead), {each.count for each in ahead}
    if len(ahead) == 1:
        return reason("standing-one", name=names, count=_count(ahead[0].count), mine=mine)
    if len(counts) == 1:
        return reason("standing-each", names=names, count=_count(ahead[0].count), mine=mine)
    return reason("standing-together", names=names, count=sum(each.count for each in ahead), mine=mine)


def _names(ahead: Sequence[Ahead]) -> str:
    """`Ada`, `Ada and Bo`, `Ada, Bo and Cy`, `Ada, Bo, Cy and 4 others`."""
    shown = [plain(each.person_name, _NAME_UNITS) for each in ahead[:_NAMES]]
    others = len(ahead) - len(shown)
    if others:
        shown.append("one other" if others == 1 else f"{others} others")
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def _count(count: int) -> str:
    return "one" if count == 1 else str(count)


def _mine(own_before: int) -> str:
    if own_before == 0:
        return "yours"
    spoken = _SPOKEN[own_before - 1] if own_before <= len(_SPOKEN) else ordinal(own_before + 1)
    return f"your {spoken}"
