"""`/api/ai/models`: the record of the one model, and of a text model that the queue refuses."""

from aiohttp import web

from sandbox.oxen.answers import Refusal
from sandbox.oxen.settings import MODEL_ID, TEXT_MODEL_ID, Settings
from sandbox.oxen.wire import Body, message
from sandbox.oxen.world import World

_CREATED = 1_776_816_000  # 2026-04-22, the day of the first page of this model


class ModelsApi:
    """Lists and shows."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def models(self, request: web.Request) -> web.Response:
        developer = request.query.get("developer_name")
        data = [record for record in self._records() if developer in {None, record["developer"]["name"]}]
        return web.json_response({"object": "list", "data": data})

    async def search(self, request: web.Request) -> web.Response:
        text = request.query.get("search", "").casefold()
        data = [record for record in self._records() if text in f"{record['id']} {record['display_name']}".casefold()]
        return web.json_response({"object": "list", "data": data})

    async def model(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        for record in self._records():
            if name in {record["id"], record["display_name"]}:
                return web.json_response(record)
        raise Refusal(404, message(f"Model not found: {name}"))

    def _records(self) -> tuple[Body, ...]:
        settings = self._world.settings
        key = settings.schema_key
        video = _record(MODEL_ID, "Seedance 2.0 Fast (reference to video)", "ByteDance", "/videos/generate")
        text = _record(TEXT_MODEL_ID, "Text only", "Sandbox", "/chat/completions")
        return (
            video
            | {"capabilities": {"input": ["text", "image", "video", "audio"], "output": ["video"]}}
            | {"pricing": _pricing(settings), key: dict(self._world.schema.document)},
            text | {"capabilities": {"input": ["text"], "output": ["text"]}, "pricing": {"method": "token"}, key: None},
        )


def _record(model_id: str, name: str, developer: str, endpoint: str) -> Body:
    """The documented keys [D MO, OAS]."""
    return {
        "id": model_id,
        "object": "model",
        "created": _CREATED,
        "owned_by": "oxen",
        "display_name": name,
        "description": None,
        "summary": None,
        "model_type": "base",
        "endpoint": endpoint,
        "fine_tuning": None,
        "deployments": [],
        "developer": {"name": developer, "logo": None},
        "source_model": None,
        "image_url": None,
        "released_at": None,
    }


def _pricing(settings: Settings) -> Body:
    """Invented figures: the price of this model is in no document that was read."""
    prices = {name: float(price) for name, price in settings.prices.items()}
    return {
        "method": "per_video_output_second",
        "cost_per_second": max(prices.values()),
        "cost_per_second_high_res": None,
        "cost_per_second_with_audio": None,
        "cost_per_second_by_resolution": prices,
    }
