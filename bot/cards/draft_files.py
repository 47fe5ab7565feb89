"""The text files beside a draft's card: what it shows a part of, whole."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from bot.cards.blocks import measures
from bot.cards.fates import told_of as fates_told_of
from bot.cards.plans import told_of as plans_told_of
from bot.cards.text import one_line
from bot.domain import words
from bot.domain.drafts import DraftView
from bot.domain.reasons import Reason
from bot.domain.references import Reference

FILES_FILE: Final = "files.txt"


def files_text(view: DraftView, notes: Mapping[str, str]) -> str:
    """Everything there is to say of the draft's files. `notes` are ours, by reference id."""
    request = view.request
    sections = {"Files": [_reference(one, view, notes) for one in request.references]}
    for title, made in plans_told_of(view).items():
        sections[title] = [f"{one.token} {one_line(one.name)}: {text}" for one, text in made]
    for title, fates in fates_told_of(request.fates, request.references).items():
        sections[title] = [f"{one_line(name)}: {_said(cause)}" for name, cause in fates]
    return "\n\n".join("\n".join([f"{title}:", *lines]) for title, lines in sections.items() if lines) + "\n"


def _reference(reference: Reference, view: DraftView, notes: Mapping[str, str]) -> str:
    return " · ".join(part for part in _parts(reference, view, notes) if part)


def _parts(reference: Reference, view: DraftView, notes: Mapping[str, str]) -> Iterator[str]:
    alias = f" (@{one_line(reference.alias)})" if reference.alias else ""
    yield f"#{reference.number} {reference.token} {one_line(reference.name)}{alias}"
    yield measures(replace(reference, made=None))
    yield f"also {', '.join(map(one_line, reference.also))}" if reference.also else ""
    yield notes.get(reference.id, "")
    vendor_token = view.vendor_tokens.get(reference.id, reference.token)
    yield f"the model reads {vendor_token}" if vendor_token != reference.token else ""


def _said(cause: Reason) -> str:
    return one_line(words.say(cause))
