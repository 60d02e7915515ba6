"""What an exported list of disputes has in its columns, and how a value is written so that no spreadsheet runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.access import Access
from hub.model import SHANGHAI
from hub.vocabulary import Channel, Classification, DisputeState, Outcome, Term

Node = Mapping[str, Any]

#: what makes a spreadsheet take a text for a formula, full-width too
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: characters that a cell of Excel holds
_LONGEST = 32_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, what is selected of a dispute for it, the fields that needs, and its text."""

    heading: str
    selection: str
    needs: tuple[str, ...]
    text: Callable[[Node], str]


def _plain(heading: str, field: str) -> Column:
    return Column(heading, field, (f"Dispute.{field}",), lambda node: _said(node[field]))


def _labelled(heading: str, field: str, terms: type[Term]) -> Column:
    return Column(
        heading, field, (f"Dispute.{field}",), lambda node: "" if node[field] is None else terms[node[field]].zh
    )


def _instant(heading: str, field: str) -> Column:
    return Column(heading, field, (f"Dispute.{field}",), lambda node: _local(node[field]))


def _inner(heading: str, field: str, name: str, owner: str) -> Column:
    needs = (f"Dispute.{field}", f"{owner}.{name}")
    return Column(heading, f"{field} {{ {name} }}", needs, lambda node: _said((node[field] or {}).get(name)))


_COLUMNS = (
    _plain("纠纷编号", "code"),
    _plain("标题", "title"),
    _inner("类别", "category", "label", "Category"),
    _labelled("来源渠道", "channel", Channel),
    _inner("所在地", "region", "name", "Region"),
    _plain("地址", "addressText"),
    Column(
        "当事人", "parties { name }", ("Dispute.parties", "Party.name"),
        lambda node: "、".join(dict.fromkeys(one["name"] for one in node["parties"] if one["name"])),
    ),
    _labelled("状态", "state", DisputeState),
    _instant("状态开始", "stateSince"),
    _labelled("结果", "outcome", Outcome),
    _inner("经办单位", "holder", "name", "Agency"),
    _inner("承办人", "assignee", "name", "Assignee"),
    _plain("涉及人数", "peopleInvolved"),
    _plain("金额（元）", "amountCny"),
    _instant("登记时间", "registeredAt"),
    _instant("办结时间", "closedAt"),
    _labelled("密级", "classification", Classification),
)  # fmt: skip


def columns_for(access: Access) -> Sequence[Column]:
    """The columns that exist for a role; none where it has no list of disputes."""
    if not access.may_see("Query.disputes"):
        return ()
    return [column for column in _COLUMNS if all(access.may_see(one) for one in column.needs)]


def document(columns: Sequence[Column], *, counted: bool) -> str:
    """The query for one page of 100."""
    chosen = " ".join(column.selection for column in columns)
    return (
        "query Export($filter: DisputeFilter, $orderBy: DisputeOrder, $after: String) { "
        f"disputes(filter: $filter, orderBy: $orderBy, first: 100, after: $after) {{ {'totalCount ' * counted}"
        f"pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {chosen} }} }} }} }}"
    )


def line(columns: Sequence[Column], node: Node) -> list[str]:
    """The cells of one dispute; none of them begins like a formula."""
    return [harmless(column.text(node)) for column in columns]


def harmless(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would run."""
    return ("'" + text if text.startswith(_FORMULA) else text)[:_LONGEST]


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _local(value: str | None) -> str:
    return "" if value is None else f"{datetime.fromisoformat(value).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
