"""Values ↔ rows. A field with an inner shape is JSON text, read back through pydantic against the domain's types."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter
from sqlalchemy import RowMapping

from bot.domain.conform import ClipFindings, Made, Part, Record, Target
from bot.domain.drafts import GuildChoices
from bot.domain.media import Kind, MediaFacts
from bot.domain.policies import Block, Change, Policy
from bot.domain.prompts import Finding, Names, Prompt
from bot.domain.quotas import Counted
from bot.domain.reasons import Reason
from bot.domain.references import Fate, Offer, OfferSource, Origin, Reference
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Post, Publication, Request, Take
from bot.domain.states import RequestState, TakeState

_Value = TypeVar("_Value")

Columns = dict[str, Any]
"""Column names and what is stored in them."""

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with NUL and lone surrogates as U+FFFD: PostgreSQL takes no NUL, and neither database the others."""
    return _UNSTORABLE.sub("�", text)


_QUIET: Final = ConfigDict(hide_input_in_errors=True)
"""Prompts and signed URLs never stand in an exception's text."""


class _Json(Generic[_Value]):
    """A value of one type as JSON text; equal values give equal text.

    The adapter's is a tuple of one: pydantic takes no config for a dataclass alone.
    """

    def __init__(self, adapter: TypeAdapter[tuple[_Value]]) -> None:
        self._adapter = adapter

    def dump(self, value: _Value) -> str:
        (plain,) = self._adapter.dump_python((value,), mode="json")
        return storable(json.dumps(plain, ensure_ascii=False, separators=(",", ":")))

    def load(self, text: str) -> _Value:
        (value,) = self._adapter.validate_python([json.loads(text)])
        return value

    def dump_optional(self, value: _Value | None) -> str | None:
        return None if value is None else self.dump(value)

    def load_optional(self, text: str | None) -> _Value | None:
        return None if text is None else self.load(text)


_OFFERS: Final = _Json(TypeAdapter(tuple[tuple[Offer, ...]], config=_QUIET))
_PARAMETERS: Final = _Json(TypeAdapter(tuple[Parameters], config=_QUIET))
_PROMPT: Final = _Json(TypeAdapter(tuple[Prompt], config=_QUIET))
_FINDINGS: Final = _Json(TypeAdapter(tuple[tuple[Finding, ...]], config=_QUIET))
_REASON: Final = _Json(TypeAdapter(tuple[Reason], config=_QUIET))
_PUBLICATIONS: Final = _Json(TypeAdapter(tuple[tuple[Publication, ...]], config=_QUIET))
_BODY: Final = _Json(TypeAdapter(tuple[dict[str, object]], config=_QUIET))
_MEDIA_FACTS: Final = _Json(TypeAdapter(tuple[MediaFacts], config=_QUIET))
_RECORD: Final = _Json(TypeAdapter(tuple[Record], config=_QUIET))
_PART: Final = _Json(TypeAdapter(tuple[Part], config=_QUIET))
_TARGET: Final = _Json(TypeAdapter(tuple[Target], config=_QUIET))
_MADE: Final = _Json(TypeAdapter(tuple[Made], config=_QUIET))
_CLIP_FINDINGS: Final = _Json(TypeAdapter(tuple[ClipFindings], config=_QUIET))
_NAMES: Final = _Json(TypeAdapter(tuple[Names], config=_QUIET))
_FATES: Final = _Json(TypeAdapter(tuple[tuple[Fate, ...]], config=_QUIET))
_TEXTS: Final = _Json(TypeAdapter(tuple[tuple[str, ...]], config=_QUIET))
_ROLES: Final = _Json(TypeAdapter(tuple[tuple[int, ...]], config=_QUIET))
_GUILD_CHOICES: Final = _Json(TypeAdapter(tuple[GuildChoices], config=_QUIET))
_COUNTED: Final = _Json(TypeAdapter(tuple[Counted], config=_QUIET))
_POLICY: Final = _Json(TypeAdapter(tuple[Policy], config=_QUIET))
_POLICIES: Final = _Json(TypeAdapter(tuple[tuple[Policy, Policy]], config=_QUIET))
_BLOCKS: Final = _Json(TypeAdapter(tuple[tuple[Block | None, Block | None]], config=_QUIET))


def request_columns(request: Request) -> Columns:
    """The row of `requests`, without `accepted_seq` (the line's own) and the references (rows of their own)."""
    return {
        "id": request.id,
        "version": request.version,
        "state": request.state.value,
        "interaction_id": request.interaction_id,
        "guild_id": request.place.guild_id,
        "channel_id": request.place.channel_id,
        "channel_kind": request.place.channel_kind.value,
        "upload_limit_bytes": request.place.upload_limit_bytes,
        "parent_id": request.place.parent_id,
        "person_id": request.person.id,
        "person_name": storable(request.person.name),
        "roles": _ROLES.dump(request.person.roles),
        "written_prompt": storable(request.written_prompt),
        "offers": _OFFERS.dump(request.offers),
        "parameters": _PARAMETERS.dump(request.parameters),
        "take_count": request.take_count,
        "created_at_ms": request.created_at_ms,
        "prompt": _PROMPT.dump_optional(request.prompt),
        "findings": _FINDINGS.dump(request.findings),
        "model_id": request.model_id,
        "accepted_at_ms": request.accepted_at_ms,
        "started_at_ms": request.started_at_ms,
        "finished_at_ms": request.finished_at_ms,
        "thread_id": request.thread_id,
        "cancel_requested_by": request.cancel_requested_by,
        "failure": _REASON.dump_optional(request.failure),
        "attempts": request.attempts,
        "names": _NAMES.dump(request.names),
        "fates": _FATES.dump(request.fates),
        "ask": request.ask,
        "expires_at_ms": request.expires_at_ms,
    }


def request_from(row: RowMapping | Columns, references: tuple[Reference, ...]) -> Request:
    """The request of a row of `requests` and its references."""
    return Request(
        id=row["id"],
        version=row["version"],
        state=RequestState(row["state"]),
        interaction_id=row["interaction_id"],
        place=Place(
            guild_id=row["guild_id"],
            channel_id=row["channel_id"],
            channel_kind=ChannelKind(row["channel_kind"]),
            upload_limit_bytes=row["upload_limit_bytes"],
            parent_id=row["parent_id"],
        ),
        person=Person(id=row["person_id"], name=row["person_name"], roles=roles_from(row["roles"])),
        written_prompt=row["written_prompt"],
        offers=_OFFERS.load(row["offers"]),
        parameters=_PARAMETERS.load(row["parameters"]),
        take_count=row["take_count"],
        created_at_ms=row["created_at_ms"],
        prompt=_PROMPT.load_optional(row["prompt"]),
        findings=_FINDINGS.load(row["findings"]),
        references=references,
        model_id=row["model_id"],
        accepted_at_ms=row["accepted_at_ms"],
        started_at_ms=row["started_at_ms"],
        finished_at_ms=row["finished_at_ms"],
        thread_id=row["thread_id"],
        cancel_requested_by=row["cancel_requested_by"],
        failure=_REASON.load_optional(row["failure"]),
        attempts=row["attempts"],
        names=_NAMES.load(row["names"]),
        fates=_FATES.load(row["fates"]),
        ask=row["ask"],
        expires_at_ms=row["expires_at_ms"],
    )


def roles_from(text: str) -> tuple[int, ...]:
    """Of `requests.roles`."""
    return _ROLES.load(text)


def reference_columns(reference: Reference) -> Columns:
    """The columns of a reference, in `request_references` and in `tray_references`; whose it is the caller adds.

    Its origins are rows of their own. What it becomes and was made into is a request's only:
    `request_reference_columns`.
    """
    return {
        "number": reference.number,
        "id": reference.id,
        "kind": reference.kind.value,
        "kind_number": reference.kind_number,
        "name": storable(reference.name),
        "content": reference.content,
        "facts": _MEDIA_FACTS.dump(reference.facts),
        "alias": None if reference.alias is None else storable(reference.alias),
        "also": _TEXTS.dump(reference.also),
        "source": reference.source.value,
        "stands_for": _TEXTS.dump(reference.stands_for),
        "shows_person": reference.shows_person,
        "record": _RECORD.dump_optional(reference.record),
        "part": _PART.dump(reference.part),
    }


def reference_from(row: RowMapping | Columns, origins: tuple[Origin, ...]) -> Reference:
    """The reference of a row of `tray_references`. One without origins was uploaded."""
    return Reference(
        id=row["id"],
        number=row["number"],
        kind=Kind(row["kind"]),
        kind_number=row["kind_number"],
        name=row["name"],
        content=row["content"],
        facts=_MEDIA_FACTS.load(row["facts"]),
        alias=row["alias"],
        also=_TEXTS.load(row["also"]),
        source=OfferSource(row["source"]),
        origins=origins or (Origin(),),
        stands_for=_TEXTS.load(row["stands_for"]),
        shows_person=row["shows_person"],
        record=_RECORD.load_optional(row["record"]),
        part=_PART.load(row["part"]),
    )


def request_reference_columns(reference: Reference) -> Columns:
    """The columns of a reference in `request_references`; whose it is the caller adds."""
    target = {"target": _TARGET.dump_optional(reference.target)}
    return {**reference_columns(reference), **target, **made_columns(reference.made)}


def request_reference_from(row: RowMapping | Columns, origins: tuple[Origin, ...]) -> Reference:
    """The reference of a row of `request_references`. One without origins was uploaded."""
    fitted = {"target": _TARGET.load_optional(row["target"]), "made": _MADE.load_optional(row["made"])}
    return replace(reference_from(row, origins), **fitted)


def made_columns(made: Made | None) -> Columns:
    """The columns that say what a request's reference was made into."""
    return {"made": _MADE.dump_optional(made), "made_content": None if made is None else made.content}


def origin_columns(origin: Origin) -> Columns:
    """The columns of an origin, in `request_origins` and in `tray_origins`; whose it is the caller adds."""
    return {
        "source": origin.source.value,
        "owner_id": origin.owner_id,
        "message_id": origin.message_id,
        "forwarded_id": origin.forwarded_id,
    }


def origin_from(row: RowMapping | Columns) -> Origin:
    """The origin of a row of `request_origins` or `tray_origins`."""
    return Origin(
        source=OfferSource(row["source"]),
        owner_id=row["owner_id"],
        message_id=row["message_id"],
        forwarded_id=row["forwarded_id"],
    )


def take_columns(take: Take) -> Columns:
    """The row of `takes`."""
    return {
        "id": take.id,
        "request_id": take.request_id,
        "ordinal": take.ordinal,
        "version": take.version,
        "state": take.state.value,
        "publications": _PUBLICATIONS.dump(take.publications),
        "body": _BODY.dump_optional(_plain(take.body)),
        "fingerprint": take.fingerprint,
        "attempts": take.attempts,
        "looks": take.looks,
        "not_before_ms": take.not_before_ms,
        "submitting_at_ms": take.submitting_at_ms,
        "generation_id": take.generation_id,
        "submitted_at_ms": take.submitted_at_ms,
        "vendor_status": None if take.vendor_status is None else storable(take.vendor_status),
        "result_url": None if take.result_url is None else storable(take.result_url),
        "clip": take.clip,
        "clip_facts": _MEDIA_FACTS.dump_optional(take.clip_facts),
        "clip_findings": _CLIP_FINDINGS.dump_optional(take.clip_findings),
        "shrunk_clip": take.shrunk_clip,
        "shrunk_facts": _MEDIA_FACTS.dump_optional(take.shrunk_facts),
        "cost_usd_micros": take.cost_usd_micros,
        "failure": _REASON.dump_optional(take.failure),
        "withdrawn": take.withdrawn,
    }


def take_from(row: RowMapping | Columns) -> Take:
    """The take of a row of `takes`."""
    return Take(
        id=row["id"],
        request_id=row["request_id"],
        ordinal=row["ordinal"],
        version=row["version"],
        state=TakeState(row["state"]),
        publications=_PUBLICATIONS.load(row["publications"]),
        body=_BODY.load_optional(row["body"]),
        fingerprint=row["fingerprint"],
        attempts=row["attempts"],
        looks=row["looks"],
        not_before_ms=row["not_before_ms"],
        submitting_at_ms=row["submitting_at_ms"],
        generation_id=row["generation_id"],
        submitted_at_ms=row["submitted_at_ms"],
        vendor_status=row["vendor_status"],
        result_url=row["result_url"],
        clip=row["clip"],
        clip_facts=_MEDIA_FACTS.load_optional(row["clip_facts"]),
        clip_findings=_CLIP_FINDINGS.load_optional(row["clip_findings"]),
        shrunk_clip=row["shrunk_clip"],
        shrunk_facts=_MEDIA_FACTS.load_optional(row["shrunk_facts"]),
        cost_usd_micros=row["cost_usd_micros"],
        failure=_REASON.load_optional(row["failure"]),
        withdrawn=row["withdrawn"],
    )


def post_from(row: RowMapping | Columns) -> Post:
    """The post of a row of `posts`, whose columns are its fields."""
    return Post(**row)


def said(choices: GuildChoices) -> str:
    """The choices as the text that `guild_choice_changes` keeps."""
    return _GUILD_CHOICES.dump(choices)


def counted_text(counted: Counted) -> str:
    """What `requests.counted` keeps."""
    return _COUNTED.dump(counted)


def counted_from(text: str) -> Counted:
    """Of `requests.counted`."""
    return _COUNTED.load(text)


def policy_text(policy: Policy) -> str:
    """What `guild_policies.policy` keeps."""
    return _POLICY.dump(policy)


def policy_from(text: str) -> Policy:
    """Of `guild_policies.policy`; what an older release did not know is as it is when nothing is set."""
    return _POLICY.load(text)


def change_columns(change: Change) -> Columns:
    """The row of `policy_changes`, without the id that it gets."""
    before, after = change.before, change.after
    if isinstance(before, Policy) and isinstance(after, Policy):
        what = {"subject": "policy", "what": _POLICIES.dump((before, after))}
    elif isinstance(before, Policy) or isinstance(after, Policy):
        raise TypeError("a policy changes into a policy")
    else:
        what = {"subject": "block", "what": _BLOCKS.dump((before, after))}
    return {"guild_id": change.guild_id, "changed_by": change.by, "at_ms": change.at_ms, **what}


def change_from(row: RowMapping | Columns) -> Change:
    """The change of a row of `policy_changes`."""
    load = _POLICIES.load if row["subject"] == "policy" else _BLOCKS.load
    before, after = load(row["what"])
    return Change(guild_id=row["guild_id"], by=row["changed_by"], at_ms=row["at_ms"], before=before, after=after)


def block_columns(block: Block) -> Columns:
    """The row of `blocks`."""
    return {
        "person_id": block.person_id,
        "guild_id": block.guild_id,
        "why": storable(block.why),
        "blocked_by": block.by,
        "at_ms": block.at_ms,
        "expires_at_ms": block.expires_at_ms,
    }


def block_from(row: RowMapping | Columns) -> Block:
    """The block of a row of `blocks`."""
    return Block(
        guild_id=row["guild_id"],
        person_id=row["person_id"],
        why=row["why"],
        by=row["blocked_by"],
        at_ms=row["at_ms"],
        expires_at_ms=row["expires_at_ms"],
    )


def differing(before: Columns, after: Columns) -> Columns:
    """The columns of `after` that say something else than `before`."""
    return {name: value for name, value in after.items() if value != before[name]}


def _plain(body: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if body is None else dict(body)
