"""GraphQL's own rules over one document, in bounded time: errors as GraphQL says them, with suggestions or without.

Fields that may be merged are compared in pairs, fragment by fragment: the work that takes is bounded, or 2 000 tokens
of repeated fields take half a second.
"""

from __future__ import annotations

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    specified_rules,
    validate,
)

#: errors shown of one document; more would only repeat what a mistake caused
_MAX_ERRORS = 20
#: with suggestions each takes a comparison with every name of the schema
_MAX_ERRORS_SUGGESTED = 5
#: two units a pair of fields: 60 ms, and enough for sixty components that ask for the same things of one object
_COMPARISONS = 40_000


class _BoundedOverlap(OverlappingFieldsCanBeMergedRule):
    """The rule with less work to spend than graphql-core gives it."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = _COMPARISONS


_RULES = tuple(_BoundedOverlap if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules)


def problems_of(schema: GraphQLSchema, document: DocumentNode, sees_suggestions: bool) -> list[GraphQLError]:
    """Why the document cannot run against the schema; nothing where it can."""
    limit = _MAX_ERRORS_SUGGESTED if sees_suggestions else _MAX_ERRORS
    return validate(schema, document, _RULES, max_errors=limit, hide_suggestions=not sees_suggestions)
