"""`/video make`: what a person gets to see, and what is handed over."""

from bot.domain.references import Offer, OfferSource
from bot.domain.requests import Parameters
from bot.domain.states import RequestState
from tests.behaviour.studio import Scene, named, told


def answers_begun(scene: Scene) -> list[object]:
    return [one.json for one in scene.env.http_requests if one.path.startswith("/interactions/")]


def named_offers(scene: Scene) -> list[str]:
    (wish,) = scene.studio.wishes
    return [offer.name for offer in wish.offers]


async def test_it_answers_privately_with_what_was_understood(scene: Scene) -> None:
    result = await scene.alice.slash(
        scene.channel,
        "video make",
        prompt="the first image walks like video 1",
        ref1=named("hero.png"),
        ref2=named("walk.mp4"),
    )

    text = told(result)
    assert "### Your video is in line, 1st\n$1.50 is reserved for it." in text
    assert "> @Image1 walks like @Video1" in text
    assert "`#1` **@Image1** hero.png" in text
    assert "`#2` **@Video1** walk.mp4" in text
    assert scene.seen_by(scene.bob) == []
    (snapshot,) = await scene.studio.requests()
    assert snapshot.request.state is RequestState.QUEUED
    assert snapshot.request.written_prompt == "the first image walks like video 1"


async def test_it_defers_privately_before_anything_else(scene: Scene) -> None:
    begun_before: list[object] = []
    scene.studio.at_submit = lambda: begun_before.extend(answers_begun(scene))

    await scene.alice.slash(scene.channel, "video make", prompt="a storm")

    assert begun_before == [{"type": 5, "data": {"flags": 64}}]
    assert answers_begun(scene) == begun_before


async def test_files_are_numbered_in_the_order_of_their_options_whatever_was_skipped(scene: Scene) -> None:
    result = await scene.alice.slash(
        scene.channel, "video make", prompt="#1 becomes #2", ref3=named("second.png"), ref1=named("first.png")
    )

    text = told(result)
    assert "`#1` **@Image1** first.png" in text
    assert "`#2` **@Image2** second.png" in text
    assert "> @Image1 becomes @Image2" in text
    assert named_offers(scene) == ["first.png", "second.png"]


async def test_twelve_files_arrive_in_order(scene: Scene) -> None:
    names = [f"file-{number:02}.png" for number in range(1, 13)]
    files = {f"ref{number}": named(name) for number, name in enumerate(names, start=1)}

    await scene.alice.slash(scene.channel, "video make", prompt="all of them", **dict(reversed(files.items())))

    assert named_offers(scene) == names


async def test_an_offer_says_what_discord_says_of_the_file(scene: Scene) -> None:
    name, content = named("hero.png")
    await scene.alice.slash(scene.channel, "video make", prompt="a walk", ref1=(name, content))

    ((offer,),) = [wish.offers for wish in scene.studio.wishes]
    assert offer == Offer(
        name=name,
        url=offer.url,
        byte_count=len(content),
        content_type="image/png",
        alt=None,
        source=OfferSource.OPTION,
    )
    assert offer.url.startswith("https://")


async def test_what_was_chosen_is_what_is_wished(scene: Scene) -> None:
    await scene.alice.slash(
        scene.channel,
        "video make",
        prompt="a storm",
        duration="9",
        resolution="480p",
        aspect_ratio="21:9",
        audio=False,
        takes=3,
        seed=7,
    )

    (wish,) = scene.studio.wishes
    assert wish.parameters == Parameters(
        duration_seconds=9, resolution="480p", aspect_ratio="21:9", audio=False, seed=7
    )
    assert wish.take_count == 3
    assert (wish.person.id, wish.person.name) == (scene.alice.id, "alice")
    assert (wish.place.guild_id, wish.place.channel_id) == (scene.guild.id, scene.channel.id)


async def test_what_was_not_chosen_is_left_to_the_model_at_720p_with_sound_once(scene: Scene) -> None:
    await scene.alice.slash(scene.channel, "video make", prompt="a storm", duration="auto")

    (wish,) = scene.studio.wishes
    assert wish.parameters == Parameters(
        duration_seconds=None, resolution="720p", aspect_ratio="auto", audio=True, seed=None
    )
    assert wish.take_count == 1
