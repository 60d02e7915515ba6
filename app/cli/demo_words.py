"""What the demonstration says to people: its summary, its invitation, the dispute to look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.output import count, note, say, table

if TYPE_CHECKING:
    from app.demo_summary import Summary
    from app.shared_dispute import SharedDispute

#: events of a history's begin and of its end that are shown; the query gives them all
_SHOWN = 7


def show_summary(summary: Summary) -> None:
    """The partners, the disputes, the linking, the figures."""
    from app.summary import one_decimal

    rows, words = [], {}
    for name, one in summary.taken.items():
        counts = one.as_json()
        incidents = ", ".join(f"{kind} {times}×" for kind, times in one.incidents.items())
        rows.append((name, *(counts[what] for what in ("pulled", "new", "held", "quarantined", "expected")),
                     incidents or "none"))  # fmt: skip
        words[name] = f"{count(counts['held'] + counts['quarantined'])} of {count(counts['expected'])}"
    table(("partner", "pulled", "new", "held", "quarantined", "expected", "incidents"), rows)
    told = ", ".join(f"{name} {known}" for name, known in words.items())
    say(f"held or quarantined, of what stands on each partner's own list: {told}\n")
    by_agencies = ", ".join(f"{count(n)} known to {k}" for k, n in summary.disputes_by_agencies.items())
    say(f"{count(summary.disputes)} disputes; by agencies: {by_agencies}")
    linking, shares = summary.linking, summary.linking.as_json()
    say(
        f"joined across agencies: {count(linking.ours)} pairs of records, {count(linking.right)} of "
        f"{count(linking.true)} true ones; precision {shares['precision']}, recall {shares['recall']}\n"
    )
    table(
        ("figure", "", "numerator", "denominator", "percent"),
        [(v.id, v.label, v.numerator, v.denominator, one_decimal(v) or "-") for v in summary.figures],
        title=f"{summary.period[0]} to {summary.period[1]} (exclusive)",
    )
    _show_returns(summary)


def _show_returns(summary: Summary) -> None:
    """What went back to where it came from, channel by channel, and what did not."""
    from app.summary import one_decimal

    if not any(one.received for one in summary.channels.values()):
        # August has not begun
        return
    what = ("received", "concluded", "returned", "acknowledged", "open")
    rows = []
    for name, one in summary.channels.items():
        counts = one.as_json()
        rows.append((name, *(counts[column] for column in what)))
    table(("channel", *what), rows, title="handed over since 1 August 2024, and back")
    value = summary.returns
    say(
        f"{value.id} {value.label}: {one_decimal(value) or '-'} %, "
        f"{count(value.numerator)} of {count(value.denominator)} results acknowledged by their origin"
    )
    for late in summary.unacknowledged:
        error = late.error or "no answer yet"
        say(f"not acknowledged: {late.dispute} {late.channel} {late.referral}, {late.state}, {error}")
    told = ", ".join(
        f"{name} {count(len(one.theirs))} of {count(len(one.ours))}" + ("" if one.ours == one.theirs else ", not equal")
        for name, one in summary.received.items()
    )
    say(f"on each partner's own list of results received, of those we sent: {told}")


def show_errors(summary: Summary) -> None:
    """Who could not be read whole, and why; beside the result, whatever form that has."""
    for name, error in summary.errors.items():
        note(f"{name} could not be read whole: {error['kind']}: {error['message']}. {error['hint']}".rstrip())


def show_dispute(dispute: SharedDispute, found: Mapping[str, Any]) -> None:
    """The query of one dispute, ready to paste, and in short what it answers now."""
    from datetime import datetime

    from hub.model import SHANGHAI

    say(f"\n{dispute.code} is known to {dispute.agencies} agencies. Its query, ready to paste:\n\n{dispute.query}\n")
    records = ", ".join(f"{one['system']} {one['nativeNo'] or one['nativeId']}" for one in found["records"])
    say(f"It answers: {found['title']}, {found['state']}; records: {records}")
    events = [edge["node"] for edge in found["history"]["edges"]]
    hidden = max(0, len(events) - 2 * _SHOWN)
    for place, event in enumerate(events):
        if hidden and place == _SHOWN:
            say(f"  … {count(hidden)} more …")
        if _SHOWN <= place < _SHOWN + hidden:
            continue
        at = datetime.fromisoformat(event["occurredAt"]).astimezone(SHANGHAI)
        who = (event["actor"] or {}).get("name") or ""
        told = f"{event['record']['system']:<8}  {event['kind']:<15}  {event['text']}  {who}"
        say(f"  {at:%Y-%m-%d %H:%M}  {told}".rstrip())


def invite(address: str, speed: float, settings: Path) -> None:
    """Where GraphQL answers, and what happens from now on."""
    from schema.examples import EXAMPLES

    say(f"\nOpen {address}/ and choose a role: one click signs you in, and leads to the query page.")
    say(f"GraphQL: {address}/graphql")
    say(f"The newest dispute with its whole history, whichever that is by then:\n\n{EXAMPLES[0].query}")
    if speed:
        say(
            f"The county lives on in August 2024, {speed:g} simulated minutes a second, all four agencies together; a "
            "simulated mediator ends what they hand over, and the results go back. The court's first new filing is "
            "awaited."
        )
    say(f"Or look from another terminal: dispute-hub --config {settings} connectors list")
    note("Ctrl-C ends it; running it again goes on.")


def filed(code: str) -> str:
    """A dispute that a person may watch."""
    from app.first_filing import GROWING

    return (
        f"\n{code} was just filed. Run this now and again in a minute, and watch its history grow:\n\n"
        f"{GROWING % code}\n"
    )
