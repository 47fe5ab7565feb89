"""What can be set about this Oxen, at its start or later through the control API."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

MODEL_ID = "bytedance-seedance-2-0-fast-reference-to-video"
TEXT_MODEL_ID = "sandbox-text-only"

SchemaVersion = Literal["v1", "v2", "v3"]
SchemaKey = Literal["request_schema", "json_request_schema"]
AsyncContract = Literal["2026-05-11", "2026-04-14"]


class Settings(BaseModel):
    """Frozen; the control API replaces it whole. Money is decimal USD, as Oxen writes it.

    `cost_failed`, `cost_cancelled`: what such a generation is charged; `None` leaves its cost unknown (`null`) [S].
    `prices`: USD per output second by resolution. Invented: no document that was read names this model's price.
    `result_links`: whether a result's URL carries a signature of its own or wants the key (both are seen, [C] and [D]).
    `stock_render`: clips of one shape show the same; each has bytes of its own all the same.
    `unknown_fields`: what a job does about a field that its schema lacks; nobody documents which.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    username: str = "rushes"
    schema_version: SchemaVersion = "v1"
    schema_key: SchemaKey = "request_schema"
    async_contract: AsyncContract = "2026-05-11"
    queue_seconds: float = 0.0
    render_seconds: float = 2.0
    quick_render: bool = False
    stock_render: bool = False
    keep_alive_seconds: float = 15.0
    link_seconds: float = 3600.0
    result_links: Literal["presigned", "bearer"] = "presigned"
    unknown_fields: Literal["ignore", "fail"] = "ignore"
    balance: Decimal = Decimal(1000)
    cost_failed: Decimal | None = Decimal(0)
    cost_cancelled: Decimal | None = Decimal(0)
    prices: dict[str, Decimal] = {"480p": Decimal("0.12"), "720p": Decimal("0.24")}

    @property
    def old_contract(self) -> bool:
        """True for the asynchronous contract of 2026-04-14, in which finished rows vanish."""
        return self.async_contract == "2026-04-14"

    def price(self, resolution: str) -> Decimal:
        """USD per output second; an unknown resolution costs as much as the dearest."""
        return self.prices.get(resolution, max(self.prices.values()))
