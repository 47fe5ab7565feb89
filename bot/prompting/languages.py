"""The words for the three kinds, and ordinals, one table a language. Data only; `lexicon` makes the look-ups.

A word that is too common to be trusted alone (`图1` may be part of `地图1`) is `strict_only`: it counts after an `@` or
in brackets. Left out on purpose: French "son" (English "my son 1"), German "Ton" (English "a ton").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Words in lower case. `ordinals` stand before the kind word; `ordinal_prefixes` are glued to it (`第二张图片`).

    After a word of `not_after`, an ordinal is none: "a second image" is another one, "ten second clip" a duration.
    """

    code: str
    image: tuple[str, ...]
    video: tuple[str, ...]
    audio: tuple[str, ...]
    strict_only: frozenset[str] = frozenset()
    articles: frozenset[str] = frozenset()
    ordinals: Mapping[str, int] = field(default_factory=dict[str, int])
    ordinal_suffixes: frozenset[str] = frozenset()
    ordinal_prefixes: Mapping[str, int] = field(default_factory=dict[str, int])
    not_after: frozenset[str] = frozenset()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _words(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _counted(words: str) -> dict[str, int]:
    """`first second` → 1, 2; forms of one number are joined by a slash."""
    return {form: number for number, forms in enumerate(words.split(), start=1) for form in forms.split("/")}


def _inflected(stems: str, endings: str) -> dict[str, int]:
    """Every stem with every ending (`-` is none), numbered by stem."""
    tails = [ending.strip("-") for ending in endings.split()]
    return {stem + tail: number for stem, number in _counted(stems).items() for tail in tails}


def _around(numerals: Mapping[str, int], before: str, after: Iterable[str]) -> dict[str, int]:
    """Each numeral between the two: `第` 二 `张`."""
    return {f"{before}{numeral}{tail}": number for numeral, number in numerals.items() for tail in after}


_HAN = _counted("一/1 二/2/两/兩 三/3 四/4 五/5 六/6 七/7 八/8 九/9 十/10 十一/11 十二/12 十三/13 十四/14 十五/15")

ENGLISH = Language(
    code="en",
    image=_words("image img pic picture photo"),
    video=_words("video vid clip"),
    audio=_words("audio sound voice music"),
    articles=_set("the"),
    ordinals=_counted(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth"
    ),
    ordinal_suffixes=_set("st nd rd th"),
    not_after=_set(
        "a an another every each per one two three four five six seven eight nine ten eleven twelve fifteen twenty "
        "thirty sixty few several half split"
    ),
)

CHINESE = Language(
    code="zh",
    image=_words("图片 圖片 图像 圖像 照片 图 圖"),
    video=_words("视频 視頻 影片 视頻 录像 錄像"),
    audio=_words("音频 音頻 声音 聲音 音乐 音樂 录音 錄音"),
    strict_only=_set("图 圖"),
    ordinal_prefixes=_around(_HAN, "第", _words("张 張 个 個 幅 段 条 條 部 支 首")) | _around(_HAN, "第", [""]),
)

JAPANESE = Language(
    code="ja",
    image=_words("画像 写真 イメージ 図"),
    video=_words("動画 ビデオ 映像"),
    audio=_words("音声 オーディオ 音楽 サウンド"),
    strict_only=_set("図"),
    ordinal_prefixes={"最初の": 1}
    | _around(_HAN, "", ["番目の", "つ目の", "個目の", "枚目の", "本目の", "曲目の"])
    | _around(_HAN, "第", ["の"]),
)

KOREAN = Language(
    code="ko",
    image=_words("이미지 사진 그림"),
    video=_words("비디오 동영상 영상"),
    audio=_words("오디오 음성 음악 소리"),
    ordinal_prefixes=_around(_counted("첫 두 세 네 다섯 여섯 일곱 여덟 아홉 열"), "", [" 번째 ", "번째 "])
    | _around({str(number): number for number in range(1, 16)}, "", ["번째 ", "번 "]),
)

SPANISH = Language(
    code="es",
    image=_words("imagen foto fotografía"),
    video=_words("vídeo video clip"),
    audio=_words("audio sonido voz música"),
    articles=_set("el la"),
    ordinals=_inflected("primer segund tercer cuart quint sext séptim octav noven décim", "o a")
    | {"primer": 1, "tercer": 3},
    ordinal_suffixes=_set("o a er"),
    not_after=_set("un una otro otra cada"),
)

PORTUGUESE = Language(
    code="pt",
    image=_words("imagem foto fotografia"),
    video=_words("vídeo video clipe"),
    audio=_words("áudio audio som voz música"),
    articles=_set("o a"),
    ordinals=_inflected("primeir segund terceir quart quint sext sétim oitav non décim", "o a"),
    ordinal_suffixes=_set("o a"),
    not_after=_set("um uma outro outra cada"),
)

FRENCH = Language(
    code="fr",
    image=_words("image photo"),
    video=_words("vidéo video clip"),
    audio=_words("audio voix musique"),
    articles=_set("le la"),
    ordinals=_counted(
        "premier/première second/seconde/deuxième troisième quatrième cinquième sixième septième huitième neuvième "
        "dixième"
    ),
    ordinal_suffixes=_set("er re ère e ème"),
    not_after=_set("un une autre chaque"),
)

GERMAN = Language(
    code="de",
    image=_words("bild bildes foto"),
    video=_words("video clip"),
    audio=_words("audio klang stimme musik"),
    articles=_set("der die das dem den des"),
    ordinals=_inflected("erst zweit dritt viert fünft sechst siebt acht neunt zehnt elft zwölft", "e en em er es"),
    not_after=_set("ein eine einem einen einer"),
)

ITALIAN = Language(
    code="it",
    image=_words("immagine foto"),
    video=_words("video filmato"),
    audio=_words("audio suono voce musica"),
    articles=_set("il lo la"),
    ordinals=_inflected("prim second terz quart quint sest settim ottav non decim", "o a"),
    ordinal_suffixes=_set("o a"),
    not_after=_set("un uno una altro altra ogni"),
)

RUSSIAN = Language(
    code="ru",
    image=_words(
        "изображение изображения изображении изображению изображением картинка картинки картинке картинку картинкой "
        "фото фотография фотографии фотографию фотографией рисунок рисунка рисунке рисунком"
    ),
    video=_words("видео ролик ролика ролике роликом клип клипа клипе клипом"),
    audio=_words("аудио звук звука звуком музыка музыки музыке музыку музыкой голос голоса голосом"),
    ordinals=_inflected(
        "перв втор трет четверт/четвёрт пят шест седьм восьм девят десят",
        "ый ой ое ая ого ому ом ым ую ий ье ья ью ьего ьему ьем ьей ьим",
    ),
    not_after=_set("ещё еще каждый каждая каждое другой другая другое"),
)

LANGUAGES = (ENGLISH, CHINESE, JAPANESE, KOREAN, SPANISH, PORTUGUESE, FRENCH, GERMAN, ITALIAN, RUSSIAN)
