"""What the demonstration came to: each partner's counts, the figures, the disputes, and how well they were joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from app.channels import ChannelCount, Unacknowledged, count_channels, unacknowledged
from app.county import Partners, clocks
from app.linking_score import LinkingScore, disputes_of_records, score
from app.received_results import Compared, compare_results
from app.shared_dispute import SharedDispute, most_shared_dispute
from app.summary import disputes_by_agencies, figure_json, live_disputes
from app.wiring import Hub
from connectors.sandbox.county import LIVE_FROM, truth
from hub import figures
from hub.figures import FigureValue
from hub.model import SHANGHAI
from hub.sight import EVERYTHING
from sync_jobs.differences import ReconcileReport

FIGURES = (
    figures.K1.id, figures.K2A_LITIGATION.id, figures.K2A_POLICE.id, figures.K2A_PETITION.id, figures.K2A_HOTLINE.id,
    figures.K4.id,
)  # fmt: skip


#: from here on results are owed; before, history was concluded by the agencies themselves
SINCE = LIVE_FROM.replace(tzinfo=SHANGHAI)


def added(pulled: dict[str, Any], further: dict[str, Any]) -> dict[str, Any]:
    """Two pulls of one partner as one: counts added up, the later one's error."""
    incidents = dict(pulled["incidents"])
    for kind, times in further["incidents"].items():
        incidents[kind] = incidents.get(kind, 0) + times
    counts = {name: pulled[name] + further[name] for name in ("pages", "pulled", "new", "applied", "quarantined")}
    return {**further, **counts, "incidents": incidents}


@dataclass(frozen=True, slots=True)
class Taken:
    """One partner, pulled and compared."""

    pulled: dict[str, Any]
    compared: ReconcileReport

    @property
    def error(self) -> dict[str, str] | None:
        """What ended the pull or the comparison early."""
        run = self.compared.run
        if self.pulled["error"] is not None:
            return dict(self.pulled["error"])
        if run is None or run.error is None:
            return None
        return {"kind": run.error_kind or "", "message": run.error.message, "hint": run.error.hint}

    @property
    def incidents(self) -> dict[str, int]:
        """By kind, over both."""
        found = dict(self.pulled["incidents"])
        for kind, times in (self.compared.run.incidents if self.compared.run else {}).items():
            found[kind] = found.get(kind, 0) + times
        return found

    def as_json(self) -> dict[str, Any]:
        """The partner's counts, and its error where it could not be read whole."""
        run, report = self.compared.run, self.compared
        counts = {
            "pulled": self.pulled["pulled"],
            "new": self.pulled["new"] + (run.new if run else 0),
            "held": report.held,
            "quarantined": report.quarantined,
            "expected": report.expected,
        }
        return counts if self.error is None else {**counts, "error": self.error}


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demonstration came to."""

    taken: Mapping[str, Taken]
    disputes: int
    disputes_by_agencies: Mapping[str, int]
    figures: list[FigureValue]
    linking: LinkingScore
    #: 回流率 of August, as far as it was lived
    returns: FigureValue
    channels: Mapping[str, ChannelCount]
    #: concluded, and not confirmed by where it came from
    unacknowledged: list[Unacknowledged]
    #: each partner's own list of results received, against ours
    received: Mapping[str, Compared]
    #: the one to show
    shared: SharedDispute | None
    period: tuple[date, date] = field(repr=False)

    @property
    def errors(self) -> dict[str, dict[str, str]]:
        """By instance: who could not be read whole."""
        return {name: one.error for name, one in self.taken.items() if one.error is not None}

    def as_json(self) -> dict[str, Any]:
        """The object that ``demo --once --json`` prints."""
        return {
            "instances": {name: one.as_json() for name, one in self.taken.items()},
            "disputes": self.disputes,
            "disputesByAgencies": dict(self.disputes_by_agencies),
            "figures": {value.id: figure_json(value) for value in (*self.figures, self.returns)},
            "linking": self.linking.as_json(),
            "channels": {name: one.as_json() for name, one in self.channels.items()},
            "unacknowledged": [one.as_json() for one in self.unacknowledged],
            "resultsReceived": {name: one.as_json() for name, one in self.received.items()},
        }


async def summarise(
    hub: Hub, partners: Partners, taken: Mapping[str, Taken], period: tuple[date, date], seed: str, scale: str
) -> Summary:
    """The counts after pulls and comparisons, whoever of the partners could be read."""
    today = max((at.date() for at in (await clocks(partners)).values()), default=LIVE_FROM.date())
    async with hub.store.read() as connection:
        (returns,) = await figures.compute(
            connection, EVERYTHING, [figures.K10.id], LIVE_FROM.date(), max(today, LIVE_FROM.date()) + timedelta(days=1)
        )
        return Summary(
            taken,
            await live_disputes(connection),
            await disputes_by_agencies(connection),
            await figures.compute(connection, EVERYTHING, FIGURES, *period),
            score(await disputes_of_records(connection), truth(seed, scale)),
            returns,
            await count_channels(connection, SINCE),
            await unacknowledged(connection, SINCE),
            await compare_results(connection, partners),
            await most_shared_dispute(connection),
            period,
        )
