"""Who asks."""

from __future__ import annotations

import strawberry

from schema.context import Info
from schema.types.viewer import Viewer, viewer_of


@strawberry.type
class ViewerQueries:
    @strawberry.field(description="Whoever asks, and what they can do here at all.")
    def viewer(self, info: Info) -> Viewer:
        return viewer_of(info)
