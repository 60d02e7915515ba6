"""``dispute-hub access``: what each kind of consumer may see and do, and why; and who looked at what."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, a_day, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub
    from hub.access import Access
    from hub.explaining import Explanation
    from hub.reading.access_log import LookRow

app = typer.Typer(help="What each kind of consumer may see and do: roles, show, explain; log.", no_args_is_help=True)

Role = Annotated[str, typer.Argument(metavar="ROLE", help="As `access roles` lists it.")]
_KINDS = ("READ", "REVEAL", "FIND", "FILE", "EXPORT")


@app.command()
def roles(as_json: Json = False) -> None:
    """List the kinds of consumer."""
    from app.cli.output import emit_json, table
    from hub.access import all_roles

    known = all_roles().values()
    if as_json:
        emit_json([{"role": one.role, "zh": one.zh, "en": one.en, "about": one.about} for one in known])
    else:
        table(("role", "名称", "what it is for"), [(one.role, one.zh, one.about) for one in known])


@app.command()
def show(role: Role, as_json: Json = False) -> None:
    """Show one role whole: fields, mutations, what is masked or removed, rows and limits."""
    from app.cli.output import emit_json, say
    from hub.access import access_of

    told = _whole(access_of(role))
    if as_json:
        emit_json(told)
        return
    say(f"{told['role']} {told['zh']}: {told['about']}")
    for heading in ("rows", "redactions", "limits"):
        say(f"\n{heading}")
        for name, value in told[heading].items():
            say(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")
    say("\nfields")
    for name, fields in told["fields"].items():
        say(f"  {name}: {' '.join(fields)}")


@app.command()
def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A dispute's code or id.")],
    role: Annotated[str, typer.Option("--as", metavar="ROLE", help="Whose eyes to look through.")],
    region: Annotated[list[str] | None, typer.Option(help="A region they were given; may be repeated.")] = None,
    agency: Annotated[str, typer.Option(help="12-digit code of their unit.")] = "",
    instance: Annotated[list[str] | None, typer.Option(help="A partner whose records are theirs; repeatable.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="A channel they were given; may be repeated.")] = None,
    name: Annotated[str, typer.Option(help="Their name, as an accusation may be against them.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say why somebody of that role sees a dispute or does not: every rule, every record, every redaction."""
    from app.cli.output import emit_json
    from hub.access import access_of
    from hub.explaining import explain_dispute
    from hub.principal import Principal, PrincipalKind

    access = access_of(role)
    principal = Principal(
        "explained", PrincipalKind.STAFF, name, role, tuple(region or ()), agency, tuple(instance or ()),
        tuple(channel or ()),
    )  # fmt: skip

    async def read(hub: Hub) -> Explanation:
        async with hub.store.read() as connection:
            return await explain_dispute(connection, access, principal, code)

    told = with_hub(config, read)
    has_type = access.may_see("Dispute.id")
    if as_json:
        emit_json(_json(told, access))
    else:
        _say(told, access, role, has_type=has_type)


@app.command()
def log(
    subject: Annotated[str | None, typer.Option(metavar="ID", help="Of this dispute, record or party.")] = None,
    principal: Annotated[str | None, typer.Option(metavar="ID", help="By this account, key or token.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="READ, REVEAL, FIND, FILE or EXPORT.")] = None,
    since: Annotated[
        date | None, typer.Option("--from", metavar="DATE", parser=a_day, help="From this day on.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="So many at most.")] = 50,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show who looked at citizens' matters, the latest first: keys and codes, never what was seen."""
    from app.cli.output import clock, emit_json, say, table
    from hub.reading.access_log import LookFilter, look_listing
    from hub.reading.filters import Days

    if kind is not None and kind.upper() not in _KINDS:
        raise typer.BadParameter(f"{kind} is no kind of look; choose from {', '.join(_KINDS)}.")
    kinds = None if kind is None else [kind.upper()]
    wanted = LookFilter(None if principal is None else [principal], kinds, None, subject, Days(since))

    async def read(hub: Hub) -> list[LookRow]:
        async with hub.store.read() as connection:
            return await look_listing(wanted).all(connection, limit)

    found = with_hub(config, read)
    if as_json:
        emit_json([_look(one) for one in found])
    elif not found:
        say("nobody looked")
    else:
        table(
            ("at", "who", "role", "how", "why", "seen", "first"),
            [(clock(one.at), one.principal_name, one.role, f"{one.kind} {one.details}".strip(), one.purpose or "-",
              one.subject_count, next(iter(one.subject_ids.split()), "-")) for one in found],
        )  # fmt: skip


def _look(one: LookRow) -> dict[str, Any]:
    return {
        "id": one.id, "at": one.at, "principalId": one.principal_id, "principalName": one.principal_name,
        "role": one.role, "kind": one.kind, "purpose": one.purpose or None, "details": one.details.split(),
        "documentHash": one.document_hash or None, "operation": one.operation or None,
        "searchedHash": one.searched or None, "subjectIds": one.subject_ids.split(),
        "subjectCount": one.subject_count,
    }  # fmt: skip


def _say(told: Explanation, access: Access, role: str, *, has_type: bool) -> None:
    from app.cli.output import say

    if not has_type:
        say(f"{told.code} as {role}: hidden, because this role has no disputes at all")
        return
    say(f"{told.code} as {role}: {'shown' if told.is_shown else 'hidden, and not told from one that does not exist'}")
    for one in told.rules:
        say(f"  {'yes' if one.holds else 'NO '}  {one.rule.value}: it has {one.found}; may see {one.allowed}")
    if not told.rules:
        say("  no rule applies: whoever works at this machine sees everything")
    for record in told.records:
        say(
            f"  {'yes' if record.is_shown else 'NO '}  record {record.id} of {record.instance}, {record.classification}"
        )
    for coordinate, redaction in sorted(access.redactions.items()):
        say(f"  {redaction.value.lower():6} {coordinate}")


def _json(told: Explanation, access: Access) -> dict[str, Any]:
    return {
        "code": told.code,
        "isShown": told.is_shown and access.may_see("Dispute.id"),
        "hasDisputes": access.may_see("Dispute.id"),
        "rules": [
            {"rule": one.rule.value, "holds": one.holds, "found": one.found, "allowed": one.allowed}
            for one in told.rules
        ],
        "records": [
            {"id": one.id, "instance": one.instance, "classification": one.classification, "isShown": one.is_shown}
            for one in told.records
        ],
        "redactions": {coordinate: redaction.value for coordinate, redaction in sorted(access.redactions.items())},
    }


def _whole(access: Access) -> dict[str, Any]:
    from dataclasses import asdict

    rows = {key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(access.rows).items()}
    return {
        "role": access.role,
        "zh": access.zh,
        "en": access.en,
        "about": access.about,
        "rows": rows,
        "redactions": {coordinate: redaction.value for coordinate, redaction in sorted(access.redactions.items())},
        "limits": asdict(access.limits),
        "fields": {name: sorted(fields) for name, fields in sorted((access.fields or {}).items()) if fields},
    }
