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
    The other words make a mention unsure; it is left as text, and said to be:

    * `unsure_after`: before an ordinal without an article ("at first sound"); `numerals` directly before a glued one
      make it none ("twenty-first");
    * `measures`: after a number, they make it an amount ("clip 3 s", `图片3张`). `no_measures` are longer words that
      only begin so; where `measure_followers` are given, a measure ends the word or has one of them behind it;
    * `verbs`: kind words that are verbs too ("I picture 2 things"), unless one of `followers` comes next;
    * `followers` of a script without spaces: characters that may come right after a kind word without prolonging it;
    * `compounds`: words that make one thing with a kind word before them ("the first video game").

    `number_words` may stand between a kind and its number ("image no. 1").
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
    unsure_after: frozenset[str] = frozenset()
    numerals: frozenset[str] = frozenset()
    number_words: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    no_measures: frozenset[str] = frozenset()
    measure_followers: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    followers: frozenset[str] = frozenset()
    compounds: frozenset[str] = frozenset()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _characters(characters: str) -> frozenset[str]:
    return frozenset(characters)


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

_HAN_NUMERALS = frozenset("一二三四五六七八九十百千万〇零两兩廿")
_PARTICLES = frozenset("가를을이은는의에와과로도으처만까부랑하보속들라")

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
        "thirty sixty few several half split no any"
    ),
    unsure_after=_set("at"),
    number_words=_set("number no no. nr nr. num num."),
    measures=_set("second seconds sec secs s minute minutes min mins hour hours hr hrs h fps ms"),
    verbs=_set("picture"),
    followers=_set("and or but then in on at as to into from of for with is was are were has like by"),
    compounds=_set(
        "game games gamer lesson lessons book books shoot shoots album albums store shop studio gallery editor camera "
        "cameras call calls player players box boxes festival school teacher library card cards band bands effect "
        "effects channel essay diary frame frames booth lab industry class hall credits producer director"
    ),
)

CHINESE = Language(
    code="zh",
    image=_words("图片 圖片 图像 圖像 照片 图 圖"),
    video=_words("视频 視頻 影片 视頻 录像 錄像"),
    audio=_words("音频 音頻 声音 聲音 音乐 音樂 录音 錄音"),
    strict_only=_set("图 圖"),
    ordinal_prefixes=_around(_HAN, "第", _words("张 張 个 個 幅 段 条 條 部 支 首")) | _around(_HAN, "第", [""]),
    numerals=_HAN_NUMERALS,
    number_words=_set("编号 編號"),
    measures=_set(
        "秒 秒钟 秒鐘 分 分钟 分鐘 小时 小時 天 张 張 个 個 幅 段 首 遍 次 倍 人 年 帧 幀 条 條 部 支 种 種 位 名 本"
    ),
    no_measures=_set(
        "秒杀 秒殺 人物 人像 人脸 人臉 人体 人體 人群 张开 張開 张嘴 張嘴 首先 首页 首頁 次日 年轻 年輕 年龄 年齡 "
        "个性 個性 分别 分別 分明 位于 位於 位置 部分 名字 名称 名稱 天空 天气 天氣 条纹 條紋 段落 本身 本来 本來 支持"
    ),
    followers=_characters(
        "在里裡裏的中和与與跟像是上下内內为為作做当當把被让讓给給用从從到向往对對及或变變走跑跳唱飞飛站坐看进進出来來去"
        "有一也都就要应應将將以按放接转轉融开開动動配合换換成后後前同比之那这這所时時则則再又不并並而且等呢吗嗎吧"
    ),
)

JAPANESE = Language(
    code="ja",
    image=_words("画像 写真 イメージ 図"),
    video=_words("動画 ビデオ 映像"),
    audio=_words("音声 オーディオ 音楽 サウンド"),
    strict_only=_set("図"),
    ordinal_prefixes={"最初の": 1}
    | _around(_HAN, "", ["番目の", "番の", "つ目の", "個目の", "枚目の", "本目の", "曲目の"])
    | _around(_HAN, "第", ["の"]),
    numerals=_HAN_NUMERALS,
    number_words=_set("番号"),
    measures=_set("秒 秒間 分 分間 時間 日 日間 枚 本 人 曲 回 倍 年 つ 個 点 名 種類"),
    no_measures=_set(
        "人物 人間 人形 本人 本体 本物 本当 回転 回し 年齢 年代 分割 分身 分解 日本 日中 点滅 名前 個性 曲線 "
        "つま つか つい つな"
    ),
    followers=_characters("".join(map(chr, range(0x3041, 0x3094))) + "風内中上下側全同自"),
)

KOREAN = Language(
    code="ko",
    image=_words("이미지 사진 그림"),
    video=_words("비디오 동영상 영상"),
    audio=_words("오디오 음성 음악 소리"),
    ordinal_prefixes=_around(
        _counted("첫 두 세 네 다섯 여섯 일곱 여덟 아홉 열 열한 열두 열세 열네 열다섯"), "", [" 번째 ", "번째 "]
    )
    | _around(_counted("첫 둘 셋 넷 다섯 여섯 일곱 여덟 아홉 열"), "", ["째 "])
    | _around({str(number): number for number in range(1, 16)}, "", ["번째 ", "번 "]),
    numerals=_set("한 두 세 네 다섯 여섯 일곱 여덟 아홉 열 스물 서른 마흔 쉰 예순 일흔 여든 아흔 백"),
    number_words=_set("번호"),
    measures=_set("초 분 시간 일 장 개 명 곡 배 편 년 배속 프레임 번째"),
    measure_followers=_PARTICLES | _characters("간동짜씩정"),
    followers=_PARTICLES,
)

SPANISH = Language(
    code="es",
    image=_words("imagen foto fotografía"),
    video=_words("vídeo video clip"),
    audio=_words("audio sonido voz música"),
    articles=_set("el la"),
    ordinals=_inflected("primer segund tercer cuart quint sext séptim octav noven décim", "o a")
    | {"primer": 1, "tercer": 3},
    ordinal_suffixes=_set("o a er .o .a .er ro ra do da to ta mo ma vo va no na"),
    not_after=_set("un una otro otra cada ningún ninguna"),
    unsure_after=_set("por al"),
    number_words=_set("número num num. núm núm. no n.o n°"),
    measures=_set("segundo segundos seg minuto minutos min hora horas h s"),
    compounds=_set("musical musicales"),
)

PORTUGUESE = Language(
    code="pt",
    image=_words("imagem foto fotografia"),
    video=_words("vídeo video clipe"),
    audio=_words("áudio audio som voz música"),
    articles=_set("o a"),
    ordinals=_inflected("primeir segund terceir quart quint sext sétim oitav non décim", "o a"),
    ordinal_suffixes=_set("o a .o .a"),
    not_after=_set("um uma outro outra cada nenhum nenhuma"),
    unsure_after=_set("por"),
    number_words=_set("número num num. núm. no n.o n°"),
    measures=_set("segundo segundos seg minuto minutos min hora horas h s"),
    compounds=_set("musical musicais"),
)

FRENCH = Language(
    code="fr",
    image=_words("image photo"),
    video=_words("vidéo video clip"),
    audio=_words("audio voix musique"),
    articles=_set("le la"),
    ordinals=_counted(
        "premier/première/premiere second/seconde/deuxième/deuxieme troisième/troisieme quatrième/quatrieme "
        "cinquième/cinquieme sixième/sixieme septième/septieme huitième/huitieme neuvième/neuvieme dixième/dixieme"
    ),
    ordinal_suffixes=_set("er re ère ere e ème eme ième ieme nd nde"),
    not_after=_set("un une autre chaque aucun aucune"),
    number_words=_set("numéro numero no n°"),
    measures=_set("seconde secondes sec minute minutes min heure heures h s"),
    compounds=_set("musical musicale musicaux"),
)

GERMAN = Language(
    code="de",
    image=_words("bild bildes foto"),
    video=_words("video clip"),
    audio=_words("audio klang stimme musik"),
    articles=_set("der die das dem den des"),
    ordinals=_inflected(
        "erst zweit dritt viert fünft/fuenft sechst siebt acht neunt zehnt elft zwölft/zwoelft", "e en em er es"
    ),
    ordinal_suffixes=_set("."),
    not_after=_set(
        "ein eine einem einen einer eines jede jeder jedes jedem jeden kein keine keinen keinem keiner alle allen "
        "weiteres weitere weiterer weiteren weiterem"
    ),
    number_words=_set("nummer nr nr. no."),
    measures=_set("sekunde sekunden sek minute minuten min stunde stunden std h s"),
)

ITALIAN = Language(
    code="it",
    image=_words("immagine foto"),
    video=_words("video filmato"),
    audio=_words("audio suono voce musica"),
    articles=_set("il lo la"),
    ordinals=_inflected("prim second terz quart quint sest settim ottav non decim", "o a"),
    ordinal_suffixes=_set("o a .o .a"),
    not_after=_set("un uno una altro altra ogni nessun nessuno nessuna"),
    unsure_after=_set("al per"),
    number_words=_set("numero num. n. n.o n° no"),
    measures=_set("secondo secondi sec minuto minuti min ora ore h s"),
    compounds=_set("musicale musicali"),
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
    ordinal_suffixes=_set("-й -ый -ий -я -ая -ья -е -ое -ье -го -ого -му -ому -м -ом -ой -ю -ую -ью"),
    not_after=frozenset(
        {
            "ещё",
            "еще",
            *_inflected("кажд", "ый ая ое ые ого ому ым ом ой ую"),
            *_inflected("друг", "ой ая ое ие ого ому им ом ую"),
        }
    ),
    number_words=_set("номер no"),
    measures=_set("секунда секунды секунду секунд сек минута минуты минуту минут мин час часа часов ч"),
)

LANGUAGES = (ENGLISH, CHINESE, JAPANESE, KOREAN, SPANISH, PORTUGUESE, FRENCH, GERMAN, ITALIAN, RUSSIAN)
