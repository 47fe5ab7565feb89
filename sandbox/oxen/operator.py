"""The typed client of the control API: how tests and the demo steer this Oxen."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from sandbox.oxen.settings import Settings
from sandbox.oxen.views import FaultKind, FaultOrder, FaultView, GenerationView, Report, Stage, Where

_ENDED = frozenset({"succeeded", "failed", "cancelled"})
_LOOK_SECONDS = 0.05


class OxenOperator:
    """Steers and asks. `httpx.HTTPStatusError` when the server refuses, with the reason in its body."""

    def __init__(self, control: str) -> None:
        """`control`: the URL of that name in the ready line."""
        self._http = httpx.AsyncClient(base_url=control, timeout=30.0, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives the connections back."""
        await self._http.aclose()

    async def fault(self, where: Where, kind: FaultKind, *, times: int | None = 1, **details: Any) -> FaultView:  # noqa: ANN401  fields of FaultOrder
        """Puts a fault in wait; `details` are fields of `FaultOrder`, whose docstring has the table."""
        order = FaultOrder(where=where, kind=kind, times=times, **details)
        return FaultView.model_validate(await self._ask("POST", "/faults", order.model_dump(mode="json")))

    async def faults(self) -> tuple[FaultView, ...]:
        """All faults, spent ones included."""
        return tuple(FaultView.model_validate(fault) for fault in await self._ask("GET", "/faults"))

    async def clear_faults(self, fault_id: int | None = None) -> None:
        """Forgets one fault, or all."""
        await self._ask("DELETE", "/faults" if fault_id is None else f"/faults/{fault_id}")

    async def settings(self) -> Settings:
        """The settings now."""
        return Settings.model_validate(await self._ask("GET", "/settings"))

    async def change(self, **changes: Any) -> Settings:  # noqa: ANN401  fields of Settings
        """Changes fields of `Settings` while it runs: schema_version, balance, render_seconds and so on."""
        return Settings.model_validate(await self._ask("PATCH", "/settings", changes))

    async def generations(self) -> tuple[GenerationView, ...]:
        """All generations ever accepted, oldest first, lost ones included."""
        return tuple(GenerationView.model_validate(row) for row in await self._ask("GET", "/generations"))

    async def generation(self, generation_id: str) -> GenerationView:
        """One of them."""
        return GenerationView.model_validate(await self._ask("GET", f"/generations/{generation_id}"))

    async def lose(self, generation_id: str) -> GenerationView:
        """The row answers 404 from now on; its job goes on."""
        return GenerationView.model_validate(await self._ask("POST", f"/generations/{generation_id}/lose", {}))

    async def fail(self, generation_id: str, message: str) -> GenerationView:
        """Ends an active generation as failed, with an event."""
        body = {"message": message}
        return GenerationView.model_validate(await self._ask("POST", f"/generations/{generation_id}/fail", body))

    async def hold(self, stage: Stage = "processing") -> None:
        """Jobs that reach that state stay in it (rendered, if need be) until `release`."""
        await self._ask("POST", "/hold", {"stage": stage})

    async def release(self) -> None:
        """Everything goes on."""
        await self._ask("POST", "/release", {})

    async def reset(self) -> None:
        """Makes it as new: settings, generations, faults, journal; running jobs end. Earlier renders stay cached."""
        await self._ask("POST", "/reset", {})

    async def cut_streams(self) -> int:
        """Ends every event stream; answers how many there were."""
        return int((await self._ask("POST", "/events/cut", {}))["cut"])

    async def publish(self, name: str, data: Mapping[str, Any]) -> int:
        """Sends any event to every stream, such as the unrelated ones that Oxen's may carry; answers how many."""
        return int((await self._ask("POST", "/events", {"name": name, "data": dict(data)}))["streams"])

    async def report(self, *, since: int = 0) -> Report:
        """Calls (those after number `since`), counts, violations, money."""
        return Report.model_validate(await self._ask("GET", f"/report?since={since}"))

    async def ended(self, generation_id: str, *, timeout_seconds: float = 30.0) -> GenerationView:
        """Waits until the generation has ended; `TimeoutError` when it does not."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                row = await self.generation(generation_id)
                if row.status in _ENDED:
                    return row
                await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON, validated by callers
        answer = await self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()
