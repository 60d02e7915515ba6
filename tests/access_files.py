"""What leaves as a file: what records name, and lists as CSV and workbooks."""

from __future__ import annotations

import csv
import io
import json

import openpyxl

from .access_door import Through
from .access_lists import HAVE_NO_MATTERS, NOBODY, some
from .graphql_rows import COUNTY

NO_TITLES = ("auditor", "partner_system")


async def fetched(through: Through) -> None:
    nothing = await through.get(f"/files/att_{COUNTY}_{NOBODY:06}")
    for one in (*some(through.eyes.records, 4), *some(through.eyes.hidden, 4)):
        answer = await through.get(f"/files/att_{COUNTY}_{one.number:06}")
        assert (answer.status_code == 200) == through.eyes.may_receive("body", one.tag), (through.eyes.principal, one)
        assert answer.status_code == 200 or (answer.status_code, answer.text) == (404, nothing.text)


async def exported(through: Through) -> None:
    eyes = through.eyes
    if eyes.role in HAVE_NO_MATTERS:
        assert {(await through.get(f"/export/disputes.{kind}")).status_code for kind in ("csv", "xlsx")} == {404}
        return
    half = [case for case in eyes.cases if case.region.startswith("620725101")]
    for cases, filter in ((eyes.cases, {}), (half, {"regions": ["620725101"]})):
        asked = {"filter": json.dumps(filter), "orderBy": json.dumps({"field": "CODE", "direction": "ASC"})}
        answer = await through.get("/export/disputes.csv", **asked)
        heading, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
        at = heading.index("纠纷编号")
        assert [row[at] for row in rows] == [case.code for case in cases], eyes.principal
        assert answer.headers["hub-rows"] == answer.headers["hub-total"] == str(len(cases))
        assert ("标题" in heading) == (eyes.role not in NO_TITLES)
        for case, row in zip(cases, rows, strict=True):
            names = dict(zip(heading, row, strict=True)).get("当事人", "")
            # those of the records that the asker sees, and of each as much as they may read
            seen = [one for one in eyes.records if one.dispute == case.number]
            if eyes.role in ("leader", "auditor"):
                assert names == "甲**", eyes.principal
            else:
                assert names.split("、") == ([one.name for one in seen] or [""]), (eyes.principal, case)
    book = await through.get("/export/disputes.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(book.content), read_only=True).worksheets[0]
    assert len(list(sheet.iter_rows())) == len(eyes.cases) + 1
    hidden = "zqsummary" + "".join(f"d{case.number}q" for case in eyes.hidden_cases[:1])
    by_words = await through.get("/export/disputes.csv", filter=json.dumps({"text": hidden}))
    may = eyes.role in ("centre_operator", "township_operator", "agency_liaison")
    assert by_words.status_code == (200 if may else 400)
    assert not may or by_words.headers["hub-total"] == "0"
