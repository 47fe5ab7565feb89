import pytest

from bot.providers.oxen.echo import Match, match

BODY = {
    "model": "m",
    "num_generations": 1,
    "prompt": "a cat",
    "duration": "8",
    "generate_audio": True,
}
WITH_URL = BODY | {"input_images": ["https://cdn.example/a/1.png?sig=one"]}
WITH_FACE = BODY | {"input_face_images": ["https://cdn.example/a/1.png?sig=one"]}
WITH_DATA = BODY | {"input_images": ["data:image/png;base64,QQ=="]}
SINCE_MS = 1_000_000


@pytest.mark.parametrize(
    ("body", "row", "verdict"),
    [
        (WITH_URL, {"input_images": ["https://cdn.example/a/1.png?sig=two"]}, Match.YES),
        (WITH_URL, {"input_images": ["https://cdn.example/b/1.png?sig=one"]}, Match.NO),
        (WITH_URL, WITH_URL | {"input_images": ["https://cdn.example/b/1.png"]}, Match.NO),
        (WITH_URL, {"input_images": ["https://[nonsense"]}, Match.NO),
        (WITH_FACE, {"input_face_images": ["https://cdn.example/a/1.png?sig=two"]}, Match.YES),
        (WITH_FACE, {"input_face_images": ["https://cdn.example/b/1.png?sig=one"]}, Match.NO),
        (WITH_FACE, WITH_URL, Match.YES),  # the vendor may keep faces apart in its echo or not
        (WITH_FACE | {"input_images": ["https://cdn.example/a/2.png"]}, WITH_FACE, Match.UNTELLABLE),
        (WITH_FACE, {"prompt": "a cat"}, Match.UNTELLABLE),
        (WITH_URL, {"prompt": "a cat"}, Match.UNTELLABLE),
        (WITH_URL, {"prompt": "a dog"}, Match.NO),
        (BODY, {"prompt": "a cat"}, Match.YES),
        (BODY, {"prompt": "a cat", "duration": 8, "generate_audio": "true"}, Match.YES),
        (BODY, {"prompt": "a cat", "duration": 9}, Match.NO),
        (BODY, {"prompt": "a dog"}, Match.NO),
        (BODY, {}, Match.NO),
        (BODY, WITH_URL, Match.NO),
        (BODY, WITH_DATA, Match.YES),  # equal fingerprints: such two are never in submitting at once
        (WITH_DATA, WITH_DATA, Match.YES),
        (WITH_DATA, BODY, Match.YES),
        (WITH_DATA, WITH_URL, Match.UNTELLABLE),  # the vendor may have put the data somewhere of its own
    ],
)
def test_a_row_is_ours_only_when_its_echo_proves_it(
    body: dict[str, object], row: dict[str, object], verdict: Match
) -> None:
    assert match(body, row, enqueued_at_ms=SINCE_MS, since_ms=SINCE_MS) is verdict


@pytest.mark.parametrize(
    ("earlier_ms", "verdict"),
    [
        (0, Match.YES),
        (5_000, Match.YES),
        (5_001, Match.UNTELLABLE),  # our clock may be ahead of the vendor's: "not there" would be paid for
        (86_400_000, Match.UNTELLABLE),
        (86_400_001, Match.NO),
    ],
)
def test_words_alone_prove_nothing_about_older_rows(earlier_ms: int, verdict: Match) -> None:
    assert match(BODY, BODY, enqueued_at_ms=SINCE_MS - earlier_ms, since_ms=SINCE_MS) is verdict


def test_urls_of_our_own_prove_it_whatever_the_clocks_say() -> None:
    assert match(WITH_URL, WITH_URL, enqueued_at_ms=0, since_ms=SINCE_MS) is Match.YES
