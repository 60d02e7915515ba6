"""The court's rows for one quarrel of the history, in their final state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.sandbox import court_rows as rows
from connectors.sandbox.court_rows import Row
from connectors.sandbox.matters import CourtMatter, HandOver, docketed_id
from connectors.sandbox.plan import number_words
from connectors.sandbox.routes import CourtRoute
from hub.vocabulary import ReferralMode

#: a night's migration stamped 130 rows with one second (WIRES.md 1.15)
MIGRATED_AT = datetime(2024, 3, 1, 2)
MIGRATED_ROWS = 130
_A_DAY = timedelta(days=1)
_CLOSED = ("已结案", "结案", "归档")


class CourtHistory:
    """Plays a matter's whole course, each step as the court would have recorded it."""

    def __init__(self, matter: CourtMatter, cause_name: str) -> None:
        self._matter = matter
        self._row = rows.filed(matter, cause_name)
        self._further: list[Row] = []
        self._numbers = list(zip(number_words(CourtRoute(matter.route)), matter.numbers, strict=True))

    def rows(self) -> list[Row]:
        """All rows of the matter, the filing's own first."""
        matter, row = self._matter, self._row
        if matter.hand_overs:
            self._diverted()
        elif matter.numbered_at is None:
            rows.refuse(row, matter.decided_at)
        else:
            self._docketed(matter.numbered_at)
        if matter.archived_at is not None:
            rows.archive(row, matter.archived_at)
        return [row, *self._further]

    def _docketed(self, at: datetime) -> None:
        rows.admit(self._row, self._matter.decided_at)
        rows.give_number(self._row, self._next_number(at), at)

    def _diverted(self) -> None:
        matter, row = self._matter, self._row
        if matter.hand_overs[0].mode is ReferralMode.ENTRUST and matter.numbered_at is not None:
            self._docketed(matter.numbered_at)
        for hand_over in matter.hand_overs:
            rows.hand_over(row, hand_over.unit, hand_over.mode, hand_over.at)
            self._ended(hand_over)
        last = matter.hand_overs[-1]
        if matter.confirmed_at is not None and last.ending is not None and last.ending.confirm_at is not None:
            rows.apply_for_confirmation(row, last.ending.agreement_no, last.ending.confirm_at)
            rows.log(
                row, 981, "申请司法确认", matter.confirmed_at, rows.clerk(row), rows.COURT_ORG,
                tjxybh=last.ending.agreement_no,
            )  # fmt: skip
            at = matter.confirmed_at + _A_DAY
            self._further.append(rows.confirmation_row(row, self._next_number(at), at))
        if matter.docketed_at is not None:
            is_new = matter.route == CourtRoute.FAILED_DOCKETED_NEW_ID
            new_ajbs = docketed_id(matter.native_id) if is_new else None
            ah = self._next_number(matter.docketed_at)
            self._further.append(rows.docketed_row(row, ah, matter.docketed_at, new_ajbs))

    def _ended(self, hand_over: HandOver) -> None:
        matter, row, ending, unit = self._matter, self._row, hand_over.ending, hand_over.unit
        if ending is None:
            return
        if ending.is_declined:
            rows.decline(row, unit, ending.concluded_at, "不宜调解")
            if hand_over is matter.hand_overs[-1] and matter.numbered_at is not None:
                rows.take_back(row, ending.concluded_at)
                rows.give_number(row, self._next_number(matter.numbered_at), matter.numbered_at)
            return
        if row["ah"] is None and matter.numbered_at is not None:
            row["ah"] = self._next_number(matter.numbered_at)
        if ending.accepted_at is not None:
            rows.accept(row, unit, ending.accepted_at)
        rows.conclude(row, unit, ending, 60)
        if ending.corrected is not None:
            rows.conclude(row, unit, ending.corrected, 61)

    def _next_number(self, at: datetime) -> str:
        word, serial = self._numbers.pop(0)
        return rows.number(self._matter.received_at.year, word, serial, self._matter.native_id, word)


class Migration:
    """Gives the migration's one second to exactly so many closed rows; older filings make up for what lacks."""

    #: about half of them count in the golden figures, so that a hub which loses one is seen to lose it
    _OF_THE_PERIOD = 65

    def __init__(self) -> None:
        self._old: list[Row] = []
        self._taken = 0

    def passed(self, found: list[Row], is_old: bool) -> list[Row]:
        """The rows as they are after the migration; old filings are held back until :meth:`rest`."""
        row = found[0]
        if is_old:
            self._old += found
            return []
        closed_before = row["ajzt"] in _CLOSED and row["gxsj"] < rows.stamp(MIGRATED_AT)
        if closed_before and self._taken < self._OF_THE_PERIOD:
            self._taken += 1
            _migrate(row)
        return found

    def rest(self) -> Iterator[Row]:
        """The old filings, as many of them migrated as are needed."""
        for row in self._old:
            if self._taken < MIGRATED_ROWS:
                self._taken += 1
                _migrate(row)
            yield row


def _migrate(row: Row) -> None:
    row["ajzt"] = "归档"
    rows.touched(row, MIGRATED_AT)
