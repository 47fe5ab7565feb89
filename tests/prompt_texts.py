"""Texts made of what the prompt language looks for, in every order."""

from hypothesis import strategies as st

from bot.domain.models import ModelSpec
from bot.domain.prompts import PromptStyle
from tests.fakes_references import LIMITS

FRAGMENTS = (
    *("@Image1", "@image 2", "@Image12", "@3", "@9", "@hero.png", "@hero", '@"walk.mp4"', "@everyone", "@here", "@bob"),
    *(
        "[Image 1]",
        "<video 1>",
        "{audio1}",
        "【图片1】",
        "[2]",
        "[7]",
        "#2",
        "#9",
        "图片1",
        "视频1",
        "第二张图片",
        "image 1",
    ),
    *("the first image", "second clip", "hero.png", "theme.mp3", "Video2", "IMG_0012.jpg", "＠Ｉｍａｇｅ１", "@Imgae1"),
    *("<@42>", "<@!43>", "<@44>", "<@45>", "<@46>", "<@47>", "<@48>", "<@49>", "<@&5>", "<#6>", "<:cat:7>", "<t:0:R>"),
    *("https://x.y/", "http://", "www.", "www.a", "ftp", "://", "bob@image1.com", "a@Image1.de", "foo", ".mp4", ".com"),
    *(
        "@",
        "[",
        "]",
        "<",
        ">",
        "\\",
        "\\@Image1",
        "\\[Image 1]",
        "\\#1",
        "\\@42",
        "\\<@42>",
        "#",
        "{",
        "}",
        "-",
        "_",
        ".",
    ),
    *(" ", "  ", "\n", "1", "2", "12", "Image", "Image ", "Image 1", "Image1", "s", "'s", "é", "½", "²", "ﷺ", "\u0301"),
    *("everyone", "here", "42>", "a", "像", "の", "이미지 1", '"', "“", "”", "5>", "\u200b", "\ud800", "İ", "ß"),
)
texts = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=10).map("".join),
    st.text(max_size=60),
)

SPEC = ModelSpec(id="model", schema_version="v1", style=PromptStyle.AT, fields={}, limits=LIMITS)
"""A model with the limits of the first."""
