"""Where words end. Scripts written without spaces need none around a mention; all others do."""

import re

_WIDE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u31ff\u3400-\u4dbf\u4e00-\u9fff"  # Han, kana, bopomofo
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul (particles are attached), single letters too
    "\uf900-\ufaff\U00020000-\U0003ffff"  # Han extensions
)
_WIDE_CHARACTER = re.compile(f"[{_WIDE}]")
_FIRST_WIDE = "\u0e00"

LETTERS = re.compile(rf"[^\W\d_{_WIDE}]++")
"""A whole run of letters of scripts that put spaces between words."""

DIGITS = re.compile("([0-9]++)(?:\ufe0f?\u20e3)?")
"""A number, and the frame that an emoji keycap puts around its last digit."""

WORD = re.compile(rf"[^\W{_WIDE}]++(?:[.\-]++[^\W{_WIDE}]++)*+")
"""What may follow an `@`: letters, digits, and dots and hyphens between them."""

_SIGN = r"[\\<]|@(?![@<>\s])|#(?=[0-9])|[\[{【](?= ?\w)"
LEXEME = re.compile(rf"([^\W\d_{_WIDE}]++)|([0-9]++)|(\s++)|({_SIGN})|(.)", re.DOTALL)
"""The next step of the scan, by group: a word, a number, a stretch of white space, a sign, or any one character.

A sign counts as one only before what may make it a mention.
"""

WORD_GROUP, NUMBER_GROUP, SPACE_GROUP, SIGN_GROUP = 1, 2, 3, 4

_MEDIA_EXTENSION = re.compile(
    r"\.(?:png|jpe?g|webp|gif|bmp|tiff?|heic|heif|avif|svg|mp4|mov|m4v|webm|mkv|avi|mp3|wav|m4a|ogg|opus|flac|aac)"
    rf"(?![^\W{_WIDE}])"
)
_RUNS_ON = re.compile(r"[.:/\-–][0-9]| ?[x×] ?[0-9]|%")
"""What makes a number something else: a ratio, a range, a share, a size."""

_LISTED = re.compile(r"[,~〜][0-9]")
_PATH = re.compile(rf"[^\W_{_WIDE}]$|(?:^|\W)[a-z]:$|(?:^|[\s.])\.$")
_EMPHASIS_ENDS = re.compile(rf"_{{1,3}}(?![^\W{_WIDE}])")


def is_wide(character: str) -> bool:
    """True for a character of a script that is written without spaces."""
    return character >= _FIRST_WIDE and _WIDE_CHARACTER.match(character) is not None


def glues(character: str) -> bool:
    """True when the character would be read as part of the word before or after it."""
    return (character.isalnum() or character == "_") and not is_wide(character)


def in_path(text: str, index: int) -> bool:
    r"""True for the backslash of a path, `C:\one.png` or `media\one.png`; any other takes a mention back."""
    return _PATH.search(text[max(0, index - 3) : index]) is not None


def starts_word(text: str, index: int, after: int = -1) -> bool:
    """True when a loose mention may begin here: not inside a word, a path, a dotted name or a hashtag.

    `after` is where the mention before this one ended: "image 1/image 2" and "#1-#2" are two, "clips/hero.png" is none.
    """
    if index == 0 or is_wide(text[index]):
        return True
    before, earlier = text[index - 1], text[max(0, index - 2) : index - 1]
    if before == ".":  # "see...hero.png", but not "my.hero.png"
        return not (earlier and glues(earlier))
    if before in "/-":
        return after == index - 1
    if before == "_":
        return _opens_emphasis(text, index)
    return not (glues(before) or before in "#@")


def _opens_emphasis(text: str, index: int) -> bool:
    """True for Markdown's `_image 1_`, not for `my_image 1`."""
    before = text[max(0, index - 4) : index].rstrip("_")[-1:]
    return not glues(before) if before else index <= 3  # noqa: PLR2004  longer rows of underscores are no emphasis


def ends_word(text: str, index: int) -> bool:
    """True when a word may end before `index`."""
    return index >= len(text) or not glues(text[index]) or _EMPHASIS_ENDS.match(text, index) is not None


def ends_name(text: str, index: int) -> bool:
    """True when a file's name may end here: `hero` does not in `heroes`, `hero.png` and `hero-2`."""
    ended = index >= len(text) or not glues(text[index])
    return ended and not _MEDIA_EXTENSION.match(text, index) and not _hyphen_digit(text, index)


def ends_number(text: str, index: int) -> bool:
    """True when a strict mention's number may end here: not in `@Image1st`, not in `@image1.png`."""
    return ends_word(text, index) and not _MEDIA_EXTENSION.match(text, index)


def ends_plain_number(text: str, index: int) -> bool:
    """True when a number without a kind, or a loose one, may end here: not in `16:9`, `1.5`, `1-3`, `50%` either."""
    return ends_number(text, index) and not _RUNS_ON.match(text, index)


def goes_on(text: str, index: int) -> bool:
    """True where a list, a range or a decimal may go on: `1,2`."""
    return _LISTED.match(text, index) is not None


def has_media_extension(word: str) -> bool:
    """True for what looks like the name of a media file."""
    dot = word.rfind(".")
    return dot > 0 and _MEDIA_EXTENSION.fullmatch(word, dot) is not None


def _hyphen_digit(text: str, index: int) -> bool:
    return text[index : index + 1] == "-" and text[index + 1 : index + 2].isdecimal()
