"""Node: whatever has a global id."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="Anything with an id of its own, fetched again by node(id).")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, prefixed, sortable by the time it was made.")
