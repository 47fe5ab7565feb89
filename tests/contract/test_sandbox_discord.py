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


@pytest.mark.parametrize(
    "body",
    [
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x"}] * 41},
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 2001}] * 2},
        {"flags": 1 << 15, "content": "both", "components": [{"type": 10, "content": "x"}]},
        {"flags": 1 << 15, "components": [{"type": 13, "file": {"url": "attachment://nowhere.mp4"}}]},
        {"content": "x" * 2001},
        {"content": ""},
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
