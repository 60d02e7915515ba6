"""The conformance suite: every promise of the connector contract that can be examined from outside, one law each.

A law is examined against a connector, an open wire and a :class:`PartnerBench`, the hand on the partner behind that
wire. Nothing here knows a partner, the simulated ones or the hub's store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from connectors.conformance.bench import Held as Held
from connectors.conformance.bench import PartnerBench as PartnerBench
from connectors.conformance.exam import Exam as Exam
from connectors.conformance.law import Law as Law
from connectors.conformance.law import LawBrokenError as LawBrokenError
from connectors.conformance.law import NotApplicableError as NotApplicableError
from connectors.conformance.law import Verdict as Verdict
from connectors.conformance.laws import LAWS as LAWS
from connectors.conformance.laws import law_named as law_named
from connectors.conformance.push_bench import PushBench as PushBench
from connectors.conformance.push_laws import PUSH_LAWS as PUSH_LAWS
from hub.errors import PartnerError

_UNEXPECTED = "The partner could be asked and had an answer: raise only for what is none."
#: opens a partner as it stood at first, for one law
OpenExam = Callable[[], AbstractAsyncContextManager[Exam]]


async def examine(open_exam: OpenExam, laws: Iterable[Law] = LAWS) -> list[Verdict]:
    """Each law against a partner of its own. What a law finds ends that law only."""
    return [await examine_one(open_exam, law) for law in laws]


async def examine_one(open_exam: OpenExam, law: Law) -> Verdict:
    """One law."""
    async with open_exam() as exam:
        try:
            await law.examine(exam)
        except NotApplicableError as exc:
            return Verdict(law, not_applicable=str(exc))
        except LawBrokenError as exc:
            return Verdict(law, broken=str(exc))
        except PartnerError as exc:
            return Verdict(law, broken=f"{type(exc).__name__}: {exc}. {exc.hint or _UNEXPECTED}")
    return Verdict(law)
