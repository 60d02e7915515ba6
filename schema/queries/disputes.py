"""One dispute, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from hub.errors import UserInputError
from hub.reading import disputes
from hub.reading.paging import window
from schema.connection import After, Before, First, Last, connection_of
from schema.context import Info
from schema.enums import DisputeOrderField
from schema.inputs import DisputeFilterInput, DisputeOrder
from schema.types.dispute import Dispute, dispute
from schema.types.dispute_list import Counts, DisputeConnection


@strawberry.type
class DisputeQueries:
    @strawberry.field(description="One dispute, by id or by code; the code of a merged dispute still answers.")
    async def dispute(self, info: Info, id: strawberry.ID | None = None, code: str | None = None) -> Dispute | None:
        if (id is None) is (code is None):
            raise UserInputError("give either id or code")
        if id is not None:
            row = await info.context.loaders.disputes.load(str(id))
        else:
            assert code is not None
            async with info.context.store.read() as connection:
                row = await disputes.by_code(connection, info.context.sight, code)
        return None if row is None else dispute(row)

    @strawberry.field(description="Disputes, the latest registered first unless asked otherwise.")
    async def disputes(
        self,
        info: Info,
        filter: DisputeFilterInput | None = None,
        order_by: DisputeOrder | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> DisputeConnection:
        store, sight = info.context.store, info.context.sight
        wanted = (filter or DisputeFilterInput()).to_filter()
        ordering = (order_by or DisputeOrder(by=DisputeOrderField.REGISTERED_AT)).to_ordering()
        asked = window(ordering, first, after, last, before)

        async def behind() -> bool:
            async with store.read() as connection:
                return await disputes.any_behind(connection, sight, wanted, ordering, asked)

        async def total() -> int:
            async with store.read() as connection:
                return await disputes.total(connection, sight, wanted)

        async def counted(by: Sequence[str]) -> Counts:
            async with store.read() as connection:
                return await disputes.facets(connection, sight, wanted, by)

        async with store.read() as connection:
            page = await disputes.page(connection, sight, wanted, ordering, asked)
        found = connection_of(page, dispute, asked, behind, total)
        return DisputeConnection(edges=found.edges, page_info=found.page_info, total=total, counted=counted)
