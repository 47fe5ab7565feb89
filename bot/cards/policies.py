"""What a guild's admins set: what holds, what they have just changed, and what was changed lately."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.cards import said
from bot.cards.blocks import moment
from bot.cards.sheet import Sheet
from bot.cards.text import inline, joined
from bot.cards.titles import READY_COLOUR
from bot.domain import words
from bot.domain.policies import Block, Change, Limits, Policy, PolicyView, Span, Unit
from bot.domain.reasons import reason


class Area(StrEnum):
    """What is set together."""

    LIMITS = "limits"
    QUOTAS = "quotas"
    BUDGET = "budget"
    ORDER = "order"
    ACCESS = "access"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set. `wanted`: what the guild set, if anything; `note`: why something else holds."""

    label: str
    wanted: str | None
    holds: str
    note: str = ""

    def line(self) -> str:
        """What holds, and who says so."""
        return f"- {self.label}: **{self.holds}**{self.note or (' · set here' if self.wanted is not None else '')}"


@dataclass(frozen=True, slots=True)
class _Field:
    """A limit that is a number: the name of `Limits`' field, its label, and how a value is said."""

    name: str
    label: str
    draw: Callable[[int], str] = str
    is_least: bool = False


_NONE: Final = "no limit"
_NOTHING: Final = "nothing set"
_TITLES: Final[Mapping[Area, str]] = {
    Area.LIMITS: "Limits in this server",
    Area.QUOTAS: "Quotas in this server",
    Area.BUDGET: "Budgets in this server",
    Area.ORDER: "Whose turn it is in this server",
    Area.ACCESS: "Who may ask in this server, and where",
    Area.TIME: "The time zone of this server",
}
_GUILD, _PERSON = "This server", "Each person"
_UNITS: Final = 3300
_CHANGED_UNITS: Final = 1300
_CHANGES_UNITS: Final = 3600
_CHANGE_UNITS: Final = 600
_WHY_UNITS: Final = 100
_LISTED: Final = 20


def _seconds(value: int) -> str:
    return f"{value} s"


_RUNNING: Final = _Field("running", "under way at once")
_PERSON_FIELDS: Final = (
    _RUNNING,
    _Field("waiting", "waiting at once, drafts too"),
    _Field("cooldown_seconds", "pause between two requests", _seconds, is_least=True),
)
_MONTH_BUDGET: Final = _Field("budget_usd_micros", "US dollars a month", words.dollars)
_DAY_BUDGET: Final = _Field("budget_usd_micros", "US dollars a day", words.dollars)


def policy(area: Area, view: PolicyView, *, blocks: Sequence[Block] = ()) -> Sheet:
    """What holds in that area now. `blocks`: who is blocked, for `Area.ACCESS`."""
    return Sheet((f"### {_TITLES[area]}", _all_lines(area, view, blocks), _how(area)), colour=READY_COLOUR)


def policy_changed(area: Area, before: PolicyView, after: PolicyView, *, blocks: Sequence[Block] = ()) -> Sheet:
    """What was changed, from what to what, and what holds there now."""
    changed = [*_differences(settings_of(area, before), settings_of(area, after))]
    headline = joined(changed, _CHANGED_UNITS) if changed else said.sentence(reason("settings-unchanged"))
    holds = "**What holds now**\n" + _all_lines(area, after, blocks, _UNITS - _CHANGED_UNITS)
    return Sheet((f"### {_TITLES[area]}", headline, holds, _how(area)), colour=READY_COLOUR)


def block_changed(before: Block | None, after: Block | None, person_id: int, blocks: Sequence[Block]) -> Sheet:
    """Somebody was blocked, or is so no more."""
    change = f"<@{person_id}>: {_block(before)} → **{_block(after)}**"
    listed = joined([_block_line(each) for each in blocks], _UNITS)
    return Sheet((f"### {_TITLES[Area.ACCESS]}", change, listed), colour=READY_COLOUR)


def policy_history(changes: Sequence[Change]) -> Sheet:
    """The last changes, newest first: when, who, what."""
    lines = [_change_line(each) for each in changes]
    text = joined(lines, _CHANGES_UNITS) if lines else said.sentence(reason("settings-no-changes"))
    return Sheet(("### What was changed here lately", text), colour=READY_COLOUR)


def settings_of(area: Area, view: PolicyView) -> tuple[Setting, ...]:
    """Everything in that area that is set or holds."""
    return tuple(_SETTINGS[area](view))


def _all_lines(area: Area, view: PolicyView, blocks: Sequence[Block], limit: int = _UNITS) -> str:
    lines = [each.line() for each in settings_of(area, view)] + [_block_line(each) for each in blocks]
    return joined(lines, limit) if lines else said.sentence(reason("settings-nothing"))


def _how(area: Area) -> str:
    match area:
        case Area.ORDER:
            return said.sentence(reason("settings-order-how"))
        case Area.ACCESS:
            return said.sentence(reason("settings-access-how"))
        case Area.TIME:
            return said.sentence(reason("settings-time-how"))
        case _:
            return said.sentence(reason("settings-numbers-how"))


def _differences(before: Collection[Setting], after: Collection[Setting]) -> Iterator[str]:
    """What is said otherwise now; of what is not there any more, that it is not."""
    old, new = ({each.label: each for each in found} for found in (before, after))
    for label in [*old, *(label for label in new if label not in old)]:
        was, now = old.get(label), new.get(label)
        if was != now:
            note = now.note if now is not None else ""
            yield f"{label}: {_said(was)} → **{_said(now)}**{note}"


def _said(setting: Setting | None) -> str:
    return _NOTHING if setting is None else setting.holds


def _limits(view: PolicyView) -> Iterator[Setting]:
    wanted, holding, most = view.wanted, view.holding, view.ceilings
    yield _number(_GUILD, _RUNNING, wanted.guild, holding.guild, most.guild)
    for field in _PERSON_FIELDS:
        yield _number(_PERSON, field, wanted.person, holding.person, most.person)
    yield from _of_roles(view, _PERSON_FIELDS)


def _budget(view: PolicyView) -> Iterator[Setting]:
    wanted, holding, most = view.wanted, view.holding, view.ceilings
    yield _number(_GUILD, _MONTH_BUDGET, wanted.guild, holding.guild, most.guild)
    yield _number(_PERSON, _DAY_BUDGET, wanted.person, holding.person, most.person)
    yield from _of_roles(view, (_DAY_BUDGET,))


def _of_roles(view: PolicyView, fields: Sequence[_Field]) -> Iterator[Setting]:
    """Only what is set for a role itself; the rest is everybody's."""
    for role, wanted in sorted(view.wanted.roles.items()):
        for field in fields:
            if getattr(wanted, field.name) is not None:
                yield _number(f"<@&{role}>", field, wanted, view.holding.roles[role], view.ceilings.person)


def _number(owner: str, field: _Field, wanted: Limits, holding: Limits, ceiling: Limits) -> Setting:
    own, holds, most = (getattr(each, field.name) for each in (wanted, holding, ceiling))
    return _setting(f"{owner}, {field.label}", own, holds, most, field.draw, is_least=field.is_least)


def _setting(
    label: str,
    wanted: int | None,
    holds: int | None,
    ceiling: int | None,
    draw: Callable[[int], str] = str,
    *,
    is_least: bool = False,
) -> Setting:
    note = ""
    if wanted is not None and holds != wanted and ceiling is not None:
        code = "ceiling-least" if is_least else "ceiling-most"
        note = f" · {words.say(reason(code, wanted=draw(wanted), limit=draw(ceiling)))}"
    own = None if wanted is None else draw(wanted)
    return Setting(label, own, _NONE if holds is None else draw(holds), note)


def _quotas(view: PolicyView) -> Iterator[Setting]:
    wanted, holding, most = view.wanted, view.holding, view.ceilings
    yield from _quotas_of(_GUILD, wanted.guild, holding.guild, most.guild)
    yield from _quotas_of(_PERSON, wanted.person, holding.person, most.person)
    for role, own in sorted(wanted.roles.items()):
        if own.quotas:
            yield from _quotas_of(f"<@&{role}>", own, view.holding.roles[role], most.person, only_own=True)


def _quotas_of(
    owner: str, wanted: Limits, holding: Limits, ceiling: Limits, *, only_own: bool = False
) -> Iterator[Setting]:
    own, holds, most = ({(one.unit, one.span): one.limit for one in each.quotas} for each in (wanted, holding, ceiling))
    for kind in ((unit, span) for span in Span for unit in Unit):
        if kind in own or (kind in holds and not only_own):
            label = f"{owner}, {kind[0].value} a {kind[1].value}"
            yield _setting(label, own.get(kind), holds.get(kind), most.get(kind))


def _order(view: PolicyView) -> Iterator[Setting]:
    own, holds = view.wanted.order, view.holding.order
    yield Setting("Order", None if own.first_come is None else "set", _mode(first_come=bool(holds.first_come)))
    ageing = "never" if not holds.ageing_minutes else f"every {holds.ageing_minutes} min"
    yield Setting("What waits rises one priority", None if own.ageing_minutes is None else "set", ageing)
    for role, weight in sorted(holds.weights.items()):
        yield Setting(f"<@&{role}>, weight", _own(own.weights, role), str(weight))
    for role, priority in sorted(holds.priorities.items()):
        yield Setting(f"<@&{role}>, priority", _own(own.priorities, role), f"{priority:+d}")


def _own(mapping: Mapping[int, int], role: int) -> str | None:
    return str(mapping[role]) if role in mapping else None


def _mode(*, first_come: bool) -> str:
    return "first come, first served" if first_come else "fair between people"


def _access(view: PolicyView) -> Iterator[Setting]:
    access = view.wanted.access
    yield from _ids("Only these roles may ask", "<@&{}>", access.allowed_roles)
    yield from _ids("These roles may not ask", "<@&{}>", access.denied_roles)
    yield from _ids("Only in these channels", "<#{}>", access.allowed_channels)
    yield from _ids("Not in these channels", "<#{}>", access.denied_channels)


def _ids(label: str, drawn: str, ids: Collection[int]) -> Iterator[Setting]:
    if ids:
        shown = ", ".join(drawn.format(each) for each in sorted(ids)[:_LISTED])
        more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
        yield Setting(label, "set", shown + more)


def _time(view: PolicyView) -> Iterator[Setting]:
    yield Setting("Time zone", view.wanted.time_zone, inline(view.holding.time_zone or "UTC", _WHY_UNITS))


_SETTINGS: Final[Mapping[Area, Callable[[PolicyView], Iterator[Setting]]]] = {
    Area.LIMITS: _limits,
    Area.QUOTAS: _quotas,
    Area.BUDGET: _budget,
    Area.ORDER: _order,
    Area.ACCESS: _access,
    Area.TIME: _time,
}


def _change_line(change: Change) -> str:
    what = joined([*_changed(change)], _CHANGE_UNITS).replace("\n", "; ")
    return f"{moment(change.at_ms, 'f')} <@{change.by}>: {what}"


def _changed(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    if isinstance(before, Policy) and isinstance(after, Policy):
        was, now = (PolicyView(wanted=each, holding=each, ceilings=Policy()) for each in (before, after))
        for area in Area:
            yield from _differences(_wanted(area, was), _wanted(area, now))
    else:
        blocked = [each for each in (before, after) if isinstance(each, Block)]
        yield f"<@{blocked[-1].person_id}>: {_block(_as_block(before))} → **{_block(_as_block(after))}**"


def _wanted(area: Area, view: PolicyView) -> list[Setting]:
    return [each for each in settings_of(area, view) if each.wanted is not None]


def _as_block(value: Policy | Block | None) -> Block | None:
    return value if isinstance(value, Block) else None


def _block(block: Block | None) -> str:
    if block is None:
        return "not blocked"
    until = "for good" if block.expires_at_ms is None else f"until {moment(block.expires_at_ms, 'f')}"
    return f"blocked {until} ({inline(block.why, _WHY_UNITS)})"


def _block_line(block: Block) -> str:
    return f"- <@{block.person_id}>: {_block(block)}, by <@{block.by}> {moment(block.at_ms, 'R')}"
