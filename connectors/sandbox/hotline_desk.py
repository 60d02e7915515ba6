"""The hotline's desk: what happens to its orders as the simulated clock moves, and whom it tells.

Steps wait on the store's agenda. A step finds its order as it is now: if the order meanwhile went another way, the step
is void.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta

import orjson

from connectors.sandbox import hotline_orders as orders
from connectors.sandbox.chance import luck
from connectors.sandbox.county import County
from connectors.sandbox.hotline_course import Planned, another_unit, course_of, elsewhere, transfers_of
from connectors.sandbox.hotline_files import HotlineFiles, file_names
from connectors.sandbox.hotline_hooks import HookSettings
from connectors.sandbox.hotline_orders import OPEN, Order, State
from connectors.sandbox.hotline_rule import CENTRE_AGAIN, CLOSED, HotlineRule
from connectors.sandbox.hotline_store import UNSENT, WAITING, HotlineStore
from connectors.sandbox.living_desk import LivingDesk
from connectors.sandbox.matters import CENTRE, Matter
from connectors.sandbox.partner_store import Step
from connectors.sandbox.routes import HOTLINE
from connectors.sandbox.stamps import read_stamp, stamp
from hub.vocabulary import county_tables

DISPATCHED, CHASED, URGED, VISITED = "派单", "追办", "催办", "回访"
_A_DAY = timedelta(days=1)
_CHASES = ("来电人再次来电，询问办理进展。", "来电人补充：对方仍未处理，请尽快联系。")
_URGES = {1: "工单即将超过签收时限，请及时签收。", 2: "工单已超办理时限，请尽快办结。", 3: "工单严重超期，现予催办。"}


class HotlineDesk(LivingDesk):
    """One running hotline."""

    def __init__(
        self, store: HotlineStore, county: County, rule: HotlineRule, files: HotlineFiles, settings: HookSettings
    ) -> None:
        self.store, self.rule, self.files = store, rule, files
        self._county, self._settings = county, settings
        #: called when an event waits to be told
        self.on_event: Callable[[], None] = lambda: None
        self._problem_names = problem_names()
        steps: dict[str, Callable[[Step], None]] = {
            "day": self._day,
            "receive": self._receive,
            "play": self._play,
            "chase": self._chase,
            "urge": self._urge,
            "visit": self._visit,
            "archive": self._archive,
            "redispatch": self._redispatch,
        }
        super().__init__(store, steps)

    def problem_name(self, code: str | None) -> str | None:
        """The name of a problem; None for a code that the county does not know."""
        return self._problem_names.get(code or "")

    def item(self, order: Order) -> Order:
        """The order as the wire shows it now."""
        return orders.shown(order, self.files.addresses(order))

    def tell(self, order: Order, event: str, at: datetime, **data: object) -> None:
        """An event of the centre's own order: it takes the next seq and is told where there is an address."""
        code = order["workordercode"]
        seq = self.store.next_serial(f"seq {code}")
        said = {"workordercode": code, "event": event, "seq": seq, "occurredAt": stamp(at), "data": data}
        body = orjson.dumps(said | {"order": self.item(order)})
        self.store.add_hook(code, event, seq, at, body, WAITING if self._settings.url else UNSENT)
        self.on_event()

    # orders of the people

    def _day(self, step: Step) -> None:
        day = date.fromisoformat(step.payload["day"])
        for quarrel in self._county.arrivals(day, only=HOTLINE):
            transfers = transfers_of(quarrel)
            for matter in quarrel.matters:
                if matter.instance == HOTLINE:
                    self._expect(matter, course_of(matter, transfers.get(matter.native_id)))
        tomorrow = day + _A_DAY
        self.store.schedule(datetime.combine(tomorrow, time()), "day", "day", day=tomorrow.isoformat())

    def _expect(self, matter: Matter, course: list[Planned]) -> None:
        order = orders.received(matter, self.problem_name(matter.native_code), file_names(matter))
        plan = [(stamp(planned.at), planned.step, planned.arguments) for planned in course]
        self.store.schedule(matter.received_at, f"receive:{matter.native_id}", "receive", order=order, plan=plan)

    def _receive(self, step: Step) -> None:
        order = self.store.add(step.payload["order"])
        for at, name, arguments in step.payload["plan"]:
            self._later(read_stamp(at), "play", order, name, arguments=arguments)
        earlier = self.store.get(order["repeatedCode"]) if order["orderType"] == "追办" else None
        if earlier is not None and is_with_centre(earlier):
            self.tell(earlier, CHASED, step.due, content=order["content"])

    def _play(self, step: Step) -> None:
        order = self._order_of(step)
        if order is None:
            return
        name, arguments = step.payload["step"], step.payload["arguments"]
        if name == "dispatch" and arguments["unit"] == CENTRE:
            self.dispatch_to_centre(order, step.due)
        elif name in ("dispatch", "transfer") or order["contractorCode"] != CENTRE:
            orders.STEPS[name](order, step.due, **arguments)
            self.store.replace(order)

    # orders of the centre

    def dispatch_to_centre(self, order: Order, at: datetime) -> None:
        """派单 to the centre; it is reminded where it lets a limit pass."""
        orders.dispatch(order, at, CENTRE)
        self.store.replace(order)
        self.dispatched(order, at)

    def dispatched(self, order: Order, at: datetime) -> None:
        """Tell of a dispatch to the centre, the first or a further one."""
        self.tell(order, DISPATCHED, at, contractorCode=CENTRE)
        self._later(read_stamp(order["signBy"]) + timedelta(minutes=1), "urge", order, "1")
        self._later(_first_morning_after(order), "urge", order, "2")
        if luck("again", order["workordercode"]) < 0.12:
            self._later(at + 2 * _A_DAY, "chase", order, "")

    def concluded(self, order: Order) -> None:
        """回访 follows a day after the conclusion."""
        self._later(self.now + _A_DAY, "visit", order, "")

    def sent_back(self, order: Order, reason_code: str) -> None:
        """The dispatcher looks at a returned order in two hours."""
        self._later(self.now + timedelta(hours=2), "redispatch", order, reason_code)

    def created(self, order: Order) -> None:
        """An order of the centre's own making goes to a department."""
        self._plan_elsewhere(order, self.now + timedelta(hours=3))

    def _chase(self, step: Step) -> None:
        order = self._order_of(step)
        if order is not None and is_with_centre(order):
            content = _CHASES[int(luck("chase", order["workordercode"]) * len(_CHASES))]
            self.tell(order, CHASED, step.due, content=content)

    def _urge(self, step: Step) -> None:
        order = self._order_of(step)
        if order is None or not is_with_centre(order):
            return
        level = int(step.payload["step"])
        if level == 1:
            if order["state"] in (State.DISPATCHED, State.REWORK) and stamp(step.due) > order["signBy"]:
                self.tell(order, URGED, step.due, level=1, content=_URGES[1])
            return
        due = _first_morning_after(order)
        if step.due < due:
            # the limit was moved meanwhile
            self._later(due, "urge", order, "2")
            return
        self.tell(order, URGED, step.due, level=level, content=_URGES[level])
        if level == 2:
            self._later(step.due + 3 * _A_DAY, "urge", order, "3")

    def _visit(self, step: Step) -> None:
        order = self._order_of(step)
        is_due = (
            order is not None and order["state"] == State.CONCLUDED and order["endTime"] == stamp(step.due - _A_DAY)
        )
        if order is None or not is_due or order["contractorCode"] != CENTRE:
            return
        ordinal = self.store.next_serial(f"visit {order['workordercode']}")
        orders.visit(order, step.due, **self.rule.visit(order["workordercode"], order["successSolve"], ordinal))
        self.store.replace(order)
        names = ("successVisit", "successSolve", "visitFailReason", "satisfaction")
        self.tell(order, VISITED, step.due, **{name: order[name] for name in names})
        if order["state"] == State.REWORK:
            self.dispatched(order, step.due)
        else:
            self._later(step.due + 3 * _A_DAY, "archive", order, "")

    def _archive(self, step: Step) -> None:
        order = self._order_of(step)
        if order is not None and order["state"] in (State.VISITED, State.SENT_BACK):
            orders.archive(order, step.due)
            self.store.replace(order)

    def _redispatch(self, step: Step) -> None:
        order = self._order_of(step)
        if order is None or order["state"] != State.SENT_BACK:
            return
        code = order["workordercode"]
        where = self.rule.after_return(code, step.payload["step"], self.store.next_serial(f"return {code}"))
        if where == CENTRE_AGAIN:
            self.dispatch_to_centre(order, step.due)
        elif where == CLOSED:
            self._later(step.due + _A_DAY, "archive", order, "")
        else:
            self._plan_elsewhere(order, step.due + timedelta(minutes=1))

    # the agenda

    def _plan_elsewhere(self, order: Order, at: datetime) -> None:
        code = order["workordercode"]
        for planned in elsewhere(code, another_unit(code), at):
            self._later(planned.at, "play", order, planned.step, arguments=planned.arguments)

    def _later(
        self, due: datetime, name: str, order: Order, step: str, arguments: Mapping[str, str | None] | None = None
    ) -> None:
        code = order["workordercode"]
        self.store.schedule(due, f"{name}:{code}:{step}", name, code=code, step=step, arguments=arguments or {})

    def _order_of(self, step: Step) -> Order | None:
        return self.store.get(step.payload["code"])


def problem_names() -> dict[str, str]:
    """The county's own names of its problemIds."""
    codes = county_tables().native_codes
    return {code.code: code.zh for code in codes if (code.system, code.table) == (HOTLINE, "problemId")}


def is_with_centre(order: Order) -> bool:
    """The centre still owes a result."""
    return order["contractorCode"] == CENTRE and order["state"] in OPEN


def _first_morning_after(order: Order) -> datetime:
    return orders.last_moment(order["processlimited"]) + timedelta(hours=8, minutes=30, seconds=1)
