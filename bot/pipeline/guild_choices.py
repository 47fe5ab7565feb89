"""What a guild's admins set for drafts, over the deployment's defaults."""

from dataclasses import dataclass

from bot.domain.conform import FilePlan
from bot.domain.drafts import GuildChoices
from bot.domain.references import Fate
from bot.domain.requests import Request
from bot.pipeline.looking import Look
from bot.pipeline.rooms import Rooms


@dataclass(frozen=True, slots=True)
class ChoicesOfGuilds:
    """Shows and changes them, and answers what they mean for a draft."""

    rooms: Rooms

    async def show(self, guild_id: int) -> GuildChoices:
        """What holds there now, defaults filled in."""
        return self._filled(await self.rooms.guild_choices.guild_choices(guild_id))

    async def change(self, guild_id: int, choices: GuildChoices, *, by: int) -> GuildChoices:
        """Stores what is not `None`, under the name of who set it; answers what holds then."""
        rooms = self.rooms
        return self._filled(await rooms.guild_choices.set_guild_choices(guild_id, choices, by=by, now_ms=rooms.clock()))

    async def ask_first(self, draft: Request, look: Look) -> bool:
        """True when the draft has to wait for its person.

        They asked for it, or there is something to say, of the prompt or of a file (also that it came twice: the
        others' numbers are then not those that were offered), or the guild wants it, or the price is high or unknown.
        That a file will be made to fit is to be seen first; that it is merely tidied holds nobody up.
        """
        told = bool(look.findings) or any(map(_to_be_decided_on, draft.fates)) or any(map(_to_be_seen, look.plan.files))
        if draft.ask or told or look.price_usd_micros is None:
            return True
        choices = await self.show(draft.place.guild_id)
        return not choices.skip_card or look.price_usd_micros > (choices.ask_above_usd_micros or 0)

    def _filled(self, choices: GuildChoices) -> GuildChoices:
        default = self.rooms.drafting
        above = choices.ask_above_usd_micros
        return GuildChoices(
            skip_card=default.skip_card if choices.skip_card is None else choices.skip_card,
            ask_above_usd_micros=default.ask_above_usd_micros if above is None else above,
        )


def _to_be_seen(file: FilePlan) -> bool:
    return file.target is not None and not file.tidies


def _to_be_decided_on(fate: Fate) -> bool:
    """Tidied files had a fate that said so, in an earlier release."""
    return fate.reason is not None and fate.reason.code != "tidied"
