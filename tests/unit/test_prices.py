"""Prices: the live record's, and those of the settings, which win."""

from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from bot.bootstrap import prices_of, warn_of_unpriced
from bot.domain.models import Pricing
from bot.providers.oxen.client import OxenProvider
from bot.settings import Settings, SettingsError, load_settings
from tests.fakes_provider import MODEL_ID, MODELS_DIRECTORY

_VARIABLE = "RUSHES__PRICES__USD_PER_SECOND"
_LIVE = Pricing(by_resolution={"480p": 50_000, "720p": 100_000}, otherwise=200_000)


def configured(monkeypatch: pytest.MonkeyPatch, text: str) -> Settings:
    monkeypatch.setenv(_VARIABLE, text)
    return load_settings()


def provider(prices: Pricing, record: object, status: int = 200) -> OxenProvider:
    answers = httpx.MockTransport(lambda _request: httpx.Response(status, json=record))
    return OxenProvider(
        base_url="https://hub.example.test/api/ai",
        key=lambda: "made-up",
        model_id=MODEL_ID,
        models=Path(MODELS_DIRECTORY),
        clock=lambda: 0,
        max_result_bytes=1,
        prices=prices,
        http=httpx.AsyncClient(transport=answers),
    )


@pytest.mark.parametrize(
    ("own", "resolution", "price"),
    [
        (Pricing(), "720p", 100_000),
        (Pricing(), "4k", 200_000),
        (Pricing(by_resolution={"720p": 7}), "720p", 7),
        (Pricing(by_resolution={"720p": 7}), "480p", 50_000),
        (Pricing(by_resolution={"720p": 0}), "720p", 0),
        (Pricing(otherwise=9), "720p", 9),
        (Pricing(by_resolution={"480p": 8}, otherwise=9), "480p", 8),
    ],
)
def test_a_price_that_is_set_wins_and_what_is_not_set_stays(own: Pricing, resolution: str, price: int) -> None:
    assert own.over(_LIVE).per_second(resolution) == price


def test_an_unknown_price_stays_unknown() -> None:
    own = Pricing(by_resolution={"720p": 7}).over(Pricing())
    assert own.per_second("480p") is None
    assert Pricing().over(Pricing()).per_second("720p") is None


@pytest.mark.parametrize(("record", "status"), [({"pricing": {"cost_per_second": 0.5}}, 200), ({}, 200), ({}, 500)])
async def test_the_model_costs_what_the_settings_say_with_or_without_a_record(record: object, status: int) -> None:
    vendor = provider(Pricing(by_resolution={"720p": 180_000}), record, status)
    assert vendor.known.worst_cost_usd_micros(seconds=5, resolution="720p", takes=2) == 1_800_000
    spec = await vendor.model()
    assert spec.worst_cost_usd_micros(seconds=5, resolution="720p", takes=2) == 1_800_000


async def test_without_a_setting_the_record_s_price_holds_and_none_is_none() -> None:
    assert (await provider(Pricing(), {"pricing": {"cost_per_second": 0.5}}).model()).pricing.per_second(
        "720p"
    ) == 500_000
    assert (await provider(Pricing(), {}).model()).pricing.per_second("720p") is None


def test_prices_are_set_in_dollars_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configured(monkeypatch, f'{{"{MODEL_ID}": {{"720p": 0.18, "otherwise": "0.000001"}}}}')
    assert prices_of(settings) == Pricing(by_resolution={"720p": 180_000}, otherwise=1)


@pytest.mark.parametrize("price", ["-0.1", "1001", "0.0000001", '"free"', "null"])
def test_a_price_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, price: str) -> None:
    with pytest.raises(SettingsError, match=r"prices\.usd_per_second"):
        configured(monkeypatch, f'{{"{MODEL_ID}": {{"720p": {price}}}}}')


def test_a_misspelt_resolution_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"prices\.usd_per_second"):
        configured(monkeypatch, f'{{"{MODEL_ID}": {{"720": 0.1}}}}')


def test_a_misspelt_model_stops_the_start_and_the_known_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configured(monkeypatch, '{"bytedance-seedance": {"720p": 0.1}}')
    with pytest.raises(SettingsError, match=f"“bytedance-seedance”, which is no model here: {MODEL_ID}"):
        prices_of(settings)


@pytest.mark.parametrize(
    ("prices", "missing"),
    [
        (Pricing(), ("480p", "720p")),
        (Pricing(by_resolution={"720p": 1}), ("480p",)),
        (Pricing(by_resolution={"720p": 1}, otherwise=0), ()),
    ],
)
def test_an_operator_is_told_at_start_which_resolutions_nobody_may_ask_for(
    monkeypatch: pytest.MonkeyPatch, prices: Pricing, missing: tuple[str, ...]
) -> None:
    spec = provider(prices, {}).known
    for unpriced in (False, True):
        monkeypatch.setenv("RUSHES__BUDGETS__UNPRICED", str(unpriced).lower())
        with capture_logs() as logs:
            warn_of_unpriced(spec, configured(monkeypatch, "{}"))
        told = [(line["model"], tuple(line["resolutions"])) for line in logs]
        assert told == ([] if unpriced or not missing else [(MODEL_ID, missing)])
        assert all("prices.usd_per_second" in line["setting"] for line in logs)
