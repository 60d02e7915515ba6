"""Whether a document could run, without running it: what the server would say to whoever sends it."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, parse

from schema import guard
from schema.prices import Prices
from schema.validation import problems_of


@dataclass(frozen=True, slots=True)
class Checked:
    """A document and what is wrong with it."""

    id: str
    #: their names; ``query`` and the like where one has none
    operations: tuple[str, ...] = ()
    #: of the dearest, with full pages where variables say how many
    cost: int = 0
    problems: tuple[str, ...] = ()


def check_document(schema: GraphQLSchema, id: str, text: str) -> Checked:
    """What the schema makes of it."""
    try:
        document = parse(text, max_lexical_tokens=guard.MAX_TOKENS)
    except GraphQLError as problem:
        return Checked(id, problems=(problem.message,))
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    names = tuple(node.name.value if node.name else node.operation.value for node in operations)
    problems = [problem.message for problem in problems_of(schema, document, sees_suggestions=True)]
    cost = 0
    try:
        cost = max(guard.measure(document, one, {}, Prices(schema)).cost for one in operations) if operations else 0
    except GraphQLError as problem:
        # with smaller pages in its variables it may still run, but nobody promises that
        problems.append(problem.message)
    if not operations:
        problems.append("the document has no operation")
    return Checked(id, names, cost, tuple(problems))
