"""``dispute-hub links``: which records are one matter: what is suggested, and what a person decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.acts import Act
    from hub.link_acts import Decided
    from hub.reading.disputes import DisputeRow
    from hub.reading.links import LinkRow
    from hub.reading.records import RecordRow

app = typer.Typer(
    help="Which records are one matter: list suggestions, decide them, join and part records and disputes.",
    no_args_is_help=True,
)

_STATES = ("SUGGESTED", "ACCEPTED", "REFUSED", "REVOKED", "ALL")

SuggestionId = Annotated[str, typer.Argument(metavar="ID", help="As `links list` shows it.")]
RecordArgument = Annotated[
    str, typer.Argument(metavar="RECORD", help="Its id, or INSTANCE/NATIVE_ID, or INSTANCE/NATIVE_ID/NUMBER.")
]
DisputeArgument = Annotated[str, typer.Argument(metavar="DISPUTE", help="Its code or its id.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept beside the act.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who decides; else the user of this machine.")]


@app.command("list")
def list_links(
    config: Config = None,
    state: Annotated[str, typer.Option(metavar="STATE", help=f"{', '.join(_STATES)}.")] = "SUGGESTED",
    dispute: Annotated[str | None, typer.Option(metavar="DISPUTE", help="Only about this dispute.")] = None,
    instance: Annotated[str | None, typer.Option(metavar="INSTANCE", help="Only about records of this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, the latest first.")] = 100,
    as_json: Json = False,
) -> None:
    """List links between records: those that wait for a person, unless --state says otherwise."""
    from app.cli.output import clock, emit_json, say, table
    from hub.errors import UserInputError
    from hub.reading.links import LinkFilter, link_listing
    from hub.sight import EVERYTHING

    if state not in _STATES:
        raise UserInputError(f"there is no state {state}", hint=f"{', '.join(_STATES)}.")

    async def read(hub: Hub) -> list[dict[str, Any]]:
        instances = hub.instances(instance) if instance is not None else None
        about = None if dispute is None else [(await _dispute(hub, dispute)).id]
        wanted = LinkFilter(None if state == "ALL" else [state], dispute_ids=about, instances=instances)
        async with hub.store.read() as tx:
            return [_shown(row) for row in await link_listing(EVERYTHING, wanted).all(tx, limit)]

    rows = with_hub(config, read)
    if as_json:
        emit_json(rows)
    elif not rows:
        say("no suggestion waits" if state == "SUGGESTED" else "none")
    else:
        table(
            ("id", "method", "confidence", "held", *(["state"] if state == "ALL" else []), "since"),
            [(r["id"], r["method"], f"{r['confidence']:.2f}", r["held"] or "-",
              *([r["state"]] if state == "ALL" else []), clock(r["decided_at"])) for r in rows],
        )  # fmt: skip
        say("\n`dispute-hub links show ID` lays the two records side by side.")


@app.command()
def show(link: SuggestionId, config: Config = None, as_json: Json = False) -> None:
    """Show one link: its evidence, and its two records side by side. Names and numbers of persons stay out."""
    from app.cli.output import emit_json, fields, say, table
    from hub.errors import NotFoundError
    from hub.reading import links, records
    from hub.sight import EVERYTHING

    async def read(hub: Hub) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        async with hub.store.read() as tx:
            row = await links.by_id(tx, EVERYTHING, link)
            if row is None:
                raise NotFoundError(f"no link is called {link}", hint="See `dispute-hub links list`.")
            found = await records.by_ids(tx, EVERYTHING, [row.from_record_id, row.to_record_id])
        return _shown(row), [_side(found[end]) for end in (row.from_record_id, row.to_record_id)]

    row, sides = with_hub(config, read)
    if as_json:
        emit_json({**row, "records": sides})
        return
    fields({name: "-" if value in (None, "") else value for name, value in row.items()})
    say()
    table(("", "one", "other"), [(name, sides[0][name], sides[1][name]) for name in sides[0]])
    if row["state"] == "SUGGESTED":
        say(f"\nnext: `dispute-hub links accept {link}` or `dispute-hub links refuse {link}`")


@app.command()
def accept(link: SuggestionId, reason: Reason = "", by: By = "", config: Config = None, as_json: Json = False) -> None:
    """Both records are one matter: their disputes become one."""
    _decide(link, True, reason, by, config, as_json)


@app.command()
def refuse(link: SuggestionId, reason: Reason = "", by: By = "", config: Config = None, as_json: Json = False) -> None:
    """They are not one matter: no rule joins these two any more."""
    _decide(link, False, reason, by, config, as_json)


@app.command()
def add(
    record: RecordArgument, dispute: DisputeArgument, reason: Reason = "", by: By = "", config: Config = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Put a record into a dispute."""

    async def act(hub: Hub, decided: Act) -> Decided:
        from hub import link_acts

        record_id, dispute_id = (await _record(hub, record)).id, (await _dispute(hub, dispute)).id
        return await link_acts.link_record(hub.desk, record_id, dispute_id, act=decided)

    _act(act, reason, by, config, as_json)


@app.command()
def remove(record: RecordArgument, reason: Reason, by: By = "", config: Config = None, as_json: Json = False) -> None:
    """Take a record out of its dispute; no rule joins it with any record left behind again."""

    async def act(hub: Hub, decided: Act) -> Decided:
        from hub import link_acts

        return await link_acts.unlink_record(hub.desk, (await _record(hub, record)).id, act=decided)

    _act(act, reason, by, config, as_json)


@app.command()
def merge(
    dispute: DisputeArgument, other: Annotated[str, typer.Argument(metavar="OTHER", help="The other dispute.")],
    reason: Reason = "", by: By = "", config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Make one dispute of two: the one whose first record came first goes on, the other's code still answers."""

    async def act(hub: Hub, decided: Act) -> Decided:
        from hub import link_acts

        both = (await _dispute(hub, dispute)).id, (await _dispute(hub, other)).id
        return await link_acts.merge_disputes(hub.desk, both, act=decided)

    _act(act, reason, by, config, as_json)


@app.command()
def unmerge(
    dispute: Annotated[str, typer.Argument(metavar="DISPUTE", help="Code or id of the one that was merged away.")],
    reason: Reason, by: By = "", config: Config = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Give a merged dispute its own records back, under its own code."""

    async def act(hub: Hub, decided: Act) -> Decided:
        from hub import link_acts

        return await link_acts.unmerge_disputes(hub.desk, (await _dispute(hub, dispute)).id, act=decided)

    _act(act, reason, by, config, as_json)


def _decide(link: str, accept: bool, reason: str, by: str, config: Any, as_json: bool) -> None:
    async def act(hub: Hub, decided: Act) -> Decided:
        from hub import link_acts

        return await link_acts.decide_suggestion(hub.desk, link, accept=accept, act=decided)

    _act(act, reason, by, config, as_json)


def _act(act: Callable[[Hub, Act], Awaitable[Decided]], reason: str, by: str, config: Any, as_json: bool) -> None:
    """Carry an act out and show how the records concerned stand now."""
    import getpass

    from app.cli.output import emit_json, say, table
    from hub.acts import Act
    from hub.reading import disputes, records
    from hub.sequencer import sequence_all
    from hub.sight import EVERYTHING

    async def run(hub: Hub) -> list[dict[str, Any]]:
        done = await act(hub, Act(by or f"cli:{getpass.getuser()}", reason))
        await sequence_all(hub.desk)
        async with hub.store.read() as tx:
            found = await records.by_ids(tx, EVERYTHING, list(done.record_ids))
            placed = await disputes.by_ids(tx, EVERYTHING, list(done.dispute_ids))
        shown = []
        for record_id in done.record_ids:
            row = found[record_id]
            dispute = placed.get(row.dispute_id) if row.dispute_id else None
            shown.append({
                "record": record_id, "instance": row.instance, "nativeId": row.native_id, "nativeNo": row.native_no,
                "dispute": dispute.code if dispute else None,
            })  # fmt: skip
        return shown

    rows = with_hub(config, run)
    if as_json:
        emit_json(rows)
    else:
        say("done; these records stand so now:\n")
        table(
            ("record", "instance", "native id", "number", "dispute"),
            [(r["record"], r["instance"], r["nativeId"], r["nativeNo"] or "-", r["dispute"] or "none") for r in rows],
        )


async def _dispute(hub: Hub, named: str) -> DisputeRow:
    from hub.errors import NotFoundError
    from hub.reading import disputes
    from hub.sight import EVERYTHING

    async with hub.store.read() as tx:
        row = (await disputes.by_ids(tx, EVERYTHING, [named])).get(named) or await disputes.by_code(
            tx, EVERYTHING, named
        )
    if row is None:
        raise NotFoundError(f"no dispute is called {named}", hint="Give its code, like JF620725-2024-000001.")
    return row


async def _record(hub: Hub, named: str) -> RecordRow:
    from hub.errors import NotFoundError
    from hub.reading import records
    from hub.sight import EVERYTHING

    async with hub.store.read() as tx:
        row = (await records.by_ids(tx, EVERYTHING, [named])).get(named)
        if row is None and "/" in named:
            instance, native_id, *number = named.split("/", 2)
            row = await records.by_native(tx, EVERYTHING, instance, native_id, number[0] if number else None)
    if row is None:
        raise NotFoundError(f"no record is called {named}", hint="Give its id, or INSTANCE/NATIVE_ID.")
    return row


def _shown(row: LinkRow) -> dict[str, Any]:
    evidence = dict(row.evidence)
    held = evidence.pop("held", None)
    shown = {name: getattr(row, name) for name in row.__slots__}
    return {**shown, "evidence": evidence, "held": held}


def _side(row: RecordRow) -> dict[str, Any]:
    from app.cli.output import clock

    return {
        "record": row.id, "instance": row.instance, "native id": row.native_id, "number": row.native_no or "-",
        "category": row.category, "received": clock(row.received_at), "region": row.region_code or "-",
        "classification": row.classification, "state": row.state, "dispute": row.dispute_id or "-",
    }  # fmt: skip
