import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.domain.errors import Refused
from bot.domain.generations import Material, Submission
from bot.domain.media import Kind
from bot.domain.models import FieldSpec, FieldType, ModelSpec
from bot.domain.references import faces_first
from bot.domain.requests import Parameters
from bot.providers.oxen.body import ENVELOPE_FIELDS, fingerprint, prepare
from bot.providers.oxen.values import as_list
from tests.fakes_provider import MODEL_ID, default_spec
from tests.fakes_references import make_references

SCHEMAS = Path(__file__).resolve().parents[2] / "sandbox" / "oxen" / "schemas"
VERSIONS = ("v1", "v2", "v3")


def material(
    kind: Kind = Kind.IMAGE, url: str = "https://cdn.example/a/1.png?sig=one", *, face: bool = False
) -> Material:
    return Material(reference_id="r", kind=kind, url=url, shows_person=face)


def submission(*materials: Material, prompt: str = "a cat", **parameters: object) -> Submission:
    chosen = Parameters(**parameters)  # pyright: ignore[reportArgumentType]
    return Submission(model_id=MODEL_ID, prompt=prompt, parameters=chosen, materials=materials)


def body_of(version: str, *materials: Material, **parameters: object) -> dict[str, object]:
    return dict(prepare(default_spec(version), submission(*materials, prompt="a cat", **parameters)).body)


@pytest.mark.parametrize(
    ("parameter", "value", "field", "expected"),
    [
        ("duration_seconds", None, "duration", {"v1": "auto", "v2": -1, "v3": -1}),
        ("duration_seconds", 4, "duration", {"v1": "4", "v2": 4, "v3": 4}),
        ("duration_seconds", 8, "duration", {"v1": "8", "v2": 8, "v3": 8}),
        ("duration_seconds", 15, "duration", {"v1": "15", "v2": 15, "v3": 15}),
        ("aspect_ratio", "auto", "aspect_ratio", {"v1": "auto", "v2": "adaptive", "v3": "adaptive"}),
        ("aspect_ratio", "9:16", "aspect_ratio", {"v1": "9:16", "v2": "9:16", "v3": "9:16"}),
        ("resolution", "480p", "resolution", {"v1": "480p", "v2": "480p", "v3": "480p"}),
        ("resolution", "720p", "resolution", {"v1": "720p", "v2": "720p", "v3": "720p"}),
        ("audio", True, "generate_audio", {"v1": True, "v2": True, "v3": True}),
        ("audio", False, "generate_audio", {"v1": False, "v2": False, "v3": False}),
        ("seed", 7, "seed", {"v1": 7, "v2": None, "v3": None}),
        ("seed", 0, "seed", {"v1": 0, "v2": None, "v3": None}),
        ("seed", None, "seed", {"v1": None, "v2": None, "v3": None}),
        ("seed", None, "watermark", {"v1": None, "v2": False, "v3": False}),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_parameter_is_said_in_the_words_of_the_schema(
    version: str, parameter: str, value: object, field: str, expected: dict[str, object]
) -> None:
    body = body_of(version, **{parameter: value})
    found = body.get(field)
    assert (found, type(found)) == (expected[version], type(expected[version]))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seconds", [None, *range(4, 16)])
@pytest.mark.parametrize("aspect_ratio", ["auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"])
def test_every_body_is_valid_in_the_schema_it_was_made_for(
    version: str, seconds: int | None, aspect_ratio: str
) -> None:
    schema = json.loads((SCHEMAS / f"{version}.json").read_text("utf-8"))
    materials = [material(kind, face=face) for kind in Kind for face in (True, False)]
    body = body_of(version, *materials, duration_seconds=seconds, aspect_ratio=aspect_ratio, seed=3)
    model_part = {name: value for name, value in body.items() if name not in ENVELOPE_FIELDS}
    Draft202012Validator({**schema, "additionalProperties": False}).validate(model_part)  # pyright: ignore[reportUnknownMemberType]
    optional = {"input_images", "input_face_images", "input_videos", "input_face_videos", "input_audios"}
    assert model_part.keys() >= schema["properties"].keys() - optional


def test_references_keep_their_order_within_their_kind() -> None:
    urls = {kind: [f"https://cdn.example/{kind}/{number}" for number in (1, 2)] for kind in Kind}
    mixed = [material(kind, urls[kind][index]) for index in (0, 1) for kind in (Kind.AUDIO, Kind.IMAGE, Kind.VIDEO)]
    body = body_of("v3", *mixed)
    assert body["input_images"] == urls[Kind.IMAGE]
    assert body["input_videos"] == urls[Kind.VIDEO]
    assert body["input_audios"] == urls[Kind.AUDIO]


# --- files that show a real person ----------------------------------------------------------------------------------


def urls(*names: str) -> list[str]:
    return [f"https://cdn.example/{name}" for name in names]


def faces_and_others(kind: Kind) -> list[Material]:
    """Two that show a person, a, b, and two that do not, x, y; mixed."""
    a, x, b, y = urls("a", "x", "b", "y")
    return [material(kind, a, face=True), material(kind, x), material(kind, b, face=True), material(kind, y)]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_what_shows_a_person_goes_to_the_field_for_faces_in_order(version: str) -> None:
    body = body_of(version, *faces_and_others(Kind.IMAGE), material(Kind.VIDEO, face=True), material(Kind.AUDIO))
    assert (body["input_face_images"], body["input_images"]) == (urls("a", "b"), urls("x", "y"))
    assert len(as_list(body["input_face_videos"])) == 1
    assert "input_videos" not in body
    assert "input_audios" in body


def test_without_a_field_for_faces_all_go_where_files_go() -> None:
    body = body_of("v1", *faces_and_others(Kind.IMAGE), material(Kind.AUDIO, face=True))
    assert body["input_images"] == urls("a", "x", "b", "y")
    assert len(as_list(body["input_audios"])) == 1
    assert not any("face" in name for name in body)


def test_the_files_are_sent_in_the_order_in_which_they_are_numbered_to_people() -> None:
    """What `faces_first` numbers 1, 2, … is what the vendor counts: its field for faces, then the other one."""
    marks = [False, True, False, True]
    made = [replace(one, shows_person=mark) for one, mark in zip(make_references(*"abcd"), marks, strict=True)]
    ordered = faces_first(made, default_spec("v3").face_kinds)
    body = body_of("v3", *[material(one.kind, one.name, face=one.shows_person) for one in ordered])
    sent = [*as_list(body["input_face_images"]), *as_list(body["input_images"])]
    assert sent == [one.name for one in ordered] == ["b", "d", "a", "c"]
    assert [one.kind_number for one in ordered] == [1, 2, 3, 4]


def test_faces_and_others_together_are_no_more_than_the_kind_allows() -> None:
    images = [material(face=number < 5) for number in range(10)]
    assert body_of("v3", *images[:9])
    with pytest.raises(Refused) as refusal:
        body_of("v3", *images)
    arguments = refusal.value.reason.arguments
    assert refusal.value.reason.code == "too-many-of-kind"
    assert (arguments["count"], arguments["limit"], arguments["surplus"]) == (10, 9, 1)


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("input_face_images", "“@Image1”, “@Image2”"), ("input_images", "“@Image3”, “@Image4”")],
)
def test_a_field_of_its_own_limit_takes_no_more_than_that(name: str, tokens: str) -> None:
    spec = default_spec("v3")
    small = replace(spec, fields={**spec.fields, name: replace(spec.fields[name], max_items=1)})
    with pytest.raises(Refused) as refusal:
        prepare(small, submission(*faces_and_others(Kind.IMAGE)))
    arguments = refusal.value.reason.arguments
    assert (arguments["count"], arguments["limit"]) == (2, 1)
    assert arguments["names"] == tokens


def test_a_take_is_told_by_the_urls_of_its_faces_too() -> None:
    spec = default_spec("v3")
    one, renewed, other = (
        prepare(spec, submission(material(url=url, face=True))).fingerprint
        for url in (
            "https://cdn.example/a/1.png?sig=one",
            "https://cdn.example/a/1.png?sig=two",
            "https://cdn.example/b/1.png?sig=one",
        )
    )
    assert one == renewed != other


def test_one_generation_of_the_named_model_is_asked_for() -> None:
    body = body_of("v1")
    assert (body["model"], body["num_generations"], body["prompt"]) == (MODEL_ID, 1, "a cat")
    assert not any(name.startswith("input_") for name in body)


def test_a_namespace_is_named_only_when_it_is_set() -> None:
    spec = default_spec()
    assert "target_namespace" not in prepare(spec, submission()).body
    assert prepare(spec, submission(), namespace="studio").body["target_namespace"] == "studio"


def test_a_seed_that_the_schema_lacks_is_dropped_by_name() -> None:
    assert prepare(default_spec("v3"), submission(seed=7)).dropped == ("seed",)
    assert prepare(default_spec("v3"), submission()).dropped == ()
    assert prepare(default_spec("v1"), submission(seed=7)).dropped == ()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("parameter", "value", "name"),
    [("duration_seconds", 16, "duration"), ("duration_seconds", 3, "duration"), ("resolution", "1080p", "resolution"),
     ("aspect_ratio", "2:1", "aspect_ratio")],
)  # fmt: skip
def test_what_is_not_offered_is_refused_with_what_is(version: str, parameter: str, value: object, name: str) -> None:
    with pytest.raises(Refused) as refusal:
        body_of(version, **{parameter: value})
    reason = refusal.value.reason
    assert (reason.code, reason.arguments["name"], reason.arguments["value"]) == (
        "parameter-not-offered",
        name,
        str(value),
    )
    choices = str(reason.arguments["choices"])
    assert "-1" not in choices.split(", ")
    assert "adaptive" not in choices


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Refused) as refusal:
        body_of("v1", *[material(Kind.VIDEO)] * 4, duration_seconds=99, resolution="4k")
    codes = [reason.code for reason in refusal.value.reasons]
    assert codes == ["parameter-not-offered", "parameter-not-offered", "too-many-of-kind"]


def without(spec: ModelSpec, *names: str) -> ModelSpec:
    fields = {name: field for name, field in spec.fields.items() if name not in names}
    return ModelSpec(id=spec.id, schema_version="live", style=spec.style, fields=fields, limits=spec.limits)


def test_a_kind_without_a_field_is_refused_and_a_parameter_without_one_is_dropped() -> None:
    spec = without(default_spec("v1"), "input_audios", "generate_audio", "duration")
    with pytest.raises(Refused) as refusal:
        prepare(spec, submission(material(Kind.AUDIO)))
    assert refusal.value.reason.code == "kind-not-accepted"
    assert prepare(spec, submission()).dropped == ("audio",)
    assert prepare(spec, submission(duration_seconds=5)).dropped == ("duration", "audio")


def test_half_a_surrogate_pair_cannot_stop_a_submission() -> None:
    body = prepare(default_spec(), submission(prompt="cat \ud83d")).body
    assert body["prompt"] == "cat ?"


def test_takes_with_urls_of_their_own_differ_and_renewed_signatures_do_not() -> None:
    spec = default_spec()
    prints = [
        prepare(spec, submission(material(url=url))).fingerprint
        for url in (
            "https://cdn.example/a/1.png?sig=one",
            "https://cdn.example/a/1.png?sig=two",
            "https://cdn.example/b/1.png?sig=one",
        )
    ]
    assert prints[0] == prints[1] != prints[2]


def test_takes_that_only_words_could_tell_apart_are_equal_by_words() -> None:
    spec = default_spec()
    one, other = (
        prepare(spec, submission(material(url=f"data:image/png;base64,{text}"))).fingerprint
        for text in ("QQ==", "Qg==")
    )
    bare = prepare(spec, submission()).fingerprint
    assert one == other == bare
    assert bare != prepare(spec, submission(prompt="a dog")).fingerprint
    assert bare != prepare(spec, submission(duration_seconds=5)).fingerprint


def test_a_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    body = body_of("v1", material())
    assert fingerprint(body) == fingerprint(dict(reversed(body.items())))


def test_a_required_field_that_is_new_to_us_gets_its_documented_default() -> None:
    spec = default_spec("v3")
    new = FieldSpec(name="end_user_id", type=FieldType.STRING, default="fill_me_in", required=True)
    optional = FieldSpec(name="camera_fixed", type=FieldType.BOOLEAN, default=False)
    spec = replace(spec, fields={**spec.fields, new.name: new, optional.name: optional})
    body = prepare(spec, submission()).body
    assert body["end_user_id"] == "fill_me_in"
    assert "camera_fixed" not in body
