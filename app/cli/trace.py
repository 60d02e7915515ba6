"""``dispute-hub trace``: what became of one partner's record, delivery by delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub


def trace(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="A configured instance, e.g. court.")],
    native_id: Annotated[str, typer.Argument(metavar="NATIVE_ID", help="The partner's own id, e.g. the court's ajbs.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show a record's deliveries, its events and its dispute. No citizen's data."""
    from app.cli.output import clock, emit_json, say, table

    async def read(hub: Hub) -> dict[str, Any]:
        from app import lookups
        from hub import walk_in
        from hub.errors import NotFoundError

        try:
            async with hub.store.read() as connection:
                return await lookups.trace(connection, instance, native_id)
        except NotFoundError:
            # a partner that no setting names any more can still be traced; a slip of the pen is told as such
            if instance != walk_in.INSTANCE:
                hub.instances(instance)
            raise

    found = with_hub(config, read)
    if as_json:
        emit_json(found)
        return
    table(
        ("received", "by", "version", "number", "state", "applied", "item"),
        [
            (clock(d["receivedAt"]), d["origin"], d["version"] or "-", d["nativeNo"] or "-",
             d["state"] + (f" {d['quarantine']['code']}" if d["quarantine"] else ""), clock(d["appliedAt"]),
             d["itemId"])
            for d in found["deliveries"]
        ],
        title=f"Deliveries of {native_id} from {instance}",
    )  # fmt: skip
    for record in found["records"]:
        dispute = record["dispute"]
        say(
            f"\nRecord {record['id']} {record['nativeNo'] or '(no number)'}: {record['state']} "
            f"({record['nativeState']})" + (f", gone at the source {clock(record['deletedAtSource'])}"
                                            if record["deletedAtSource"] else "")
        )  # fmt: skip
        say(f"Dispute {dispute['code']} ({dispute['id']}): {dispute['state']}, linked by "
            f"{record['link']['method'] or '-'}" if dispute else "No dispute")  # fmt: skip
        table(
            ("happened", "event", "operation", "code", "by", "recorded", "sequence"),
            [
                (clock(e["occurredAt"]), e["kind"], e["operation"], e["nativeCode"], e["actor"],
                 clock(e["recordedAt"]), "-" if e["sequence"] is None else str(e["sequence"]))
                for e in record["events"]
            ],
        )  # fmt: skip
