"""``dispute-hub outbox`` and ``deadletters``: what waits to go to partners, and what a person must do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Config, Json, with_hub

if TYPE_CHECKING:
    from app.wiring import Hub

app = typer.Typer(help="Messages to partners: list, show, retry, push-again, discard, decide.", no_args_is_help=True)
dead = typer.Typer(help="Messages that wait for a person: list, show, retry, discard.", no_args_is_help=True)

#: what a person may do, by state
_NEXT = {
    "DEAD": """
next: mend what the last error says, then `dispute-hub outbox retry {id}`
      or tell the partner by hand, and `dispute-hub outbox discard {id} --reason TEXT`""",
    "UNCERTAIN": """
next: ask the partner whether it has it, then
      `dispute-hub outbox decide {id} --delivered --ref NUMBER --reason TEXT`
      or `dispute-hub outbox decide {id} --not-delivered --reason TEXT`: it is sent again""",
    "REFUSED": """
next: correct the result or take the next step in the dispute: a refusal is the partner's word;
      a code MISSING_... is our own, of what its wire needs and the act did not say
      or, where the partner has thought better of it, `dispute-hub outbox push-again {id} --reason TEXT`""",
}

MessageId = Annotated[str, typer.Argument(metavar="ID", help="As `outbox list` shows it.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who decides; else the user of this machine.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the message's history.")]
Only = Annotated[str | None, typer.Option(metavar="INSTANCE", help="Only this one.")]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, newest first.")]


@app.command("list")
def list_messages(
    config: Config = None,
    instance: Only = None,
    state: Annotated[
        str, typer.Option(metavar="STATE", help="QUEUED, DELIVERED, ACKED, REFUSED, DEAD, UNCERTAIN, DISCARDED or ALL.")
    ] = "ALL",
    command: Annotated[str | None, typer.Option(metavar="KIND", help="Only these, e.g. RETURN.")] = None,
    dispute: Annotated[str | None, typer.Option(metavar="CODE", help="Only of this dispute, by code or id.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List messages to partners: kinds and codes, nothing of what they say."""
    from hub.errors import UserInputError
    from hub.vocabulary import MessageState

    if state != "ALL" and state not in MessageState.__members__:
        raise UserInputError(f"there is no state {state}", hint=", ".join([*MessageState.__members__, "ALL"]))
    _list(
        config, instance, None if state == "ALL" else [state], [command] if command else None, dispute, limit, as_json
    )


@dead.command("list")
def list_dead(config: Config = None, instance: Only = None, limit: Limit = 100, as_json: Json = False) -> None:
    """List dead letters and uncertain messages: they go no further until a person acts."""
    from hub.reading.outbox import DEAD_STATES

    _list(config, instance, DEAD_STATES, None, None, limit, as_json)


def _list(
    config: Any, instance: str | None, states: Any, commands: Any, dispute: str | None, limit: int, as_json: bool
) -> None:
    from app.cli.output import clock, emit_json, say, table
    from hub.reading.outbox import MessageFilter, message_listing
    from hub.sight import EVERYTHING

    async def read(hub: Hub) -> list[dict[str, Any]]:
        wanted = MessageFilter(hub.instances(instance) if instance else None, states, commands, dispute)
        async with hub.store.read() as tx:
            return [_shown(hub, row) for row in await message_listing(EVERYTHING, wanted).all(tx, limit)]

    rows = with_hub(config, read)
    if as_json:
        emit_json(rows)
    elif not rows:
        say("nothing there")
    else:
        table(
            ("id", "instance", "command", "dispute", "state", "tries", "last error", "next try", "queued"),
            [(r["id"], r["instance"], r["command"], r["dispute"] or "-", r["state"], r["attempts"],
              r["lastErrorKind"] or "-", clock(r["nextTryAt"]), clock(r["queuedAt"])) for r in rows],
        )  # fmt: skip


@app.command()
@dead.command()
def show(message: MessageId, config: Config = None, as_json: Json = False) -> None:
    """Show one message: where it stands, its outline without words or names, and every try and act."""
    from datetime import datetime

    from app.cli.output import clock, emit_json, fields, say, table
    from hub.outbox_acts import not_there
    from hub.reading.outbox import attempts_of, by_ids
    from hub.sight import EVERYTHING

    async def read(hub: Hub) -> dict[str, Any]:
        async with hub.store.read() as tx:
            row = (await by_ids(tx, EVERYTHING, [message])).get(message)
            if row is None:
                raise not_there(message)
            tries = (await attempts_of(tx, [message])).get(message, [])
        told = [
            {"at": one.at, "act": one.act, "outcome": one.outcome, "error": one.error_kind, "by": one.by,
             "reason": one.reason} for one in tries
        ]  # fmt: skip
        return {**_shown(hub, row), "history": told}

    found = with_hub(config, read)
    if as_json:
        emit_json(found)
        return
    history = found.pop("history")
    outline = found.pop("outline")
    fields({n: clock(v) if isinstance(v, datetime) else "-" if v in (None, "") else v for n, v in found.items()})
    say("outline: " + ("; ".join(f"{name} {value}" for name, value in outline.items()) or "it was erased"))
    say()
    table(
        ("at", "what", "how it ended", "error", "by", "reason"),
        [(clock(one["at"]), one["act"], one["outcome"], one["error"] or "-", one["by"] or "-", one["reason"] or "-")
         for one in history],
    )  # fmt: skip
    if found["state"] in _NEXT:
        say(_NEXT[found["state"]].format(id=message))


@app.command()
@dead.command()
def retry(
    messages: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="These messages.")] = None,
    instance: Annotated[
        str | None, typer.Option(metavar="INSTANCE", help="All dead letters of this one instead.")
    ] = None,
    per_minute: Annotated[int, typer.Option(min=1, metavar="N", help="So many a minute, so that nobody is flooded.")]
    = 60,
    reason: Reason = "",
    by: By = "",
    config: Config = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Have dead letters tried again under their own keys; the worker sends them. A waiting one is tried now."""
    from app.cli.output import emit_json, say
    from hub import outbox_acts

    async def write(hub: Hub) -> dict[str, int]:
        name = hub.instances(instance)[0] if instance else None
        return await outbox_acts.retry(
            hub.desk, messages or None, instance=name, by=_by(by), reason=reason, per_minute=per_minute
        )

    queued = with_hub(config, write)
    if as_json:
        emit_json(queued)
        return
    say("; ".join(f"{name}: {count} queued" for name, count in queued.items()) or "there is none")


@app.command("push-again")
def push_again(message: MessageId, reason: Reason, by: By = "", config: Config = None) -> None:
    """Send once more, under the same key, what the partner took or refused."""
    from app.cli.output import say
    from hub import outbox_acts

    with_hub(config, lambda hub: outbox_acts.push_again(hub.desk, message, by=_by(by), reason=reason))
    say(f"{message} queued")


@app.command()
@dead.command()
def discard(message: MessageId, reason: Reason, by: By = "", config: Config = None) -> None:
    """Set a message aside for good: it is not sent any more, what stands behind it goes on, it stays listed."""
    from app.cli.output import say
    from hub import outbox_acts

    with_hub(config, lambda hub: outbox_acts.discard(hub.desk, message, by=_by(by), reason=reason))
    say(f"{message} discarded")


@app.command()
def decide(
    message: MessageId,
    is_delivered: Annotated[
        bool, typer.Option("--delivered/--not-delivered", help="Whether the partner has it, as it says itself.")
    ],
    reason: Reason,
    ref: Annotated[str, typer.Option(metavar="NUMBER", help="The partner's own number of it.")] = "",
    is_accepted: Annotated[
        bool, typer.Option("--accepted", help="The partner has accepted it too: no further answer is awaited.")
    ] = False,
    by: By = "",
    config: Config = None,
) -> None:
    """Say of an uncertain message what the partner said: it has it, or it is sent again."""
    from app.cli.output import say
    from hub import outbox_acts

    with_hub(
        config,
        lambda hub: outbox_acts.decide(
            hub.desk, message, is_delivered=is_delivered, partner_ref=ref, is_accepted=is_accepted, by=_by(by),
            reason=reason,
        ),
    )  # fmt: skip
    say(f"{message} {'is at the partner' if is_delivered else 'queued'}")


def _by(given: str) -> str:
    import getpass

    return given or f"cli:{getpass.getuser()}"


def _shown(hub: Hub, row: Any) -> dict[str, Any]:
    from hub.command_outline import outline_of

    return {
        "id": row.id, "instance": row.instance, "command": row.command, "state": row.state,
        "dispute": row.dispute_code, "referral": row.referral_id, "lane": row.lane, "key": row.key,
        "attempts": row.attempts, "lastErrorKind": row.last_error_kind, "lastErrorHint": row.last_error_hint,
        "queuedAt": row.queued_at, "nextTryAt": row.next_try_at if row.state == "QUEUED" else None,
        "deliveredAt": row.delivered_at, "answeredAt": row.answered_at, "partnerRef": row.partner_ref,
        "answerCode": row.answer_code, "decidedBy": row.decided_by, "decidedAt": row.decided_at,
        "decidedReason": row.decided_reason, "version": row.version, "outline": outline_of(hub.desk, row),
    }  # fmt: skip
