"""Running one operation, up to so many values: a page that is fuller than most does not hold the server up.

What a document may ask for is an upper bound that real rows seldom reach; what it does get is counted here.
"""

from __future__ import annotations

from typing import Any

from graphql import Executor, GraphQLError, GraphQLObjectType, OperationType

#: fields of all objects of one answer; those of an introspection, which nothing computes, count less
MAX_ANSWERED = 8_000
_INTROSPECTED = 0.4
#: so many fewer for each millisecond that the database is at work for the request: both share one processor
_FOR_A_MILLISECOND = 28
#: what edges, hits and findings hold
_HELD = ("node", "dispute", "record", "party")


class BoundedExecutor(Executor[Any]):
    """Counts what it resolves. A query that reaches the limit comes to nothing; a mutation is always answered."""

    _left: float = MAX_ANSWERED

    def spend_on_work(self, work_ms: float) -> None:
        """Leave less for values where the database has much to do."""
        self._left -= work_ms * _FOR_A_MILLISECOND

    def collect_and_execute_subfields(self, return_type: GraphQLObjectType, *rest: Any) -> Any:
        """Answer with an object: who asked has seen it."""
        # rest: the fields, the path, the object itself; what it holds was found, whether it is looked at or not
        shown = rest[2]
        for one in (shown, *(getattr(shown, name, None) for name in _HELD)):
            id = getattr(one, "id", None)
            if isinstance(id, str):
                self.context_value.subjects.add(id)
        return super().collect_and_execute_subfields(return_type, *rest)

    @property
    def is_spent(self) -> bool:
        """Whether the answer is not whole because it became too large."""
        return self._left < 0

    def problem(self) -> GraphQLError:
        """What its client is told."""
        return GraphQLError(
            f"the answer holds too many values, at most {MAX_ANSWERED}; ask smaller pages or fewer fields"
        )

    def execute_field(self, parent_type: GraphQLObjectType, *rest: Any) -> Any:
        """Resolve one field, while there is something left."""
        if self.operation.operation is OperationType.QUERY:
            self._left -= _INTROSPECTED if parent_type.name.startswith("__") else 1
            if self._left < 0:
                raise self.problem()
        return super().execute_field(parent_type, *rest)
