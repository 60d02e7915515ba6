"""What the demonstration came to: each partner's counts, the figures, the disputes, and how well they were joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.linking_score import LinkingScore, disputes_of_records, score
from app.shared_dispute import SharedDispute, most_shared_dispute
from app.summary import disputes_by_agencies, figure_json, live_disputes
from app.wiring import Hub
from connectors.sandbox.county import truth
from hub import figures
from sync_jobs.differences import ReconcileReport

FIGURES = (
    figures.K1.id, figures.K2A_LITIGATION.id, figures.K2A_POLICE.id, figures.K2A_PETITION.id, figures.K2A_HOTLINE.id,
    figures.K4.id,
)  # fmt: skip


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
    figures: list[figures.FigureValue]
    linking: LinkingScore
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
            "figures": {value.id: figure_json(value) for value in self.figures},
            "linking": self.linking.as_json(),
        }


async def summarise(hub: Hub, taken: Mapping[str, Taken], period: tuple[date, date], seed: str, scale: str) -> Summary:
    """The counts after pulls and comparisons, whoever of the partners could be read."""
    async with hub.store.read() as connection:
        return Summary(
            taken,
            await live_disputes(connection),
            await disputes_by_agencies(connection),
            await figures.compute(connection, FIGURES, *period),
            score(await disputes_of_records(connection), truth(seed, scale)),
            await most_shared_dispute(connection),
            period,
        )
