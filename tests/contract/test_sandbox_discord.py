"""The sandbox's Discord, tried by an unmodified discord.py client over real sockets.

Nothing of Rushes is used here: the bot below is a small one of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import discord
import httpx
import pytest
import yarl
from discord import app_commands, ui
from PIL import Image

from sandbox.discord.person import Json, Outcome, Refused, Sandbox, Upload

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "contracts" / "discord_http_openapi.json"
needs_contract = pytest.mark.skipif(not CONTRACT.exists(), reason=f"Discord's OpenAPI file is not at {CONTRACT}")

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)
CLIP = b"not really a clip" * 1000

BotInteraction = discord.Interaction[discord.Client]


class Ready:
    """Where the sandbox is."""

    def __init__(self, body: Json) -> None:
        self.body = body
        self.token = str(body["token"])
        self.channel_id = int(body["channel_id"])
        self.channel = str(body["channel_id"])

    def __getitem__(self, key: str) -> str:
        return str(self.body[key])


@pytest.fixture(scope="module")
def ready() -> Iterator[Ready]:
    arguments = ["--contract", str(CONTRACT)] if CONTRACT.exists() else []
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox.discord", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Ready(json.loads(process.stdout.readline()))
        process.terminate()
        assert process.wait(timeout=5) == 0


@pytest.fixture
async def sandbox(ready: Ready) -> AsyncIterator[Sandbox]:
    async with Sandbox(ready["control"]) as one:
        before = (await one.world())["options"]
        await one.clear_report()
        yield one
        await one.clear_faults()
        await one.set_options(**before)
        await one.set_upload_limit(None)


@pytest.fixture(autouse=True)
def pointed(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discord.http.Route.BASE", ready["api"])
    monkeypatch.setattr("discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY", yarl.URL(ready["gateway"]))
    monkeypatch.setattr("discord.Asset.BASE", ready["cdn"])


def raw_api(ready: Ready) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bot {ready.token}"}
    return httpx.AsyncClient(base_url=ready["api"], headers=headers, trust_env=False)


class Make(app_commands.Group):
    """`/video make`: defers, reads the file, edits the answer."""

    def __init__(self) -> None:
        super().__init__(name="video", description="Video")

    @app_commands.command(description="Make a video")
    @app_commands.choices(ratio=[app_commands.Choice(name="Wide", value="16:9")])
    async def make(
        self,
        interaction: BotInteraction,
        prompt: app_commands.Range[str, 1, 100],
        image: discord.Attachment,
        ratio: str = "none",
    ) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        digest = hashlib.sha256(await image.read()).hexdigest()
        await interaction.edit_original_response(content=f"{prompt} {ratio} {image.width}x{image.height} {digest}")


class Form(ui.Modal, title="Make a video"):
    prompt = ui.Label[ui.Modal](text="Prompt", component=ui.TextInput(style=discord.TextStyle.long))
    files = ui.Label[ui.Modal](text="Files", component=ui.FileUpload(custom_id="files", max_values=3, required=False))

    def __init__(self, target: discord.Message) -> None:
        super().__init__()
        self.target = target

    async def on_submit(self, interaction: BotInteraction) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        prompt = cast("ui.TextInput[ui.Modal]", self.prompt.component)
        files = cast("ui.FileUpload[ui.Modal]", self.files.component)
        await interaction.response.defer(thinking=True)
        sizes = [len(await one.read()) for one in files.values]
        names = [one.filename for one in self.target.attachments]
        await interaction.followup.send(f"{prompt.value!r} {sizes} {self.target.content} {names}")


class Keep(ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"keep:(?P<number>[0-9]+)"):
    def __init__(self, number: int) -> None:
        super().__init__(ui.Button(label="Keep", custom_id=f"keep:{number}"))
        self.number = number

    @classmethod
    async def from_custom_id(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        interaction: BotInteraction,  # noqa: ARG003  discord.py gives them by position
        item: ui.Item[Any],  # noqa: ARG003
        match: Any,  # noqa: ANN401  as in discord.py
    ) -> Keep:
        return cls(int(match["number"]))

    async def callback(self, interaction: BotInteraction) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        view = ui.LayoutView()
        view.add_item(ui.TextDisplay(f"kept {self.number}"))
        await interaction.response.edit_message(view=view)


class Bot(discord.Client):
    def __init__(self) -> None:
        # Its guilds are there when READY is; the default is to wait two more seconds for others.
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True), guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)
        self.tree.add_command(Make())
        self.tree.add_command(app_commands.ContextMenu(name="Make video", callback=self.open_form))
        self.seen: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.resumed: asyncio.Queue[str] = asyncio.Queue()

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Keep)
        await self.tree.sync()

    async def open_form(self, interaction: BotInteraction, message: discord.Message) -> None:
        await interaction.response.send_modal(Form(message))

    async def on_message(self, message: discord.Message) -> None:
        self.seen.put_nowait(message)

    async def on_resumed(self) -> None:
        self.resumed.put_nowait("resumed")

    async def room(self, channel_id: str | int) -> discord.TextChannel:
        channel = await self.fetch_channel(int(channel_id))
        assert isinstance(channel, discord.TextChannel)
        return channel


@asynccontextmanager
async def connected(ready: Ready, bot: Bot | None = None) -> AsyncGenerator[Bot]:
    bot = bot or Bot()
    async with bot, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bot.start(ready.token))
        async with asyncio.timeout(10):
            await bot.wait_until_ready()
        yield bot
        await bot.close()
        await running


@pytest.fixture
async def bot(ready: Ready, sandbox: Sandbox) -> AsyncIterator[Bot]:
    async with connected(ready) as one:
        yield one
    report = await sandbox.report()
    assert report["unimplemented"] == {}
    assert report["crashes"] == []


async def refused_with(call: Callable[[], Awaitable[object]]) -> tuple[int, int]:
    with pytest.raises(discord.HTTPException) as caught:
        await call()
    return caught.value.status, caught.value.code


async def settled(sandbox: Sandbox, outcome: Outcome) -> Outcome:
    return await sandbox.outcome(outcome.id, until="done")


async def test_slash_with_attachment_defer_and_edit(bot: Bot, sandbox: Sandbox) -> None:
    options = {"prompt": "a boat", "ratio": "Wide"}
    outcome = await sandbox.person().run("video make", options, files={"image": Upload("my boat.png", PNG)})
    assert outcome.delivered
    outcome = await settled(sandbox, outcome)
    assert (outcome.state, outcome.ephemeral) == ("answered", True)
    assert outcome.text == f"a boat 16:9 1x1 {hashlib.sha256(PNG).hexdigest()}"


@pytest.mark.parametrize(
    ("options", "files", "reason"),
    [
        ({"prompt": "x"}, {}, "required"),
        ({"prompt": "x", "size": 1}, {"image": Upload("a.png", PNG)}, "no option"),
        ({"prompt": "x", "ratio": "Tall"}, {"image": Upload("a.png", PNG)}, "no choice"),
        ({"prompt": "x" * 101}, {"image": Upload("a.png", PNG)}, "bounds"),
    ],
)
async def test_a_person_cannot_send_what_the_command_does_not_take(
    bot: Bot, sandbox: Sandbox, options: Json, files: dict[str, Upload], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        await sandbox.person().run("video make", options, files=files)


async def test_an_unregistered_command_is_named(bot: Bot, sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="no command 'picture'"):
        await sandbox.person().run("picture make")


async def test_context_menu_modal_and_upload(bot: Bot, sandbox: Sandbox) -> None:
    paula = sandbox.person()
    post = await paula.say("look at this", files=[Upload("clip.mp4", CLIP)])
    outcome = await sandbox.outcome((await paula.use_menu("Make video", post.id)).id)
    assert outcome.state == "modal"
    assert outcome.modal is not None
    assert [field.label for field in outcome.modal.fields] == ["Prompt", "Files"]
    values = {"Prompt": "first line\nsecond line"}
    submitted = await paula.submit(outcome.id, values, files={"files": [Upload("a.png", PNG), Upload("b.png", PNG)]})
    submitted = await settled(sandbox, submitted)
    assert submitted.text == rf"'first line\nsecond line' [{len(PNG)}, {len(PNG)}] look at this ['clip.mp4']"
    with pytest.raises(Refused, match="no open modal"):
        await paula.submit(outcome.id, values)


def picture(width: int, height: int, *, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, form)
    return buffer.getvalue()


def size_of(data: bytes) -> tuple[str | None, int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.format, image.width, image.height


def card(number: int = 7) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    row.add_item(cast("ui.Item[Any]", Keep(number)))
    gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery(discord.MediaGalleryItem("attachment://frame.png"))
    view.add_item(ui.Container(ui.TextDisplay("A clip"), gallery, ui.File("attachment://clip.mp4"), row))
    return view


async def test_a_components_message_shows_its_files(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    files = [discord.File(io.BytesIO(CLIP), "clip.mp4"), discord.File(io.BytesIO(PNG), "frame.png")]
    sent = await (await bot.room(ready.channel)).send(view=card(), files=files)
    assert sent.attachments == []  # as on the real one: what components show is not listed again
    seen = await sandbox.message(ready.channel, str(sent.id))
    assert {one.filename: await sandbox.fetch(one.url) for one in seen.attachments} == {
        "clip.mp4": CLIP,
        "frame.png": PNG,
    }
    assert seen.text == "A clip\nKeep"
    gallery = seen.raw["components"][0]["components"][1]["items"][0]["media"]
    assert gallery["url"].startswith(ready["cdn"])
    assert (gallery["width"], gallery["height"]) == (1, 1)


async def test_a_button_works_after_the_bot_restarted(ready: Ready, sandbox: Sandbox) -> None:
    async with connected(ready) as first:
        files = [discord.File(io.BytesIO(CLIP), "clip.mp4"), discord.File(io.BytesIO(PNG), "frame.png")]
        sent = await (await first.room(ready.channel)).send(view=card(12), files=files)
    alone = await sandbox.person().click(str(sent.id), label="Keep")
    assert not alone.delivered
    async with connected(ready):
        outcome = await settled(sandbox, await sandbox.person().click(str(sent.id), label="Keep"))
    assert (outcome.state, outcome.text) == ("updated", "kept 12")


async def test_without_a_bot_an_interaction_fails(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    await bot.close()
    await sandbox.set_options(first_response_seconds=0.2)
    outcome = await sandbox.person().run("video make", {"prompt": "x"}, files={"image": Upload("a.png", PNG)})
    outcome = await sandbox.outcome(outcome.id)
    assert (outcome.state, outcome.delivered) == ("failed", False)


async def test_a_nonce_is_posted_once(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    room = await bot.room(ready.channel)
    first, again = [await room.send("once", nonce="one-nonce") for _ in range(2)]
    assert first.id == again.id
    await first.delete()
    assert await refused_with(lambda: room.send("once", nonce="one-nonce")) == (404, 10008)
    await sandbox.set_options(nonce_life_seconds=0.0)
    assert (await room.send("once", nonce="one-nonce")).id != first.id
    assert (await refused_with(lambda: room.send("x", nonce="n" * 26)))[1] == 50035


async def test_a_lost_answer_and_a_nonce_make_one_message(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    await sandbox.fault("status_after_commit", method="POST", path_regex="/messages$", status=502)
    sent = await (await bot.room(ready.channel)).send(
        "only one of me"
    )  # discord.py repeats a 502 after a second, with its nonce
    found = [one for one in await sandbox.messages(ready.channel) if one.content == "only one of me"]
    assert [one.id for one in found] == [str(sent.id)]
    assert (await sandbox.report())["doubled"] == []


async def test_a_doubled_post_is_reported(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    room = await bot.room((await sandbox.new_channel("twice")).id)
    sent = [await room.send(file=discord.File(io.BytesIO(b"same"), "same.bin")) for _ in range(2)]
    doubled = [one for one in (await sandbox.report())["doubled"] if one["channel_id"] == str(room.id)]
    assert doubled == [{"why": "files", "channel_id": str(room.id), "message_ids": [str(one.id) for one in sent]}]
    for one in sent:
        await one.delete()


async def test_429_is_waited_for(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    await sandbox.fault("429", method="POST", path_regex="/messages$", seconds=0.05)
    await (await bot.room(ready.channel)).send("patience")
    statuses = [one["status"] for one in (await sandbox.report())["requests"] if one["method"] == "POST"]
    assert statuses[-2:] == [429, 200]


async def test_a_cut_wire_after_the_post(ready: Ready, sandbox: Sandbox) -> None:
    await sandbox.fault("drop_after_commit", method="POST")
    async with raw_api(ready) as http:
        with pytest.raises(httpx.TransportError):
            await http.post(f"/channels/{ready.channel}/messages", json={"content": "you will not know"})
    assert (await sandbox.messages(ready.channel))[-1].content == "you will not know"


async def test_files_above_the_limit_are_refused(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    await sandbox.set_upload_limit(1000)
    room = await bot.room(ready.channel)
    assert await refused_with(lambda: room.send(file=discord.File(io.BytesIO(b"x" * 1001), "a.bin"))) == (413, 40005)
    await room.send(file=discord.File(io.BytesIO(b"x" * 1000), "a.bin"))
    eleven = [discord.File(io.BytesIO(b"x"), f"{number}.bin") for number in range(11)]
    with pytest.raises((discord.HTTPException, ValueError)):
        await room.send(files=eleven)


async def test_attachments_are_kept_and_dropped_by_edits(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    files = [discord.File(io.BytesIO(name.encode()), name) for name in ("a.txt", "b.txt")]
    sent = await (await bot.room(ready.channel)).send(files=files)
    edited = await sent.edit(
        attachments=[sent.attachments[1], discord.File(io.BytesIO(b"c"), "c.txt", description="see")]
    )
    assert [(one.filename, one.description) for one in edited.attachments] == [("b.txt", None), ("c.txt", "see")]
    with pytest.raises(Refused):
        await sandbox.fetch(sent.attachments[0].url)


async def test_links_expire_and_are_signed(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    sent = await (await bot.room(ready.channel)).send(file=discord.File(io.BytesIO(b"0123456789"), "digits.txt"))
    url = sent.attachments[0].url
    async with httpx.AsyncClient(trust_env=False) as http:
        part = await http.get(url, headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
        assert (await http.get(url.replace("ex=", "ex=f"))).status_code == 404
    await sandbox.revoke_links()
    with pytest.raises(Refused, match="404"):
        await sandbox.fetch(url)
    fresh = await (await bot.room(ready.channel)).fetch_message(sent.id)
    assert await fresh.attachments[0].read() == b"0123456789"


async def test_a_thread_is_opened_once_and_can_be_locked(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    sent = await (await bot.room(ready.channel)).send("a card")
    thread = await sent.create_thread(name="a thread")
    assert thread.id == sent.id
    assert await refused_with(lambda: sent.create_thread(name="again")) == (400, 160004)
    await sandbox.set_channel(str(thread.id), archived=True)
    await thread.send("wakes it")
    assert not (await sandbox.threads(ready.channel))[-1].archived
    await sandbox.set_channel(str(thread.id), locked=True)
    assert await refused_with(lambda: thread.send("no")) == (400, 160005)
    await sandbox.delete_channel(str(thread.id))
    assert await refused_with(lambda: thread.send("no")) == (404, 10003)


async def test_permissions_are_asked(bot: Bot, sandbox: Sandbox) -> None:
    channel = await sandbox.new_channel("quiet")
    room = await bot.room(channel.id)
    assert "send_messages" not in await sandbox.set_overwrite(channel.id, deny=["send_messages"])
    assert await refused_with(lambda: room.send("no")) == (403, 50013)
    await sandbox.set_overwrite(channel.id, deny=["view_channel"])
    assert await refused_with(lambda: room.send("no")) == (403, 50001)
    await sandbox.set_overwrite(channel.id, deny=["read_message_history"])
    await room.send("unread")
    assert [one async for one in room.history()] == []


async def test_history_pages(bot: Bot, sandbox: Sandbox) -> None:
    room = await bot.room((await sandbox.new_channel("pages")).id)
    sent = [(await room.send(str(number))).id for number in range(5)]
    assert [one.id async for one in room.history(limit=2)] == [sent[4], sent[3]]
    assert [one.id async for one in room.history(limit=2, after=discord.Object(sent[1]))] == [sent[2], sent[3]]
    assert [one.id async for one in room.history(limit=2, before=discord.Object(sent[2]))] == [sent[1], sent[0]]
    around = [one.id async for one in room.history(limit=3, around=discord.Object(sent[2]))]
    assert sorted(around) == sent[1:4]


async def test_others_content_is_hidden_without_the_intent(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    post = await sandbox.person().say("a secret", files=[Upload("a.png", PNG)])
    async with asyncio.timeout(5):
        while (seen := await bot.seen.get()).id != int(post.id):
            pass
    assert (seen.content, seen.attachments) == ("", [])
    assert (await (await bot.room(ready.channel)).fetch_message(int(post.id))).content == ""


async def test_a_dead_token(bot: Bot, sandbox: Sandbox) -> None:
    late: asyncio.Queue[BotInteraction] = asyncio.Queue()

    @bot.event
    async def on_interaction(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        late.put_nowait(interaction)

    outcome = await sandbox.person().run("video make", {"prompt": "x"}, files={"image": Upload("a.png", PNG)})
    await settled(sandbox, outcome)
    interaction = await late.get()
    await sandbox.set_options(interaction_life_seconds=0.0)
    assert await refused_with(lambda: interaction.edit_original_response(content="late")) == (401, 50027)


async def test_an_answer_after_the_deadline(bot: Bot, sandbox: Sandbox) -> None:
    await sandbox.set_options(first_response_seconds=0.0)
    refused: asyncio.Queue[app_commands.AppCommandError] = asyncio.Queue()

    @bot.tree.error
    async def on_error(_interaction: BotInteraction, error: app_commands.AppCommandError) -> None:  # pyright: ignore[reportUnusedFunction]
        refused.put_nowait(error)

    await sandbox.person().run("video make", {"prompt": "x"}, files={"image": Upload("a.png", PNG)})
    async with asyncio.timeout(5):
        error = await refused.get()
    assert isinstance(error, app_commands.CommandInvokeError)
    assert isinstance(error.original, discord.NotFound)
    assert error.original.code == 10062


async def test_resume_replays_what_was_missed(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    before = await sandbox.sessions()
    await sandbox.gateway("close", code=4000)
    post = await sandbox.person().say("while you were out")
    async with asyncio.timeout(10):
        await bot.resumed.get()
        while (await bot.seen.get()).id != int(post.id):
            pass
    after = await sandbox.sessions()
    assert (after["identifies"] - before["identifies"], after["resumes"] - before["resumes"]) == (0, 1)


async def test_a_wrong_token_is_refused(ready: Ready) -> None:
    async with httpx.AsyncClient(base_url=ready["api"], trust_env=False) as http:
        assert (await http.get("/users/@me", headers={"Authorization": "Bot wrong"})).status_code == 401


def v2(*components: Json) -> Json:
    return {"flags": 1 << 15, "components": list(components)}


def row(*components: Json) -> Json:
    return {"type": 1, "components": list(components)}


def button(custom_id: str = "b") -> Json:
    return {"type": 2, "style": 1, "label": "x", "custom_id": custom_id}


def options(count: int) -> list[Json]:
    return [{"label": f"option {number}", "value": str(number)} for number in range(count)]


@pytest.mark.parametrize(
    "body",
    [
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x"}] * 41},
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 2001}] * 2},
        {"flags": 1 << 15, "content": "both", "components": [{"type": 10, "content": "x"}]},
        {"flags": 1 << 15, "components": [{"type": 13, "file": {"url": "attachment://nowhere.mp4"}}]},
        {"content": "x" * 2001},
        {"content": ""},
        v2({"type": 10, "content": "\N{GRINNING FACE}" * 2001}),
        v2({"type": 12, "items": []}),
        v2({"type": 12, "items": [{"media": {"url": "https://example.org/a.png"}}] * 11}),
        v2({"type": 12, "items": [{"media": {"url": "attachment://nowhere.png"}}]}),
        v2({"type": 9, "components": [{"type": 10, "content": "x"}]}),
        v2(row(button(), {"type": 3, "custom_id": "s", "options": options(1)})),
        v2(row(*[button(str(number)) for number in range(6)])),
        v2(row(button(), button())),
        v2(row({"type": 2, "style": 1, "label": "x"})),
        v2(row({"type": 2, "style": 1, "label": "x" * 81, "custom_id": "b"})),
        v2(row({"type": 3, "custom_id": "s", "options": options(26)})),
        v2(row({"type": 3, "custom_id": "s", "options": []})),
        v2(row({"type": 3, "custom_id": "s", "options": options(2), "max_values": 3})),
        v2(row({"type": 3, "custom_id": "s", "options": [*options(1), *options(1)]})),
        v2(row({"type": 3, "custom_id": "s", "options": [{"label": "x" * 101, "value": "v"}]})),
        v2({"type": 18, "label": "x", "component": {"type": 4, "custom_id": "t", "style": 1}}),
    ],
)
async def test_what_discord_refuses_is_refused(ready: Ready, body: Json) -> None:
    async with raw_api(ready) as http:
        assert (await http.post(f"/channels/{ready.channel}/messages", json=body)).status_code == 400


async def test_an_unknown_route_is_reported(ready: Ready, sandbox: Sandbox) -> None:
    async with raw_api(ready) as http:
        assert (await http.get("/stage-instances/1")).status_code == 404
    assert (await sandbox.report())["unimplemented"] == {"GET /stage-instances/1": 1}


async def test_forwards_replies_and_stickers_reach_the_menu(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    menus: asyncio.Queue[discord.Message] = asyncio.Queue()

    @bot.tree.context_menu(name="Look")
    async def look(interaction: BotInteraction, message: discord.Message) -> None:  # pyright: ignore[reportUnusedFunction]
        menus.put_nowait(message)
        await interaction.response.send_message("seen", ephemeral=True)

    await bot.tree.sync()
    paula = sandbox.person()
    first = await paula.say("first", files=[Upload("a.png", PNG)])
    forward = await paula.say(forward_of=first.id)
    reply = await paula.say("reply", reply_to=first.id, sticker_items=[{"id": "1", "name": "s", "format_type": 1}])
    for post in (forward, reply):
        outcome = await settled(sandbox, await paula.use_menu("Look", post.id))
        assert (outcome.text, outcome.ephemeral) == ("seen", True)
    seen_forward, seen_reply = await menus.get(), await menus.get()
    snapshot = seen_forward.message_snapshots[0]
    assert (snapshot.content, [one.filename for one in snapshot.attachments]) == ("first", ["a.png"])
    assert [one.name for one in seen_reply.stickers] == ["s"]
    assert seen_reply.reference is not None
    assert seen_reply.reference.message_id == int(first.id)


async def test_forums_and_direct_messages(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    forum = await bot.fetch_channel(int((await sandbox.new_channel("posts", kind="forum")).id))
    assert isinstance(forum, discord.ForumChannel)
    created = await forum.create_thread(name="a post", content="in it", file=discord.File(io.BytesIO(PNG), "a.png"))
    assert created.thread.id == created.message.id
    wrote = await sandbox.person().start_thread("mine", channel_id=str(forum.id), content="by a person")
    assert [one.content for one in await sandbox.messages(wrote.id)] == ["by a person"]
    user = await bot.fetch_user(int(ready["user_id"]))
    await user.send("privately")
    dm = await sandbox.person().dm()
    assert [one.content for one in await sandbox.messages(dm.id)] == ["privately"]
    await sandbox.call("PATCH", f"people/{user.id}", {"dm_closed": True})
    assert await refused_with(lambda: user.send("no")) == (403, 50007)
    await sandbox.call("PATCH", f"people/{user.id}", {"dm_closed": False})


async def test_a_person_without_rights_does_not_see_a_command(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    @bot.tree.command(name="admin", description="For admins")
    @app_commands.default_permissions(manage_guild=True)
    async def admin(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        await interaction.response.send_message("manage_guild" if interaction.permissions.manage_guild else "no")

    await bot.tree.sync()
    with pytest.raises(Refused, match="does not see"):
        await sandbox.person().run("admin")
    manager = await sandbox.new_person("mara", permissions=["manage_guild"])
    outcome = await settled(sandbox, await manager.run("admin"))
    assert outcome.text == "manage_guild"
    owner = sandbox.person(ready["owner_id"])
    assert (await settled(sandbox, await owner.run("admin"))).state == "answered"


async def test_a_followup_after_a_defer_fills_the_answer(bot: Bot, sandbox: Sandbox) -> None:
    @bot.tree.command(name="twice", description="Two answers")
    async def twice(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send("first")
        await interaction.followup.send("second", file=discord.File(io.BytesIO(PNG), "a.png"))
        await interaction.edit_original_response(content="done")

    await bot.tree.sync()
    outcome = await sandbox.outcome((await sandbox.person().run("twice")).id, until="done", edits=2)
    assert outcome.text == "done\nsecond"
    assert [one.filename for one in outcome.followups[0].attachments] == ["a.png"]


async def test_a_deferred_answer_becomes_components_with_a_file(bot: Bot, sandbox: Sandbox) -> None:
    @bot.tree.command(name="later", description="Components after a defer")
    async def later(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        await interaction.response.defer(thinking=True, ephemeral=True)
        view = ui.LayoutView()
        thumbnail: ui.Thumbnail[ui.LayoutView] = ui.Thumbnail("attachment://a.png")
        section: ui.Section[ui.LayoutView] = ui.Section(ui.TextDisplay("words"), accessory=thumbnail)
        view.add_item(section)
        await interaction.edit_original_response(view=view, attachments=[discord.File(io.BytesIO(PNG), "a.png")])

    await bot.tree.sync()
    outcome = await settled(sandbox, await sandbox.person().run("later"))
    assert outcome.message is not None
    assert (outcome.text, outcome.message.is_v2, outcome.ephemeral) == ("words", True, True)
    assert await sandbox.fetch(outcome.message.raw["components"][0]["accessory"]["media"]["url"]) == PNG
    report = await sandbox.report()
    assert (report["violations"], report["own_violations"]) == ([], [])


@needs_contract
async def test_a_bad_request_is_a_violation(ready: Ready, sandbox: Sandbox) -> None:
    async with raw_api(ready) as http:
        await http.post(f"/channels/{ready.channel}/messages", json={"content": 5})
    (violation,) = (await sandbox.report())["violations"]
    assert violation["path"] == f"/channels/{ready.channel}/messages"
    assert violation["message"].startswith("content: 5 is not")


@needs_contract
async def test_discord_py_violates_nothing_and_neither_do_we(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    paula, room = sandbox.person(), await bot.room(ready.channel)
    post = await paula.say("hello", files=[Upload("a.png", PNG)])
    opened = await sandbox.outcome((await paula.use_menu("Make video", post.id)).id)
    await settled(sandbox, await paula.submit(opened.id, {"Prompt": "x"}, files={"Files": [Upload("a.png", PNG)]}))
    run = await paula.run("video make", {"prompt": "x"}, files={"image": Upload("a.png", PNG)})
    await settled(sandbox, run)
    files = [discord.File(io.BytesIO(CLIP), "clip.mp4"), discord.File(io.BytesIO(PNG), "frame.png")]
    sent = await room.send(view=card(), files=files)
    await settled(sandbox, await paula.click(str(sent.id), custom_id="keep:7"))
    thread = await (await room.send("card")).create_thread(name="thread")
    await thread.send("in it", file=discord.File(io.BytesIO(PNG), "b.png"))
    await thread.edit(archived=True)
    user = await bot.fetch_user(int(ready["user_id"]))
    await user.send("privately")
    assert bot.application is not None
    assert [one async for one in room.history(limit=3)]
    await sent.delete()
    report = await sandbox.report()
    assert report["contract_checked"]
    assert report["violations"] == []
    assert report["own_violations"] == []


async def test_avatars_are_served_in_the_format_and_size_asked_for(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    ada = await sandbox.new_person("ada", avatar=Upload("ada.png", picture(300, 200), "image/png"))
    guild = await bot.fetch_guild(int(ready["guild_id"]))
    member = await guild.fetch_member(int(ada.id or 0))
    assert size_of(await member.display_avatar.replace(size=128, format="png").read()) == ("PNG", 128, 85)
    assert size_of(await member.display_avatar.replace(size=512, format="webp").read()) == ("WEBP", 300, 200)
    stranger = await bot.fetch_user(int(ready["user_id"]))
    assert stranger.avatar is None
    assert size_of(await stranger.display_avatar.read())[0] == "PNG"
    gone = await sandbox.new_person("gone", in_guild=False)
    assert (await bot.fetch_user(int(gone.id or 0))).name == "gone"
    assert await refused_with(lambda: guild.fetch_member(int(gone.id or 0))) == (404, 10007)


async def test_emoji_and_stickers_are_where_discord_has_them(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    still, moving = picture(48, 48), picture(32, 32, form="GIF")
    fox = await sandbox.new_emoji("fox", Upload("fox.png", still, "image/png"))
    wave = await sandbox.new_emoji("wave", Upload("wave.gif", moving, "image/gif"))
    assert (fox.mention, wave.mention) == (f"<:fox:{fox.id}>", f"<a:wave:{wave.id}>")
    base = ready["cdn"]
    assert size_of(await sandbox.fetch(f"{base}/emojis/{fox.id}.webp")) == ("WEBP", 48, 48)
    assert await sandbox.fetch(f"{base}/emojis/{wave.id}.gif") == moving
    with pytest.raises(Refused, match="415"):
        await sandbox.fetch(f"{base}/emojis/{fox.id}.gif")
    hello = await sandbox.new_sticker("hello", Upload("hello.png", still, "image/png"))
    spin = await sandbox.new_sticker("spin", Upload("spin.gif", moving, "image/gif"), kind="gif")
    assert await sandbox.fetch(f"{base}/stickers/{hello['id']}.png") == still
    assert await sandbox.fetch(f"{base}/stickers/{spin['id']}.gif") == moving
    assert {one.name for one in await (await bot.fetch_guild(int(ready["guild_id"]))).fetch_emojis()} >= {"fox", "wave"}


async def test_a_menu_has_what_is_in_its_message_and_of_the_replied_one_only_what_is_granted(
    bot: Bot, sandbox: Sandbox
) -> None:
    menus: asyncio.Queue[discord.Message] = asyncio.Queue()

    @bot.tree.context_menu(name="Look")
    async def look(interaction: BotInteraction, message: discord.Message) -> None:  # pyright: ignore[reportUnusedFunction]
        menus.put_nowait(message)
        await interaction.response.send_message("seen", ephemeral=True)

    await bot.tree.sync()
    paula, ada = sandbox.person(), await sandbox.new_person("ada")
    theirs = await ada.say("mine", files=[Upload("theirs.png", PNG)])
    image = await sandbox.external_image("https://example.org/cat.png", Upload("cat.png", PNG, "image/png"))
    lottie = await sandbox.new_sticker("dance", Upload("dance.json", b"{}"), kind="lottie")
    reply = await paula.say("see", reply_to=theirs.id, embeds=[{"image": image}], sticker_items=[lottie])
    await settled(sandbox, await paula.use_menu("Look", reply.id))
    seen = await menus.get()
    assert seen.embeds[0].image.url == "https://example.org/cat.png"
    assert await sandbox.fetch(seen.embeds[0].image.proxy_url or "") == PNG
    assert [one.format for one in seen.stickers] == [discord.StickerFormatType.lottie]
    replied = seen.reference.resolved if seen.reference else None
    assert isinstance(replied, discord.Message)
    assert (replied.author.id, replied.attachments) == (int(ada.id or 0), [])
    await sandbox.set_options(menu_reply_content=True)
    await settled(sandbox, await paula.use_menu("Look", reply.id))
    replied = seen.reference.resolved if (seen := await menus.get()).reference else None
    assert isinstance(replied, discord.Message)
    assert [one.filename for one in replied.attachments] == ["theirs.png"]


async def test_a_message_is_deleted_by_its_author_alone(bot: Bot, ready: Ready, sandbox: Sandbox) -> None:
    paula, ada = sandbox.person(), await sandbox.new_person("ada")
    post = await paula.say("mine", files=[Upload("a.png", PNG)])
    with pytest.raises(Refused, match="only the author"):
        await ada.delete(post.id)
    await paula.delete(post.id)
    with pytest.raises(Refused, match="404"):
        await sandbox.fetch(post.attachments[0].url)
    with pytest.raises(Refused):
        await sandbox.message(ready.channel, post.id)


class Sheet(ui.LayoutView):
    """A private card: a picture, a button that changes it, and a menu that opens a form."""

    def __init__(self, text: str, *, shows: str | None = "sheet.png") -> None:
        super().__init__(timeout=None)
        self.add_item(ui.TextDisplay(text))
        if shows:
            self.add_item(ui.MediaGallery(discord.MediaGalleryItem(f"attachment://{shows}")))
        menu: ui.Select[Sheet] = ui.Select(
            custom_id="file",
            placeholder="Change a file…",
            options=[discord.SelectOption(label=f"#{number}", value=f"file-{number}") for number in (1, 2)],
        )
        self.add_item(ui.ActionRow(menu))
        labels = ("Keep", "Drop", "Swap", "Complain", "Nowhere")
        buttons = [ui.Button[Sheet](label=label, custom_id=label.lower()) for label in labels]
        self.add_item(ui.ActionRow(*buttons))


class Change(ui.Modal, title="Change a file"):
    name = ui.Label[ui.Modal](text="Name", component=ui.TextInput(default="hero", required=False))
    place = ui.Label[ui.Modal](
        text="Place",
        component=ui.Select(
            options=[discord.SelectOption(label=str(number), default=number == 2) for number in (1, 2, 3)]
        ),
    )
    real = ui.Label[ui.Modal](text="Shows a real person", component=ui.Checkbox())
    out = ui.Label[ui.Modal](text="Take it out", component=ui.Checkbox(default=True))
    which = ui.Label[ui.Modal](
        text="Which",
        component=ui.RadioGroup(options=[discord.RadioGroupOption(label=label, value=label) for label in ("a", "b")]),
    )

    async def on_submit(self, interaction: BotInteraction) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        await interaction.response.defer()
        name, place, real, out, which = (cast("Any", label).component for label in self.children)
        said = f"{name.value} {place.values} {real.value} {out.value} {which.value}"
        await interaction.edit_original_response(view=Sheet(said))


async def act(interaction: BotInteraction) -> None:
    """What a click on a `Sheet` does: each a way to answer that Discord has."""
    match (interaction.data or {}).get("custom_id"):
        case "file":
            await interaction.response.send_modal(Change())
        case "keep":
            await interaction.response.defer()
            await interaction.edit_original_response(view=Sheet("kept"))
        case "drop":
            await interaction.response.edit_message(view=Sheet("dropped", shows=None), attachments=[])
        case "swap":
            await interaction.response.defer()
            new = discord.File(io.BytesIO(PNG), "new.png")
            await interaction.edit_original_response(view=Sheet("swapped", shows="new.png"), attachments=[new])
        case "complain":
            await interaction.response.defer()
            await interaction.followup.send("no", ephemeral=True)
        case "nowhere":
            await interaction.response.defer()
            try:
                await interaction.edit_original_response(view=Sheet("nowhere", shows="not-there.png"))
            except discord.HTTPException as refused:
                await interaction.followup.send(str(refused.code), ephemeral=True)
        case _:
            return


@asynccontextmanager
async def a_private_card(bot: Bot, sandbox: Sandbox) -> AsyncGenerator[Outcome]:
    """`/card` answered privately, its clicks acted on."""

    @bot.tree.command(name="card", description="A private card")
    async def card_(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        await interaction.response.defer(thinking=True, ephemeral=True)
        picture_file = discord.File(io.BytesIO(PNG), "sheet.png")
        await interaction.edit_original_response(view=Sheet("shown"), attachments=[picture_file])

    @bot.event
    async def on_interaction(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        if interaction.type is discord.InteractionType.component:
            await act(interaction)

    await bot.tree.sync()
    yield await settled(sandbox, await sandbox.person().run("card"))
    report = await sandbox.report()
    assert (report["violations"], report["own_violations"]) == ([], [])


async def told(sandbox: Sandbox, outcome: Outcome) -> Outcome:
    return await sandbox.outcome(outcome.id, until="told")


async def test_a_private_card_keeps_swaps_and_drops_its_picture(bot: Bot, sandbox: Sandbox) -> None:
    async with a_private_card(bot, sandbox) as shown:
        assert shown.message is not None
        assert (shown.ephemeral, [one.filename for one in shown.message.attachments]) == (True, ["sheet.png"])
        paula, card_id = sandbox.person(), shown.message.id
        for label, text, files in [("Keep", "kept", ["sheet.png"]), ("Swap", "swapped", ["new.png"])]:
            after = await told(sandbox, await paula.click(card_id, label=label))
            assert after.message is not None
            assert (after.message.id, after.state) == (card_id, "updated")
            assert after.message.text.splitlines()[0] == text
            assert [one.filename for one in after.message.attachments] == files
        with pytest.raises(Refused, match="404"):
            await sandbox.fetch(shown.message.attachments[0].url)
        after = await told(sandbox, await paula.click(card_id, label="Drop"))
        assert after.message is not None
        assert after.message.attachments == ()


async def test_a_click_may_be_answered_beside_the_card(bot: Bot, sandbox: Sandbox) -> None:
    async with a_private_card(bot, sandbox) as shown:
        assert shown.message is not None
        paula, card_id = sandbox.person(), shown.message.id
        for label, text in [("Complain", "no"), ("Nowhere", "50035")]:
            after = await told(sandbox, await paula.click(card_id, label=label))
            assert after.message is not None
            assert after.message.text.splitlines()[0] == "shown", "the card stays as it was"
            assert [(one.text, one.ephemeral) for one in after.followups] == [(text, True)]
        with pytest.raises(Refused, match="somebody else's"):
            await (await sandbox.new_person("nosy")).click(card_id, label="Keep")


async def test_a_form_opened_from_a_private_card_carries_every_kind_of_field(bot: Bot, sandbox: Sandbox) -> None:
    async with a_private_card(bot, sandbox) as shown:
        assert shown.message is not None
        paula, card_id = sandbox.person(), shown.message.id
        with pytest.raises(Refused, match="no option"):
            await paula.choose(card_id, ["#3"], placeholder="Change a file…")
        opened = await told(sandbox, await paula.choose(card_id, ["#2"], placeholder="Change a file…"))
        assert opened.modal is not None
        assert opened.modal.field("Name").value == "hero"
        assert opened.modal.field("Take it out").default is True
        with pytest.raises(Refused, match="takes 1 to 1 values"):
            await paula.submit(opened.id, {"Name": "x"})
        values = {"Name": "the fox", "Shows a real person": True, "Take it out": False, "Which": "b"}
        after = await told(sandbox, await paula.submit(opened.id, values))
        assert after.message is not None
        assert after.message.id == card_id
        assert after.message.text.splitlines()[0] == "the fox ['2'] True False b"


@pytest.mark.parametrize(
    "field",
    [
        {"type": 18, "label": "x" * 46, "component": {"type": 4, "custom_id": "t", "style": 1}},
        {"type": 18, "label": "x", "component": {"type": 4, "custom_id": "t", "style": 1, "value": "x" * 4001}},
        {"type": 18, "label": "x", "component": {"type": 19, "custom_id": "f", "max_values": 11}},
        {"type": 18, "label": "x", "component": {"type": 21, "custom_id": "r", "options": options(1)}},
        {"type": 18, "label": "x", "component": {"type": 3, "custom_id": "s", "options": options(26)}},
        {"type": 18, "label": "x", "component": button()},
        row(button()),
    ],
)
async def test_what_discord_refuses_in_a_form_is_refused(bot: Bot, ready: Ready, sandbox: Sandbox, field: Json) -> None:
    taken: asyncio.Queue[BotInteraction] = asyncio.Queue()

    @bot.tree.command(name="form", description="A bad form")
    async def form(interaction: BotInteraction) -> None:  # pyright: ignore[reportUnusedFunction]
        taken.put_nowait(interaction)

    await bot.tree.sync()
    await sandbox.person().run("form")
    interaction = await taken.get()
    body = {"type": 9, "data": {"title": "Form", "custom_id": "form", "components": [field]}}
    async with raw_api(ready) as http:
        answer = await http.post(f"/interactions/{interaction.id}/{interaction.token}/callback", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, 50035)
