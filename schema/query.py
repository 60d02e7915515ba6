"""Query: every question the door answers. It reads the store and never calls a partner."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub.errors import UserInputError
from hub.reading import connectors, records, reference
from hub.reading.paging import MAX_SIZE, window
from hub.vocabulary import AgencyKind, RegionLevel
from schema.connection import After, Before, Connection, First, Last, connection_of
from schema.context import Info
from schema.enums import Locale
from schema.inputs import CaseRecordFilterInput
from schema.nodes import find_nodes
from schema.queries.access_log import AccessLogQueries
from schema.queries.changes import ChangeQueries
from schema.queries.disputes import DisputeQueries
from schema.queries.links import LinkQueries
from schema.queries.outbox import OutboxQueries
from schema.queries.search import SearchQueries
from schema.queries.tasks import TaskQueries
from schema.queries.viewer import ViewerQueries
from schema.queries.worklists import WorklistQueries
from schema.scalars import Day
from schema.types.connector import Connector, connector
from schema.types.figure import Figure, figures_of
from schema.types.node import Node
from schema.types.record import CaseRecord, case_record
from schema.types.reference import Agency, Region, Vocabulary, agency, region
from schema.vocabularies import vocabularies_of


@strawberry.type(description="Every question that can be asked.")
class Query(
    DisputeQueries,
    LinkQueries,
    WorklistQueries,
    OutboxQueries,
    ChangeQueries,
    ViewerQueries,
    TaskQueries,
    SearchQueries,
    AccessLogQueries,
):
    @strawberry.field(description="Anything by its global id; null where nothing is known under it.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return (await find_nodes(info, [id]))[0]

    @strawberry.field(description="Several at once, at most 100, in the order asked.")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        if len(ids) > MAX_SIZE:
            raise UserInputError(f"ids takes at most {MAX_SIZE} values")
        return await find_nodes(info, ids)

    @strawberry.field(description="One agency's record by the agency's own key and number.")
    async def case_record(
        self,
        info: Info,
        instance: str,
        native_id: str,
        native_no: Annotated[
            str | None,
            strawberry.argument(description='May be left out where the key has one record; "" is the unnumbered one.'),
        ] = None,
    ) -> CaseRecord | None:
        async with info.context.store.read() as connection:
            row = await records.by_native(connection, info.context.sight, instance, native_id, native_no)
        return None if row is None else case_record(row)

    @strawberry.field(
        description="Agencies' records, the latest received first, whether they belong to a dispute or not."
    )
    async def case_records(
        self,
        info: Info,
        filter: CaseRecordFilterInput | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CaseRecord]:
        store, sight = info.context.store, info.context.sight
        wanted = (filter or CaseRecordFilterInput()).to_filter()
        asked = window(records.ORDERING, first, after, last, before)

        async def behind() -> bool:
            async with store.read() as connection:
                return await records.any_behind(connection, sight, wanted, asked)

        async def total() -> int:
            async with store.read() as connection:
                return await records.total(connection, sight, wanted)

        async with store.read() as connection:
            page = await records.page(connection, sight, wanted, asked)
        return connection_of(page, case_record, asked, behind, total)

    @strawberry.field(description="Every configured partner that ever ran, by name.")
    async def connectors(self, info: Info) -> list[Connector]:
        async with info.context.store.read() as connection:
            return [connector(row) for row in await connectors.all_of(connection)]

    @strawberry.field(description="The county's regions, in code order.")
    async def regions(
        self,
        info: Info,
        parent: Annotated[str | None, strawberry.argument(description="Only those directly below this code.")] = None,
        level: RegionLevel | None = None,
    ) -> list[Region]:
        async with info.context.store.read() as connection:
            rows = await reference.all_regions(connection, parent, None if level is None else level.value)
        return [region(row) for row in rows]

    @strawberry.field(description="The agencies the hub knows, in code order.")
    async def agencies(self, info: Info, kinds: list[AgencyKind] | None = None) -> list[Agency]:
        async with info.context.store.read() as connection:
            rows = await reference.all_agencies(connection, None if kinds is None else [k.value for k in kinds])
        return [agency(row) for row in rows]

    @strawberry.field(description="What codes are called, so that a client hard-codes no label.")
    def vocabularies(
        self,
        info: Info,
        names: Annotated[
            list[str] | None, strawberry.argument(description="Names of enums, or Category; all when not given.")
        ] = None,
        locale: Locale = Locale.ZH,
    ) -> list[Vocabulary]:
        return vocabularies_of(info.context.tables, names, locale)

    @strawberry.field(description="Indicators for a period and region, each with its exact counts.")
    async def figures(
        self,
        info: Info,
        start: Annotated[Day, strawberry.argument(name="from", description="First day of the period.")],
        end: Annotated[Day, strawberry.argument(name="to", description="The day after its last.")],
        ids: Annotated[list[str] | None, strawberry.argument(description="E.g. [K1]; all when not given.")] = None,
        region: Annotated[
            str | None, strawberry.argument(description="Region code, its subtree included; everything when not given.")
        ] = None,
    ) -> list[Figure]:
        return await figures_of(info, ids, start, end, region)
