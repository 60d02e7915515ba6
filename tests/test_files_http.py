"""``GET /files/{id}`` and the files in GraphQL and on the command line: what is stored can be had, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, insert, update

from app.authentication import whoever_is_here
from app.doorway import Standing
from app.jobs import lane_of, pull, retry_files, run_now, take_lane
from app.web import create_app
from app.wiring import Hub, open_hub
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from hub.accounts import Grant
from hub.api_keys import issue_key
from hub.desk import Desk
from hub.errors import ConflictError, NotFoundError
from hub.reading import attachments
from hub.reading.attachments import AttachmentRow
from hub.settings import InstanceSettings, Settings
from hub.sight import EVERYTHING
from hub.store import tables
from hub.vocabulary import county_tables
from sync_jobs.queue import Claim

from .databases import Database
from .files_kit import JPEG, FileServer, file_server, paper
from .graphql_rows import County, Door
from .hotline_double import dispatched, order, webhook
from .hub_kit import open_desk
from .test_graphql_cost import counted
from .webhooks_kit import listening


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database.url) as desk:
        yield desk


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with file_server() as server:
        yield server


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(desk, county_tables, authenticate=whoever_is_here)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


async def test_a_stored_file_is_answered_as_what_it_is(
    desk: Desk, server: FileServer, client: httpx2.AsyncClient
) -> None:
    hub = paper(desk, server)
    # the partner calls it something else: its bytes decide
    hub.connector.put("A", {"name": '现场 "1"; x.jpg', "url": server.put("/a", JPEG, "text/html")})
    await hub.take_in()
    (row,) = await hub.rows()
    answer = await client.get(f"/files/{row.id}")
    assert (answer.status_code, answer.content) == (200, JPEG)
    headers = answer.headers
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-length"] == str(len(JPEG))
    assert headers["content-disposition"] == ("attachment; filename*=UTF-8''%E7%8E%B0%E5%9C%BA%20%221%22%3B%20x.jpg")
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    head = await client.head(f"/files/{row.id}")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(JPEG)))
    assert (await client.post(f"/files/{row.id}")).status_code == 405
    foreign = await client.get(f"/files/{row.id}", headers={"Host": "evil.example"})
    assert foreign.status_code == 421


async def test_text_keeps_its_own_character_set(desk: Desk, server: FileServer, client: httpx2.AsyncClient) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "", "url": server.put("/a", "申请书".encode("gb18030"))})
    await hub.take_in()
    (row,) = await hub.rows()
    answer = await client.get(f"/files/{row.id}")
    assert answer.headers["content-type"] == "text/plain; charset=gb18030"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''file"


async def test_what_is_not_stored_is_not_found(desk: Desk, server: FileServer, client: httpx2.AsyncClient) -> None:
    hub = paper(desk, server)
    hub.connector.put(
        "A", {"name": "a.jpg", "url": server.put("/a", b"<html>")}, {"name": "b", "url": server.base_url + "/gone"},
        {"name": "c", "url": server.put("/c", JPEG)},
    )  # fmt: skip
    await hub.take_in()
    refused, waiting, stored = (row.id for row in await hub.rows())
    assert (await client.get(f"/files/{stored}")).status_code == 200
    async with desk.store.write() as tx:
        # what erasing a content will do
        await tx.execute(update(tables.attachments).values(content_id=None))
        await tx.execute(delete(tables.attachment_contents))
    for id in (refused, waiting, stored, "att_620725_0", "x", "att%00x", "%2e%2e", stored.replace("att_", "rec_")):
        answer = await client.get(f"/files/{id}")
        assert (answer.status_code, answer.json()["errors"][0]["message"]) == (404, "there is no such file"), id


LISTED = """
{ caseRecord(instance: "paper", nativeId: "A") { attachments {
    id kind name mediaType bytes state reason source url fetchedAt firstSeenAt deletedAtSource record { nativeId } }
  history { edges { node { kind text } } }
  dispute { attachments { name record { nativeId } } } } }
"""


async def test_records_and_disputes_list_their_files(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    hub.connector.put(
        "A", {"name": "a.jpg", "kind": "PHOTO", "url": server.put("/a", JPEG)},
        {"name": "b.jpg", "url": server.put("/b", b"<html>")},
    )  # fmt: skip
    hub.connector.map = _with_kinds(hub.connector.map)
    await hub.take_in()
    door = Door(desk.store)
    record = (await door.data(LISTED))["caseRecord"]
    a, b = record["attachments"]
    assert a | {"id": "", "fetchedAt": "", "firstSeenAt": ""} == {
        "id": "", "kind": "PHOTO", "name": "a.jpg", "mediaType": "image/jpeg", "bytes": len(JPEG), "state": "STORED",
        "reason": None, "source": "paper", "url": f"/files/{a['id']}", "fetchedAt": "", "firstSeenAt": "",
        "deletedAtSource": None, "record": {"nativeId": "A"},
    }  # fmt: skip
    assert (b["state"], b["reason"], b["url"], b["bytes"]) == ("REFUSED", "TYPE_NOT_ALLOWED", None, None)
    assert [file["name"] for file in record["dispute"]["attachments"]] == ["a.jpg", "b.jpg"]
    node = await door.data(f'{{ node(id: "{a["id"]}") {{ __typename ... on Attachment {{ name }} }} }}')
    assert node["node"] == {"__typename": "Attachment", "name": "a.jpg"}
    texts = await door.data(
        '{ caseRecord(instance: "paper", nativeId: "A") { history { edges { node { kind text } } } } }'
    )
    assert {"kind": "ATTACHED", "text": "取得附件"} in [
        edge["node"] for edge in texts["caseRecord"]["history"]["edges"]
    ]


ADDRESSES = """
{ caseRecord(instance: "paper", nativeId: "A") { attachments { id url } dispute { attachments { url } } } }
"""


async def test_below_a_path_the_address_of_a_file_works_as_it_is_told(desk: Desk, server: FileServer) -> None:
    hub = paper(desk, server)
    hub.connector.put("A", {"name": "a.jpg", "url": server.put("/a", JPEG)})
    await hub.take_in()
    app = create_app(desk, county_tables, authenticate=whoever_is_here, standing=Standing(base_path="/hub"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:

        async def ask(query: str) -> Any:
            return (await client.post("/hub/graphql", json={"query": query})).json()["data"]

        record = (await ask(ADDRESSES))["caseRecord"]
        (file,) = record["attachments"]
        node = (await ask(f'{{ node(id: "{file["id"]}") {{ ... on Attachment {{ url }} }} }}'))["node"]
        told = [file["url"], record["dispute"]["attachments"][0]["url"], node["url"]]
        assert told == [f"/hub/files/{file['id']}"] * 3
        assert (await client.get(told[0])).content == JPEG


def _with_kinds(mapped: Any) -> Any:
    from dataclasses import replace

    from hub.vocabulary import AttachmentKind

    def map(item: Any) -> Any:
        return [
            replace(facts, attachments=tuple(replace(one, kind=AttachmentKind(one.kind)) for one in facts.attachments))
            for facts in mapped(item)
        ]

    return map


async def test_a_page_of_files_costs_the_same_statements_however_long(desk: Desk) -> None:
    county = County()
    files = []
    for number in range(50):
        record = county.record(number, county.dispute(number))
        files += [
            {
                "id": f"att_{number}_{place}", "county": "620725", "instance": "court", "record_id": record,
                "ref_hash": str(place), "position": place, "kind": "PHOTO", "name": "x", "classification": "INTERNAL",
                "state": "PENDING", "attempts": 0, "next_try_at": desk.clock(), "first_seen_at": desk.clock(),
            }
            for place in range(3)
        ]  # fmt: skip
    await county.write(desk.store)
    async with desk.store.write() as tx:
        await tx.execute(insert(tables.attachments), files)
    query = """query($n: Int) { disputes(first: $n) { edges { node {
        attachments { name record { id } } records { attachments { name state } } } } } }"""
    door, costs = Door(desk.store), []
    for size in (2, 50):
        with counted(door) as statements:
            page = await door.data(query, n=size)
        costs.append(len(statements))
        assert all(len(edge["node"]["attachments"]) == 3 for edge in page["disputes"]["edges"])
    assert costs[0] == costs[1] <= 5


# --- the whole way, as a worker goes it ---------------------------------------------------------------------------


async def _pull(hub: Hub) -> None:
    async def work(claim: Claim) -> None:
        assert (await pull(hub, claim, "hotline")).error is None

    await run_now(hub, await take_lane(hub, "pull:hotline", lane_of("hotline")), work)


async def test_a_pull_job_fetches_files_and_a_person_may_ask_again(database: Database, tmp_path: Path) -> None:
    hotline = await start_hotline(HotlineOptions(scale=0.02))
    try:
        instance = InstanceSettings(
            connector="hotline", base_url=hotline.base_url, app_id=hotline.app_id, secret=hotline.secret,
            attachment_hosts=(),
        )  # fmt: skip
        settings = Settings(
            database_url=database.url, master_key_file=tmp_path / "master.key", data_dir=tmp_path,
            instances={"hotline": instance},
        )  # fmt: skip
        async with open_hub(settings) as hub:
            await _pull(hub)
            assert {one.reason for one in await _files(hub)} == {"HOST_NOT_ALLOWED"}
        allowed = instance.model_copy(update={"attachment_hosts": None})
        async with open_hub(settings.model_copy(update={"instances": {"hotline": allowed}})) as hub:
            told = await retry_files(hub, None, None)
            assert told["retried"] == told["stored"] + told["missed"] > 5 and told["stored"] > 5
            stored = [one for one in await _files(hub) if one.state == "STORED"]
            assert len(stored) == told["stored"]
            with pytest.raises(ConflictError):
                await retry_files(hub, stored[0].id, None)
            with pytest.raises(NotFoundError):
                await retry_files(hub, "att_0", None)
            app = create_app(hub.desk, county_tables, authenticate=whoever_is_here)
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
                answer = await client.get(f"/files/{stored[0].id}")
            assert (answer.status_code, len(answer.content)) == (200, stored[0].bytes)
    finally:
        await hotline.close()


async def _files(hub: Hub) -> list[AttachmentRow]:
    async with hub.store.read() as connection:
        return await attachments.listed(connection, EVERYTHING, limit=1000)


async def test_a_webhooks_files_are_fetched_by_the_job_that_takes_it_in(
    database: Database, tmp_path: Path, server: FileServer
) -> None:
    address = server.put("/现场.jpg", JPEG) + "?token=1"
    told = order(1, **dispatched(1, attachments=address))
    async with listening(database.url, tmp_path, attachment_hosts=[server.host]) as hub:
        status, _ = await hub.post(webhook(told, "派单", 1, "2024-06-12 12:18:11"))
        assert status == 200
        await hub.eventually_worked()
        (row,) = await _files(hub.hub)
        assert (row.state, row.name, row.kind) == ("STORED", "现场.jpg", "PHOTO")
        async with hub.http.get(f"{hub.address}/files/{row.id}") as answer:
            assert answer.status == 401
        signed = {"Authorization": f"Bearer {(await issue_key(hub.hub.desk, 'c1', Grant('centre_operator'), 1))[1]}"}
        async with hub.http.get(f"{hub.address}/files/{row.id}", headers=signed) as answer:
            assert (answer.status, await answer.read()) == (200, JPEG)
        async with hub.http.head(f"{hub.address}/files/{row.id}", headers=signed) as answer:
            assert (answer.status, answer.content_length, await answer.read()) == (200, len(JPEG), b"")
