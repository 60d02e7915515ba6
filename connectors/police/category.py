"""The category of a call or feedback: four columns, each a prefix of the next (WIRES 2.14), read as data."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.police import codes
from connectors.police.forms import Form
from hub.model import UnknownCode
from hub.vocabulary import UNKNOWN, CountyTables, common_class

_CLASS, _TYPE = "JQLBDM", "JQLXDM"
_DEEPER = ("JQXLDM", "JQZLDM")


@dataclass(frozen=True, slots=True)
class Category:
    """What the columns say; all '' where they say nothing."""

    #: of ``zz-dispute-17``
    code: str = UNKNOWN
    #: every class of ``zz-dispute-17`` it stands for
    classes: tuple[str, ...] = ()
    #: the code that the county's table explains: four digits, else two
    native: str = ""
    #: two digits
    kind: str = ""
    title: str = ""
    is_dispute: bool = False
    unknown: tuple[UnknownCode, ...] = ()


def read_category(form: Form, tables: CountyTables) -> Category:
    """The form's category. A code no table explains is UNKNOWN and named."""
    deepest = next((value for column in reversed(_DEEPER) if (value := form.get(column))), "")
    type_ = form.get(_TYPE) or deepest[:4]
    kind = form.get(_CLASS) or type_[:2]
    known_type, known_kind = tables.native("police", _TYPE, type_), tables.native("police", _CLASS, kind)
    unknown = [UnknownCode(_CLASS, kind[:64])] if kind and known_kind is None else []
    # of other classes the table holds no types: there is nothing to explain
    if type_ and known_type is None and (known_kind is None or kind == codes.DISPUTE_CLASS):
        unknown.append(UnknownCode(_TYPE, type_[:64]))
    if known_kind is None and known_type is not None:
        # the class is what is wrong; the type, a code of the same tree, is known
        kind = type_[:2]
    is_dispute = kind == codes.DISPUTE_CLASS
    named = known_type or known_kind
    return Category(
        common_class(known_type.classes) if known_type else UNKNOWN,
        known_type.classes if known_type else (),
        type_ or kind,
        kind,
        f"{named.zh}{'' if named.zh.endswith('纠纷') else '纠纷' if is_dispute else '警情'}" if named else "",
        is_dispute,
        tuple(unknown),
    )
