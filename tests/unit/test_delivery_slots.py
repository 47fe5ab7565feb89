from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.slots import MAX_BYTES_PER_MESSAGE, fresh_nonce, nonce, parcels
from bot.domain.requests import Take
from tests.fakes_delivery import REQUEST_ID, make_take

MIB = 1 << 20


def sized(ordinal: int, byte_count: int) -> Take:
    take = make_take(ordinal)
    assert take.clip_facts is not None
    return replace(take, clip_facts=replace(take.clip_facts, byte_count=byte_count))


@pytest.mark.parametrize("slot", ["card", "notice", "callback", "result-1", "result-10"])
def test_every_nonce_fits_discords_25_characters_with_room_for_fresh_ones(slot: str) -> None:
    spent = nonce(REQUEST_ID, slot)
    tokens = {fresh_nonce(spent, attempt) for attempt in range(3)}

    assert len(tokens) == 3
    assert all(len(token) <= 25 for token in tokens)


def test_a_nonce_that_would_not_fit_is_a_defect() -> None:
    with pytest.raises(ValueError, match="too long"):
        fresh_nonce("x" * 25, 1)


@given(st.lists(st.integers(min_value=1, max_value=30 * MIB), min_size=1, max_size=12))
def test_every_clip_comes_once_in_order_and_no_shared_message_is_too_large(sizes: list[int]) -> None:
    takes = [sized(ordinal, size) for ordinal, size in enumerate(sizes, start=1)]
    limit_bytes = 10 * MIB

    planned = parcels(list(reversed(takes)), upload_limit_bytes=limit_bytes)

    assert [take for parcel in planned for take in parcel.takes] == takes
    assert [parcel.slot for parcel in planned] == [f"result-{number}" for number in range(1, len(planned) + 1)]
    for parcel in planned:
        together = sum(take.clip_facts.byte_count for take in parcel.takes if take.clip_facts)
        assert len(parcel.takes) == 1 or (together <= MAX_BYTES_PER_MESSAGE and len(parcel.takes) < 10)


def test_clips_of_unknown_size_come_one_a_message() -> None:
    takes = [replace(make_take(ordinal), clip_facts=None) for ordinal in (1, 2)]

    assert len(parcels(takes, upload_limit_bytes=MIB)) == 2


def test_a_clip_over_the_servers_hint_is_tried_alone() -> None:
    planned = parcels([sized(1, 11 * MIB), sized(2, MIB)], upload_limit_bytes=10 * MIB)

    assert [len(parcel.takes) for parcel in planned] == [1, 1]
