"""Every awkward and hostile file of the corpus gets the verdict, code, remarks and plan that are expected of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.domain.conform import Record, Remark, Verdict
from bot.domain.media import Kind
from bot.media.planner import plan
from bot.media.tools import SandboxedMedia
from tests.corpus import LIMITS, corpus, counted, manifest

RIGHT_CODES = 0.95


@pytest.fixture(scope="module")
def folder() -> Path:
    return corpus()


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, Record]:
    """All files, through two children."""

    async def look() -> dict[str, Record]:
        media = SandboxedMedia(child_count=2)
        names = [entry["name"] for entry in manifest(folder)["entries"]]
        try:
            found = await asyncio.gather(*(media.record(folder / name, LIMITS) for name in names))
        finally:
            closing = getattr(media, "aclose", None)
            if closing is not None:
                await closing()
        return dict(zip(names, found, strict=True))

    return asyncio.run(look())


def entries(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manifest(folder)["entries"]
    assert len(found) > 60
    assert [entry["name"] for entry in found if "generator_error" in entry] == []
    return found


def test_every_verdict_is_right(folder: Path, records: dict[str, Record]) -> None:
    wrong = {
        entry["name"]: (records[entry["name"]].verdict.value, records[entry["name"]].code)
        for entry in entries(folder)
        if records[entry["name"]].verdict.value != entry["verdict"]
    }
    counted("verdicts", len(records) - len(wrong), len(records))
    assert wrong == {}


def test_nearly_every_code_is_right(folder: Path, records: dict[str, Record]) -> None:
    wrong = {
        entry["name"]: (records[entry["name"]].code, entry["code"])
        for entry in entries(folder)
        if records[entry["name"]].code != entry["code"]
    }
    counted("codes", len(records) - len(wrong), len(records), "at least 95 % have to be")
    assert len(wrong) <= (1 - RIGHT_CODES) * len(records), wrong


def test_every_kind_is_what_the_content_is(folder: Path, records: dict[str, Record]) -> None:
    def kind_of(record: Record) -> str:
        return "none" if record.kind is None else record.kind.value

    wrong = {
        entry["name"]: (kind_of(records[entry["name"]]), entry["kind"])
        for entry in entries(folder)
        if not entry.get("kind_any") and kind_of(records[entry["name"]]) != entry["kind"]
    }
    assert wrong == {}


def test_remarks_are_the_warnings_that_are_expected(folder: Path, records: dict[str, Record]) -> None:
    def expected(entry: dict[str, Any]) -> set[str]:
        return {entry.get("warn", ""), "mislabelled" if entry.get("mislabelled") else ""} - {""}

    wrong = {
        entry["name"]: (records[entry["name"]].remarks, expected(entry))
        for entry in entries(folder)
        if {remark.value for remark in records[entry["name"]].remarks} != expected(entry)
    }
    counted("remarks", len(records) - len(wrong), len(records))
    assert wrong == {}
    assert any(Remark.MISLABELLED in record.remarks for record in records.values())


def test_what_is_converted_becomes_the_format_that_is_expected(folder: Path, records: dict[str, Record]) -> None:
    picture = records["ok_photo.jpg"]
    wrong: dict[str, object] = {}
    for entry in entries(folder):
        record = records[entry["name"]]
        if record.verdict is not Verdict.CONVERT:
            continue
        beside = [picture] if record.kind is Kind.AUDIO else []
        target = plan([record, *beside], LIMITS).files[0].target
        if target is None or target.format != entry["out"] or target.copy != (entry.get("fast") == "remux"):
            wrong[entry["name"]] = target
    converted = sum(record.verdict is Verdict.CONVERT for record in records.values())
    counted("conversions planned", converted - len(wrong), converted)
    assert wrong == {}


def test_every_whole_request_is_judged_right(folder: Path, records: dict[str, Record]) -> None:
    wrong: dict[str, object] = {}
    judged = 0
    for one in manifest(folder)["sets"]:
        if not records.keys() >= set(one["files"]):
            continue
        judged += 1
        planned = plan([records[name] for name in one["files"]], LIMITS, names=one["files"])
        if (planned.verdict.value, planned.code) != (one["verdict"], one["code"]):
            wrong[one["name"]] = (planned.verdict, planned.code)
    counted("whole requests judged", judged - len(wrong), judged)
    assert wrong == {}
    assert judged >= 11


def test_refusals_have_their_reason_and_nothing_else_has(records: dict[str, Record]) -> None:
    for name, record in records.items():
        assert (record.why is not None) is (record.verdict is Verdict.REJECT), name
        assert bool(record.steps) is (record.verdict is Verdict.CONVERT), name
