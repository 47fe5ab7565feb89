"""What a request asks for, as quotas, lanes and budgets count it, and whether anything may be asked there at all."""

from bot.domain.admission import access_refusals, blocked
from bot.domain.errors import Refused
from bot.domain.models import ModelSpec
from bot.domain.money import Asked
from bot.domain.reasons import reason
from bot.domain.requests import Parameters, Person, Place
from bot.pipeline.rooms import Rooms


def asked_of(parameters: Parameters, take_count: int, spec: ModelSpec) -> Asked:
    """The most that these takes can be: an automatic length counts as the longest the model makes."""
    chosen = parameters.duration_seconds
    seconds = spec.limits.max_seconds if chosen is None else chosen
    cost = spec.worst_cost_usd_micros(seconds=chosen, resolution=parameters.resolution, takes=take_count)
    return Asked(takes=take_count, seconds=seconds * take_count, cost_usd_micros=cost)


def check_served(rooms: Rooms, guild_id: int) -> None:
    """`Refused` (guild-not-served) where the operator listed guilds and this is none of them."""
    guilds = rooms.deployment.guilds
    if guilds and guild_id not in guilds:
        raise Refused(reason("guild-not-served", guild=str(guild_id)))


async def check_may_ask(rooms: Rooms, place: Place, person: Person) -> None:
    """`Refused` for whoever may ask nothing there, however little: then nothing is fetched or drawn for them either.

    guild-not-served; what is told of a block; every reason why these roles, or that channel, are closed. Quotas and
    budgets are not asked.
    """
    check_served(rooms, place.guild_id)
    block = await rooms.policies.block_of(place.guild_id, person.id, now_ms=rooms.clock())
    if block is not None:
        raise Refused(blocked(block))
    policy = rooms.deployment.holding(await rooms.policies.policy(place.guild_id))
    channel_id = place.channel_id if place.parent_id is None else place.parent_id
    if refusals := tuple(access_refusals(policy.access, person.roles, channel_id)):
        raise Refused(*refusals)
