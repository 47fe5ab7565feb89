import pytest

from bot.domain.words import SENTENCES
from bot.providers.oxen.failures import classify, error_text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Insufficient credits", "vendor-credits"),
        ("insufficient_credits · You have run out of credits.", "vendor-credits"),
        ("You must be authenticated to perform this action.", "vendor-key"),
        ("The input image may contain real person", "rejected-face"),
        ("InputImageSensitiveContentDetected.PrivacyInformation", "rejected-face"),
        ("Output blocked: copyright restrictions", "rejected-copyright"),
        ("InputTextSensitiveContentDetected", "rejected-prompt"),
        ("Your prompt was flagged by our content policy", "rejected-prompt"),
        ("The content filter flagged the prompt", "rejected-prompt"),
        ("InputImageSensitiveContentDetected", "rejected-image"),
        ("InputVideoSensitiveContentDetected", "rejected-video"),
        ("OutputVideoSensitiveContentDetected", "rejected-content"),
        ("OutputAudioSensitiveContentDetected", "rejected-audio"),
        ("The request was blocked by our content safety filter.", "rejected-content"),
        ("Content policy violation", "rejected-content"),
        ("NSFW content detected", "rejected-content"),
        ("Failed to download image: 403 Client Error: Forbidden for url", "rejected-image"),
        ("403 Client Error: Forbidden for url: https://cdn.example/a/clip.mp4?sig=1", "rejected-video"),
        ("Could not decode audio stream", "rejected-audio"),
        ("Field required", "rejected-parameters"),
        ("Too many input files", "rejected-parameters"),
        ("Audio requires at least one image or video", "rejected-parameters"),
        ("Invalid duration", "rejected-parameters"),
        ("Invalid resolution", "rejected-parameters"),
        ("Getting model response error: 422 - Value error, duration must be at least 4", "rejected-parameters"),
        ("num_generations must be an integer between 1 and 4", "rejected-parameters"),
        ("Model not found: nothing", "rejected-parameters"),
        ("Internal server error", "vendor-failed"),
        ("", "vendor-failed"),
    ],
)
def test_what_the_vendor_says_becomes_a_code_with_a_sentence(text: str, code: str) -> None:
    reason = classify(text)
    assert reason.code == code
    assert code in SENTENCES


def test_the_vendors_text_never_becomes_an_argument() -> None:
    reason = classify("Value error: duration for prompt 'my secret wish' at https://cdn.example/x?sig=s3cret")
    assert reason.arguments == {"detail": "duration"}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"error": "plain"}, "plain"),
        (
            {"error": {"type": "invalid_params", "title": "Invalid.", "detail": "why"}, "status": "error"},
            "invalid_params · why · Invalid.",
        ),
        ({"error": {"message": "Model not found: x"}}, "Model not found: x"),
        ({"error": {"type": "upstream", "title": "It failed."}, "status": 502}, "upstream · It failed."),
        ({"status_message": "rate_limited"}, "rate_limited"),
        ({"error_message": "Insufficient credits"}, "Insufficient credits"),
        ({"error": None}, ""),
        ({"error": {"detail": {"deep": 1}}}, ""),
        ([], ""),
        (None, ""),
        ("text", ""),
    ],
)
def test_every_error_shape_is_read(payload: object, text: str) -> None:
    assert error_text(payload) == text
