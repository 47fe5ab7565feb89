"""The prompt language as the pipeline uses it: read with a model's limits, written with its style and numbers."""

from collections.abc import Mapping, Sequence

from bot.domain.models import ModelSpec
from bot.domain.prompts import Names, Parsed, Prompt
from bot.domain.references import Reference, faces_first
from bot.prompting.markup import Surroundings
from bot.prompting.mends import Mender
from bot.prompting.parse import Mark, marks, parsed_from
from bot.prompting.register import register
from bot.prompting.tokens import natural_numbering, render

_PERSON, _EMOJI = "person:", "emoji:"
"""As `stands_for_person` and `stands_for_emoji` write them."""


def read(text: str, references: Sequence[Reference], *, spec: ModelSpec, names: Names) -> Parsed:
    """A prompt as a person wrote it → segments and findings with their mends. Total, and linear in the length.

    What the model reads is counted, in its style and with its numbers; findings speak of the references' own numbers.
    """
    known, around = register(references), surroundings(references, names)

    def look(changed: str) -> Sequence[Mark]:
        return tuple(marks(changed, known, around))

    return parsed_from(
        text,
        look(text),
        references,
        limits=spec.limits,
        style=spec.style,
        face_kinds=spec.face_kinds,
        mends=Mender(text, look),
    )


def written(prompt: Prompt, spec: ModelSpec, references: Sequence[Reference]) -> str:
    """What the model reads: its token style, and its numbers (it may count files that show a person first)."""
    return render(prompt, spec.style, natural_numbering(faces_first(references, spec.face_kinds)))


def surroundings(references: Sequence[Reference], names: Names) -> Surroundings:
    """What Discord's mentions stand for: the names given, and the references that were collected from them."""
    return Surroundings(
        people=names.people,
        roles=names.roles,
        channels=names.channels,
        avatars=_standing_for(_PERSON, references),
        emoji=_standing_for(_EMOJI, references),
    )


def _standing_for(what: str, references: Sequence[Reference]) -> Mapping[int, str]:
    return {
        int(mention.removeprefix(what)): reference.id
        for reference in references
        for mention in reference.stands_for
        if mention.startswith(what)
    }
