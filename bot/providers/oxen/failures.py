"""The vendor's words about a failure → our codes. A table, because the vendor documents no codes (oxen.md 4).

Patterns are tried from the top: the narrow before the broad. Sources: `AQ`, `VG`, `WT`, `DS`, `JE`, `OH` and the
upstream documentation named in oxen.md, sections 1.0, 1.1, 1.8, 3, 4 and 7.
"""

import re
from typing import Final

from bot.domain.reasons import Reason, reason
from bot.providers.oxen.values import as_object

_TABLE: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), code)
    for pattern, code in (
        # AQ: error_message "Insufficient credits"; OH: HTTP 402 insufficient_credits, "You have run out of credits."
        (r"insufficient[ _](?:credit|fund|balance)|out of credits|credit balance", "vendor-credits"),
        # OH: type unauthenticated, "You must be authenticated to perform this action."
        (r"\bunauthenticated\b|must be authenticated|invalid api key", "vendor-key"),
        # ModelArk: InputImageSensitiveContentDetected.PrivacyInformation, "The input image may contain real person"
        (r"real (?:person|people|human)|privacyinformation|\bface|likeness|celebrit", "rejected-face"),
        # ModelArk: output blocks for copyright and intellectual property
        (r"copyright|intellectual property|trademark|\bIP infring", "rejected-copyright"),
        # WT: parameter errors in words; before the kinds, because they name kinds too
        (r"audio requires at least|too many (?:input )?files|field required|value error", "rejected-parameters"),
        (r"num_generations must|model not found|unsupported_media_type|unsupported_url_scheme", "rejected-parameters"),
        # ModelArk: <Input|Output><Text|Image|Video|Audio>SensitiveContentDetected
        (r"(?:input)?text\w*sensitive|prompt\b.{0,80}(?:flagged|violat|polic|moderat|sensitive)", "rejected-prompt"),
        (r"(?:flagged|violat|polic|moderat|sensitive).{0,80}\bprompt", "rejected-prompt"),
        (r"outputvideo\w*sensitive", "rejected-content"),
        (r"audio\w*sensitive|audio\b.{0,80}(?:flagged|violat|polic|moderat|sensitive)", "rejected-audio"),
        (r"image\w*sensitive|image\b.{0,80}(?:flagged|violat|polic|moderat|sensitive)", "rejected-image"),
        (r"(?:input)video\w*sensitive|input video\b.{0,80}(?:flagged|violat|polic|moderat)", "rejected-video"),
        # JE and upstream: content rules without a culprit
        (r"content (?:policy|safety|filter)|flagged|moderat|nsfw|safety (?:checker|system)", "rejected-content"),
        (r"sensitive|inappropriate|prohibited|violat", "rejected-content"),
        # IE: "403 Client Error: Forbidden for url"; a reference that could not be fetched or opened
        (r"client error\b.{0,300}\bfor url\b.{0,900}\.(?:png|jpe?g|webp)\b", "rejected-image"),
        (r"client error\b.{0,300}\bfor url\b.{0,900}\.(?:mp4|mov)\b", "rejected-video"),
        (r"client error\b.{0,300}\bfor url\b.{0,900}\.(?:mp3|wav)\b", "rejected-audio"),
        (r"(?:download|fetch|read|decode|load|process|open|invalid|corrupt)\w*.{0,40}\baudio", "rejected-audio"),
        (r"(?:download|fetch|read|decode|load|process|open|invalid|corrupt)\w*.{0,40}\bimage", "rejected-image"),
        (r"(?:download|fetch|read|decode|load|process|open|invalid|corrupt)\w*.{0,40}\bvideo", "rejected-video"),
        # AQ, VG, WT: "Invalid duration", "Invalid resolution", 422 from the model
        (r"invalid[ _]param|invalid (?:duration|resolution|aspect)|validation|unprocessable", "rejected-parameters"),
        (r"\binvalid\b.{0,40}\b(?:value|input|type|option)|must be (?:one of|between|at|an? )", "rejected-parameters"),
    )
)

_PARAMETERS: Final = re.compile(
    r"\b(?:duration|resolution|aspect[ _]ratio|generate_audio|seed|watermark|input_\w{1,20}|num_generations|model"
    r"|prompt|files|audio)\b",
    re.IGNORECASE,
)
_LONGEST_TEXT: Final = 2_000


def classify(text: str, *, otherwise: str = "vendor-failed") -> Reason:
    """The reason in our words. The vendor's text itself never becomes an argument: it may hold URLs or the prompt."""
    text = text[:_LONGEST_TEXT]
    code = next((code for pattern, code in _TABLE if pattern.search(text)), otherwise)
    return reason(code, detail=_parameter(text)) if code == "rejected-parameters" else reason(code)


def error_text(payload: object) -> str:
    """The message in any of the vendor's error shapes (oxen.md 1.0), or nothing. `status` may be of any type."""
    answer = as_object(payload)
    error = answer.get("error")
    details = as_object(error)
    candidates = (
        error,
        *(details.get(key) for key in ("type", "detail", "message", "title")),
        answer.get("error_message"),
        answer.get("status_message"),
    )
    return " · ".join(dict.fromkeys(part for part in candidates if isinstance(part, str) and part))


def _parameter(text: str) -> str:
    found = _PARAMETERS.search(text)
    return found[0].lower() if found else "not named"
