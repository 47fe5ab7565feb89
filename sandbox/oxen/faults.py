"""Faults that wait for their call."""

from dataclasses import dataclass
from itertools import count

from sandbox.oxen.views import FaultOrder, FaultView


@dataclass(slots=True)
class _Armed:
    id: int
    order: FaultOrder
    seen: int = 0
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.order.times is not None and self.struck >= self.order.times

    def matches(self, where: str, generation_id: str | None) -> bool:
        order = self.order
        named = order.generation_id is None or generation_id is None or order.generation_id == generation_id
        return not self.spent and order.where == where and named


class Faults:
    """Ordered faults; the oldest that matches strikes."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._armed: list[_Armed] = []

    def arm(self, order: FaultOrder) -> FaultView:
        """Puts a fault in wait."""
        armed = _Armed(next(self._ids), order)
        self._armed.append(armed)
        return _view(armed)

    def strike(self, where: str, generation_id: str | None = None) -> FaultView | None:
        """The fault that this call meets, counted as used; `None` when nothing waits for it."""
        for armed in self._armed:
            if armed.matches(where, generation_id):
                armed.seen += 1
                if armed.seen > armed.order.skip:
                    armed.struck += 1
                    return _view(armed)
        return None

    def disarm(self, fault_id: int | None = None) -> None:
        """Forgets one fault, or all of them."""
        self._armed = [] if fault_id is None else [armed for armed in self._armed if armed.id != fault_id]

    def views(self) -> tuple[FaultView, ...]:
        """All faults, spent ones included."""
        return tuple(_view(armed) for armed in self._armed)


def _view(armed: _Armed) -> FaultView:
    return FaultView(id=armed.id, order=armed.order, struck=armed.struck)
