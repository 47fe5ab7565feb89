"""What happened: calls, and bodies that broke a schema."""

from collections import Counter, deque
from collections.abc import Mapping

from sandbox.oxen.checks import undefined_tokens
from sandbox.oxen.contract import Contract
from sandbox.oxen.schemas import ModelSchema
from sandbox.oxen.views import LoggedCall, Violation

_MAX_CALLS = 20_000


class Journal:
    """Kept in memory, for the report."""

    def __init__(self, contract: Contract | None) -> None:
        self._contract = contract
        self._calls: deque[LoggedCall] = deque(maxlen=_MAX_CALLS)
        self._counts: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.contradictions: list[Violation] = []
        self.posts = 0
        self.accepted = 0

    def fresh(self) -> "Journal":
        """An empty journal for the same contract."""
        return Journal(self._contract)

    @property
    def calls(self) -> tuple[LoggedCall, ...]:
        return tuple(self._calls)

    @property
    def counts(self) -> Mapping[str, int]:
        return dict(self._counts)

    @property
    def next_number(self) -> int:
        """The number of the call that is logged next, from 1."""
        return self._counts.total() + 1

    def log(self, call: LoggedCall) -> None:
        self._counts[call.where] += 1
        self._calls.append(call)

    def check(self, post: int, body: Mapping[str, object], schema: ModelSchema) -> None:
        """Notes what a body of `POST /queue` breaks: the model's schema always, the OpenAPI envelope if there is one.

        A token in the prompt that no reference has counts as broken too.
        Where the two contradict each other the model's own schema is right, and the contradiction is noted apart.
        """
        for name, message in schema.problems(body):
            self.violations.append(Violation(source="model", post=post, field=name, message=message))
        for token in undefined_tokens(schema, body):
            self.violations.append(Violation(source="model", post=post, field="prompt", message=f"{token} is nothing"))
        if self._contract is None:
            return
        for name, message in self._contract.problems("QueueCreateRequest", body):
            noted = Violation(source="openapi", post=post, field=name, message=message)
            contradicted = schema.allows(name, body.get(name))
            (self.contradictions if contradicted else self.violations).append(noted)
