"""State as a person sees it: flattened text, all attachments, buttons. For the control API."""

from __future__ import annotations

from sandbox.discord import components, messages, show
from sandbox.discord.cdn import StoredFile
from sandbox.discord.interactions import Interaction, Interactions, State
from sandbox.discord.wire import Json, as_objects
from sandbox.discord.world import COMPONENTS_V2, LOADING, Channel, Message, World


def message(world: World, one: Message) -> Json:
    """`text` is every word shown, `attachments` every file shown (in components too), `raw` Discord's JSON."""
    raw = show.message(world, one)
    author = world.users[one.author_id]
    lines = [one.content] if one.content else []
    for embed in one.embeds:
        lines += messages.embed_text(embed)
    lines += components.text_of(one.components)
    return {
        "id": str(one.id),
        "channel_id": str(one.channel_id),
        "author": {"id": str(author.id), "name": author.name, "bot": author.bot},
        "kind": one.kind,
        "content": one.content,
        "text": "\n".join(lines),
        "attachments": [show.attachment(world, file) | {"sha256": file.sha256} for file in _shown_files(one)],
        "buttons": _buttons(one),
        "selects": _selects(one),
        "embeds": raw["embeds"],
        "components": raw["components"],
        "flags": one.flags,
        "ephemeral": one.ephemeral_for is not None,
        "loading": bool(one.flags & LOADING),
        "is_v2": bool(one.flags & COMPONENTS_V2),
        "deleted": one.deleted,
        "edits": one.edit_count,
        "nonce": one.nonce,
        "reference_id": (one.reference or {}).get("message_id"),
        "thread_id": str(one.id) if one.id in world.channels else None,
        "created_at": one.created_at,
        "edited_at": one.edited_at,
        "raw": raw,
    }


def _shown_files(one: Message) -> list[StoredFile]:
    """A message of components shows only the files that a component points to."""
    if not one.flags & COMPONENTS_V2:
        return one.files
    named = [show.file_named(one, name) for name in components.references(one.components)]
    return [file for file in one.files if file in named]


def _buttons(one: Message) -> list[Json]:
    return [
        {
            "label": each.get("label"),
            "custom_id": each.get("custom_id"),
            "url": each.get("url"),
            "style": each.get("style"),
            "disabled": bool(each.get("disabled")),
        }
        for each in components.walk(one.components)
        if each.get("type") == components.BUTTON
    ]


def _selects(one: Message) -> list[Json]:
    return [
        {
            "custom_id": each.get("custom_id"),
            "placeholder": each.get("placeholder"),
            "disabled": bool(each.get("disabled")),
            "options": [
                {"label": o["label"], "value": o["value"], "description": o.get("description")}
                for o in as_objects(each.get("options"))
            ],
        }
        for each in components.walk(one.components)
        if each.get("type") in components.SELECTS
    ]


def interaction(world: World, interactions: Interactions, one: Interaction) -> Json:
    """An interaction's outcome as far as it is known now."""
    state = interactions.state(one)
    return {
        "id": str(one.id),
        "kind": one.kind,
        "name": one.name,
        "state": str(state),
        "delivered": one.delivered_to > 0,
        "created_at": one.created_at,
        "acknowledged_at": one.acknowledged_at,
        "user_id": str(one.user_id),
        "channel_id": str(one.channel_id),
        "ephemeral": one.message is not None and one.message.ephemeral_for is not None,
        "edits": one.edits,
        "message": None if one.message is None else message(world, one.message),
        "followups": [message(world, each) for each in one.followups],
        "modal": None if one.modal is None else _modal(one.modal),
        "choices": one.choices,
        "error": "The application did not respond" if state is State.FAILED else None,
    }


def _modal(modal: Json) -> Json:
    fields: list[Json] = []
    for row in as_objects(modal.get("components")):
        inner = [row["component"]] if row.get("component") else as_objects(row.get("components"))
        fields += [
            {
                "label": row.get("label") or one.get("label"),
                "description": row.get("description"),
                "custom_id": one.get("custom_id"),
                "type": one.get("type"),
                "required": bool(one.get("required", True)),
                "value": one.get("value"),
                "default": one.get("default"),
                "options": one.get("options") or [],
                "min_values": one.get("min_values"),
                "max_values": one.get("max_values"),
            }
            for one in inner
        ]
    texts = [str(row["content"]) for row in as_objects(modal.get("components")) if row.get("content")]
    return {
        "title": modal.get("title"),
        "custom_id": modal.get("custom_id"),
        "fields": fields,
        "text": "\n".join(texts),
    }


def channel(world: World, one: Channel) -> Json:
    return {
        "id": str(one.id),
        "name": one.name,
        "type": one.kind,
        "parent_id": str(one.parent_id) if one.parent_id else None,
        "archived": one.archived,
        "locked": one.locked,
        "message_count": len(one.messages),
        "raw": show.channel(world, one),
    }
