"""`/control`: for tests and the demo. JSON in, JSON out, no key; only loopback ever gets here."""

from aiohttp import web
from pydantic import BaseModel, ValidationError

from sandbox.oxen.answers import Refusal, json_object
from sandbox.oxen.generations import Generation
from sandbox.oxen.views import FaultOrder
from sandbox.oxen.wire import message
from sandbox.oxen.world import Starter, World


class Control:
    """Handlers; `operator.OxenOperator` is their client."""

    def __init__(self, world: World, jobs: Starter) -> None:
        self._world = world
        self._jobs = jobs

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/control/settings", self.settings),
            web.patch("/control/settings", self.change),
            web.get("/control/report", self.report),
            web.get("/control/generations", self.generations),
            web.get("/control/generations/{generation_id}", self.generation),
            web.post("/control/generations/{generation_id}/lose", self.lose),
            web.post("/control/generations/{generation_id}/fail", self.fail),
            web.post("/control/faults", self.arm),
            web.get("/control/faults", self.faults),
            web.delete("/control/faults", self.disarm),
            web.delete("/control/faults/{id}", self.disarm),
            web.post("/control/reset", self.reset),
            web.post("/control/hold", self.hold),
            web.post("/control/release", self.release),
            web.post("/control/events", self.publish),
            web.post("/control/events/cut", self.cut),
        ]

    async def settings(self, _request: web.Request) -> web.Response:
        return _json(self._world.settings)

    async def change(self, request: web.Request) -> web.Response:
        changes = await json_object(request)
        try:
            return _json(self._world.change(changes))
        except ValidationError as error:
            raise Refusal(400, message(str(error))) from error

    async def report(self, request: web.Request) -> web.Response:
        return _json(self._world.report(since=int(request.query.get("since", "0"))))

    async def generations(self, _request: web.Request) -> web.Response:
        return web.json_response([row.view().model_dump(mode="json") for row in self._world.book.everything()])

    async def generation(self, request: web.Request) -> web.Response:
        return _json(self._row(request).view())

    async def lose(self, request: web.Request) -> web.Response:
        row = self._row(request)
        row.lost = True
        return _json(row.view())

    async def fail(self, request: web.Request) -> web.Response:
        row, body = self._row(request), await json_object(request)
        self._jobs.settle(row, str(body["message"]))
        return _json(row.view())

    async def arm(self, request: web.Request) -> web.Response:
        try:
            order = FaultOrder.model_validate(await json_object(request))
        except ValidationError as error:
            raise Refusal(400, message(str(error))) from error
        return _json(self._world.faults.arm(order))

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response([fault.model_dump(mode="json") for fault in self._world.faults.views()])

    async def disarm(self, request: web.Request) -> web.Response:
        named = request.match_info.get("id")
        self._world.faults.disarm(None if named is None else int(named))
        return web.json_response({})

    async def reset(self, _request: web.Request) -> web.Response:
        self._jobs.stop()
        self._world.reset()
        return web.json_response({})

    async def hold(self, request: web.Request) -> web.Response:
        stage = (await json_object(request)).get("stage", "processing")
        if stage not in {"queued", "processing"}:
            raise Refusal(400, message("stage is queued or processing"))
        self._world.gates.hold(stage)
        return web.json_response({})

    async def release(self, _request: web.Request) -> web.Response:
        self._world.gates.release()
        return web.json_response({})

    async def publish(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        self._world.hub.publish(str(body["name"]), body["data"])
        return web.json_response({"streams": len(self._world.hub)})

    async def cut(self, _request: web.Request) -> web.Response:
        return web.json_response({"cut": self._world.hub.cut()})

    def _row(self, request: web.Request) -> Generation:
        row = self._world.book.any_row(request.match_info["generation_id"])
        if row is None:
            raise Refusal(404, message("no such generation"))
        return row


def _json(value: BaseModel) -> web.Response:
    return web.Response(text=value.model_dump_json(), content_type="application/json")
