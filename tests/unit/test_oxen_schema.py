import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.media import Kind
from bot.domain.models import FieldType
from bot.domain.prompts import PromptStyle
from bot.providers.oxen.pinned import Pinned, PinnedError, load_pinned
from bot.providers.oxen.schema import pricing, spec_of
from tests.fakes_provider import MODEL_ID, MODELS_DIRECTORY

SCHEMAS = Path(__file__).resolve().parents[2] / "sandbox" / "oxen" / "schemas"
PINNED = load_pinned(MODELS_DIRECTORY, MODEL_ID)
V1, V2, V3 = PINNED
FACES, NONE = {Kind.IMAGE, Kind.VIDEO}, set[Kind]()
WORDS = st.sampled_from(
    [
        "properties",
        "prompt",
        "type",
        "enum",
        "anyOf",
        "required",
        "default",
        "maxItems",
        "minimum",
        "maximum",
        "duration",
    ]
)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def schema(version: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{version}.json").read_text("utf-8"))


def record(document: object, key: str = "request_schema", **rest: object) -> dict[str, object]:
    return {"id": MODEL_ID, key: document, **rest}


@pytest.mark.parametrize("key", ["request_schema", "json_request_schema"])
@pytest.mark.parametrize(("version", "pinned"), [("v1", V1), ("v2", V2), ("v3", V3)])
def test_a_live_record_finds_its_pinned_file_without_drift(version: str, pinned: Pinned, key: str) -> None:
    spec = spec_of(record(schema(version), key), PINNED)
    assert (spec.schema_version, spec.style, spec.live, spec.drift) == (version, pinned.style, True, ())
    assert spec.fields == pinned.fields
    assert spec.limits == pinned.limits_for(pinned.fields)


def test_v1_holds_the_row_of_its_page() -> None:
    limits = V1.alone().limits
    image, video, audio = limits.kinds[Kind.IMAGE], limits.kinds[Kind.VIDEO], limits.kinds[Kind.AUDIO]
    assert (image.max_count, image.formats, image.max_bytes_each) == (9, ("jpeg", "png", "webp"), 30_000_000)
    assert (video.max_count, video.formats, video.max_bytes_together) == (3, ("mp4", "mov"), 49_999_999)
    assert (video.min_seconds_together, video.max_seconds_together) == (2, 15)
    assert (video.min_area_pixels, video.max_area_pixels) == (640 * 640, 834 * 1112)
    assert (audio.max_count, audio.formats, audio.max_bytes_each) == (3, ("mp3", "wav"), 15_000_000)
    assert audio.max_seconds_together == 15
    assert (limits.max_files, limits.max_prompt_characters, limits.audio_needs_visual) == (12, 2000, True)
    assert (limits.min_seconds, limits.max_seconds) == (4, 15)


def test_what_later_pages_are_silent_about_comes_from_v1() -> None:
    for pinned in (V2, V3):
        limits = pinned.alone().limits
        assert limits.max_files == 15
        assert limits.kinds == V1.alone().limits.kinds
        assert limits.audio_needs_visual
    assert (V2.style, V3.style) == (PromptStyle.BRACKET, PromptStyle.AT)


def test_drift_is_reported_and_the_live_record_rules() -> None:
    document = schema("v3")
    fields = document["properties"]
    fields["duration"]["enum"] = [-1, *range(4, 11)]
    fields["generate_audio"]["default"] = True
    fields["camera_fixed"] = {"type": "boolean", "default": False}
    del fields["watermark"]
    spec = spec_of(record(document), PINNED)
    assert spec.schema_version == "v3"
    assert set(spec.drift) == {
        "watermark: gone",
        "camera_fixed: new",
        "duration: choices -1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 -> -1, 4, 5, 6, 7, 8, 9, 10",
        "generate_audio: default False -> True",
    }
    assert (spec.limits.min_seconds, spec.limits.max_seconds) == (4, 10)
    assert "watermark" not in spec.fields


def test_another_order_and_silence_about_limits_are_no_drift() -> None:
    document = schema("v3")
    document["properties"]["aspect_ratio"]["enum"].reverse()
    for name in ("input_images", "input_videos", "input_audios"):
        del document["properties"][name]["maxItems"]
    spec = spec_of(record(document), PINNED)
    assert spec.drift == ()
    assert spec.limits == V3.limits_for(V3.fields)


def test_tokens_are_written_as_the_records_own_prose_writes_them() -> None:
    document = schema("v1")
    text = json.dumps(document).replace("@Image1", "[Image 1]")
    spec = spec_of(record(json.loads(text)), PINNED)
    assert (spec.schema_version, spec.style) == ("v1", PromptStyle.BRACKET)
    assert spec.drift == ("tokens: @Image1 -> [Image 1]",)


def test_without_prose_the_newest_fitting_version_gives_the_tokens() -> None:
    document = schema("v2")
    for field in document["properties"].values():
        field.pop("description", None)
    spec = spec_of(record(document), PINNED)
    assert (spec.schema_version, spec.style, spec.drift) == ("v3", PromptStyle.AT, ())


def test_a_label_in_media_references_is_no_token_style() -> None:
    document = schema("v3") | {"x-media-references": {"groups": [{"field": "input_images", "pattern": "[Image 1]"}]}}
    assert spec_of(record(document), PINNED).style is PromptStyle.AT


def test_a_record_that_fits_nothing_keeps_its_fields_and_gets_v1s_limits() -> None:
    document = schema("v3")
    document["properties"]["resolution"] = {"type": "integer", "enum": [480, 720]}
    spec = spec_of(record(document), PINNED)
    assert (spec.schema_version, spec.live, spec.limits.max_files) == ("v1", True, 12)
    assert spec.fields["resolution"].type is FieldType.INTEGER
    assert any(line.startswith("resolution: type") for line in spec.drift)


@pytest.mark.parametrize("document", [None, {}, {"properties": {}}, [], "text", {"properties": {"prompt": 1}}])
def test_a_record_without_a_usable_schema_leaves_v1_and_the_price(document: object) -> None:
    spec = spec_of(record(document, pricing={"cost_per_second": 0.2}), PINNED)
    assert (spec.schema_version, spec.live, spec.fields) == ("v1", False, V1.fields)
    assert spec.pricing.per_second("720p") == 200_000
    assert spec.drift


@pytest.mark.parametrize(
    ("said", "kind", "choices"),
    [
        ({"type": ["integer", "null"]}, FieldType.INTEGER, ()),
        ({"anyOf": [{"type": "integer", "enum": [4, 5]}, {"type": "null"}]}, FieldType.INTEGER, (4, 5)),
        ({"type": "integer", "minimum": 4, "maximum": 6}, FieldType.INTEGER, (4, 5, 6)),
        ({"type": "integer", "minimum": 0, "maximum": 2**31}, FieldType.INTEGER, ()),
        ({"type": "number", "enum": [4, 5, None]}, FieldType.INTEGER, (4, 5)),
    ],
)
def test_other_spellings_of_a_type_are_read(said: dict[str, object], kind: FieldType, choices: tuple[int, ...]) -> None:
    document = schema("v3")
    document["properties"]["duration"] = said
    field = spec_of(record(document), PINNED).fields["duration"]
    assert (field.type, field.choices) == (kind, choices)


def test_a_limit_on_items_and_a_missing_kind_shape_the_limits() -> None:
    document = schema("v3")
    document["properties"]["input_images"]["maxItems"] = 4
    del document["properties"]["input_audios"]
    kinds = spec_of(record(document), PINNED).limits.kinds
    assert kinds[Kind.IMAGE].max_count == 4
    assert Kind.AUDIO not in kinds


@pytest.mark.parametrize(("version", "kinds"), [("v1", NONE), ("v2", FACES), ("v3", FACES)])
def test_a_schema_with_fields_for_faces_says_for_which_kinds(version: str, kinds: set[Kind]) -> None:
    assert spec_of(record(schema(version)), PINNED).face_kinds == kinds
    assert {each.version: each for each in PINNED}[version].alone().face_kinds == kinds


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"input_face_videos": None}, {Kind.IMAGE}),
        ({"input_face_videos": {"type": "string"}}, {Kind.IMAGE}),
        ({"input_images": None}, {Kind.VIDEO}),
        ({"input_face_audios": {"type": "array"}}, FACES),
    ],
)
def test_the_live_record_says_which_kinds_have_a_place_for_faces(
    changes: dict[str, dict[str, str] | None], kinds: set[Kind]
) -> None:
    document = schema("v3")
    fields = {name: field for name, field in (document["properties"] | changes).items() if field is not None}
    spec = spec_of(record(document | {"properties": fields}), PINNED)
    assert spec.live
    assert spec.face_kinds == kinds


@pytest.mark.parametrize(
    ("said", "per_second"),
    [
        ({"cost_per_second_by_resolution": {"480p": 0.103, "720p": 0.231}, "cost_per_second": 0.5}, 231_000),
        ({"cost_per_second_by_resolution": {"480p": 0.103}, "cost_per_second": 0.5}, 500_000),
        ({"cost_per_second": 0.1, "cost_per_second_with_audio": 0.2}, 200_000),
        ({"cost_per_second": 0.1, "cost_per_second_with_audio": 0.2, "cost_per_second_high_res": 0.3}, 300_000),
        ({"cost_per_second": 0.1, "cost_per_second_high_res": None}, 100_000),
        ({"cost_per_second": 0.0000001}, 1),
        ({"cost_per_second": 0}, 0),
        ({"cost_per_second": -1}, None),
        ({"cost_per_second": "free"}, None),
        ({"cost_per_second_by_resolution": {}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_price_is_never_below_what_may_be_charged(said: object, per_second: int | None) -> None:
    assert pricing(said).per_second("720p") == per_second


def test_pinned_alone_knows_no_price() -> None:
    spec = V1.alone()
    assert not spec.live
    assert spec.worst_cost_usd_micros(seconds=8, resolution="720p", takes=1) is None


def copied(directory: Path) -> Path:
    return Path(shutil.copytree(MODELS_DIRECTORY, directory / "models"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_files = 12", "max_flies = 12"),
        ("max_files = 12", "max_files = 0"),
        ("face_slots = false", "face_slots = true"),
        ('name = "seed"', 'name = "prompt"'),
        ('schema_version = "v1"', 'schema_version = "v9"'),
        ('token_style = "@Image1"', 'token_style = "#1"'),
        ("max_count = 9\n", ""),
        ("[limits.image]", "[limits.image"),
    ],
)
def test_a_wrong_pinned_file_stops_the_start(tmp_path: Path, old: str, new: str) -> None:
    path = copied(tmp_path) / f"{MODEL_ID}.v1.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(PinnedError):
        load_pinned(path.parent, MODEL_ID)


def test_a_missing_v1_stops_the_start(tmp_path: Path) -> None:
    directory = copied(tmp_path)
    (directory / f"{MODEL_ID}.v1.toml").unlink()
    with pytest.raises(PinnedError):
        load_pinned(directory, MODEL_ID)
    with pytest.raises(PinnedError):
        load_pinned(tmp_path / "nowhere", MODEL_ID)


@given(fields=st.dictionaries(WORDS, JSON), rest=st.dictionaries(WORDS, JSON), price=JSON)
def test_no_record_however_odd_can_stop_us(fields: dict[str, object], rest: dict[str, object], price: object) -> None:
    for properties in (fields, fields | {"prompt": {"type": "string"}}):
        spec = spec_of(record(rest | {"properties": properties}, pricing={"cost_per_second": price}), PINNED)
        assert spec.limits.max_files in {12, 15}
