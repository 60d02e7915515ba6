"""How a letter looks when the office registers it: who wrote, about whom, what it says, in the office's own manner."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import timedelta

from connectors.sandbox.chance import luck
from connectors.sandbox.matters import Matter, PartyAsTold, Quarrel
from connectors.sandbox.people import village_name
from connectors.sandbox.petition_letters import Letter, blank_letter, petitioner
from connectors.sandbox.routes import COURT, PETITION, PetitionRoute
from connectors.sandbox.stamps import stamp
from hub.vocabulary import CountyTables, PartyRole

_SUGGESTIONS = ("建议改善{p}农村道路。", "建议增加{p}灌溉用水配额。", "建议在{p}增设公交站点。")
_ACCUSATIONS = (
    "检举{b}在{p}违规占用集体资产，请求查处。",
    "反映{b}虚报冒领补贴资金，要求组织调查。",
    "控告{b}仗势欺人、打击报复，请予严肃处理。",
)
_OFFICIALS = ("某局干部李某", "某镇工作人员王某", "某村负责人张某", "")
#: how many quarrels back an accusation may reach
_REACH = 60
_HANDLING_DAYS, _ROUTING_DAYS = 60, 15


class Rumours:
    """Quarrels that people have heard of: an accusation may name a party of one of them (WIRES.md 0.25)."""

    def __init__(self) -> None:
        self._quarrels: deque[Quarrel] = deque(maxlen=_REACH)

    def hear(self, quarrels: Iterable[Quarrel]) -> None:
        """Remember those in which a letter names an opponent."""
        self._quarrels += [quarrel for quarrel in quarrels if any(map(_is_a_complaint, quarrel.matters))]

    def about(self, accusation: Matter) -> tuple[Matter, Quarrel] | None:
        """A letter that came in before this accusation, and its quarrel."""
        known = [
            (matter, quarrel)
            for quarrel in self._quarrels
            for matter in quarrel.matters
            if _is_a_complaint(matter) and matter.received_at < accusation.received_at
        ]
        return known[int(luck("rumour", accusation.native_id) * len(known))] if known else None


def _is_a_complaint(matter: Matter) -> bool:
    return matter.instance == PETITION and bool(_of(matter, PartyRole.RESPONDENT))


class Intake:
    """Registers letters at one office."""

    def __init__(self, tables: CountyTables) -> None:
        self._tables = tables
        self.rumours = Rumours()

    def letter(self, matter: Matter) -> Letter:
        """The letter at the moment of its registration."""
        letter = blank_letter(matter.native_id, matter.received_at)
        letter["xfj"] |= self._registration(matter) | self._place(matter)
        if matter.route == PetitionRoute.ACCUSATION:
            self._accuse(letter, matter)
        elif matter.route == PetitionRoute.SUGGESTION:
            words = _chosen(_SUGGESTIONS, "words", matter.native_id)
            letter["xfj"] |= {"xfmddm": "01", "xfnr": words.format(p=letter["xfj"]["wtsd"])}
            self._write_petitioners(letter, matter, luck("named", matter.native_id) < 0.2)
        else:
            self._complain(letter, matter)
        return letter

    def _registration(self, matter: Matter) -> dict[str, str]:
        key, at = matter.native_id, matter.received_at
        written_on = at.date() - timedelta(days=int(luck("xfrq", key) ** 2 * 12))
        own_office = {"djjgdm": f"{matter.region_code[:9]}000", "djjgmc": f"{self._township(matter)}信访办"}
        return {
            "xfxs": _chosen(("01", "02", "02", "03", "04"), "xfxs", key),
            "xfrq": written_on.isoformat(),
            # some registrars write the day alone (3.13)
            "djsj": at.date().isoformat() if luck("djsj", key) < 0.15 else stamp(at),
            "xfyydm": _chosen(("01", "02", "03", "09"), "xfyydm", key),
            "xbjzrq": (at.date() + timedelta(days=_HANDLING_DAYS)).isoformat(),
            "lzjzsj": f"{at.date() + timedelta(days=_ROUTING_DAYS)} 23:59:59",
            "cxm": f"{int(luck('cxm', key) * 10**8):08d}",
            "jabz": _flag(0.02, "jabz", key),
            "yybz": _flag(0.03, "yybz", key),
            "zdjjbz": _flag(0.02, "zdjjbz", key),
            "sksflbz": _flag(0.02, "sksflbz", key),
            "sfssbz": "1" if any(r.instance == COURT for r in matter.references) else _flag(0.02, "sfssbz", key),
        } | (own_office if luck("djjg", key) < 0.12 else {})

    def _place(self, matter: Matter) -> dict[str, str]:
        village = self._tables.regions[matter.region_code]
        chance = luck("wtsddm", matter.native_id)
        if chance < 0.05:
            return {"wtsddm": self._tables.county, "wtsd": self._tables.name}
        if chance < 0.2:
            return {"wtsddm": matter.region_code[:9], "wtsd": self._township(matter)}
        return {"wtsddm": matter.region_code, "wtsd": f"{self._township(matter)}{village_name(village)}"}

    def _township(self, matter: Matter) -> str:
        return self._tables.regions[self._tables.regions[matter.region_code].parent_code].name

    def _complain(self, letter: Letter, matter: Matter) -> None:
        xfj, key = letter["xfj"], matter.native_id
        opponents = _of(matter, PartyRole.RESPONDENT)
        xfj |= {"xfmddm": "03", "nrfldm": matter.native_code, "xfnr": matter.text}
        if opponents:
            xfj |= {"bfyr": opponents[0].person.name, "bfyrzjhm": opponents[0].person.id_no}
        _repeat(letter, _first_letter(matter))
        # nobody hands an anonymous quarrel to the centre
        keeps_dark = matter.route == PetitionRoute.ANSWERED and luck("named", key) < 0.06
        self._write_petitioners(letter, matter, keeps_dark)

    def _accuse(self, letter: Letter, matter: Matter) -> None:
        """Some accusations concern people who quarrel elsewhere: they must never be joined to that quarrel."""
        xfj, key = letter["xfj"], matter.native_id
        known = self.rumours.about(matter) if luck("accused", key) < 0.65 else None
        accused = _of(known[0], PartyRole.RESPONDENT)[0].person if known else None
        name = accused.name if accused else _chosen(_OFFICIALS, "official", key)
        words = _chosen(_ACCUSATIONS, "words", key).format(b=name or "有关人员", p=xfj["wtsd"])
        xfj |= {"xfmddm": "02", "xfnr": words, "bfyr": name, "bfyrzjhm": accused.id_no if accused else ""}
        _repeat(letter, "")
        if known is not None and luck("accuser", key) < 0.5:
            self._same_people(letter, matter, *known)
        else:
            self._write_petitioners(letter, matter, luck("named", key) < 0.3)

    def _same_people(self, letter: Letter, matter: Matter, complaint: Matter, quarrel: Quarrel) -> None:
        """The accuser is the petitioner of that quarrel and names its records: everything speaks for joining."""
        xfj, at = letter["xfj"], matter.received_at
        others = [m for m in quarrel.matters if m.instance not in (PETITION, COURT) and m.received_at < at]
        number = others[0].native_id if others else complaint.native_id
        xfj |= {"nrfldm": complaint.native_code, "xfnr": f"{xfj['xfnr']}此前纠纷的编号为{number}。"}
        if luck("first letter", matter.native_id) < 0.5:
            _repeat(letter, _first_letter(complaint) or complaint.native_id)
        self._write_petitioners(letter, complaint, is_anonymous=False)

    @staticmethod
    def _write_petitioners(letter: Letter, matter: Matter, is_anonymous: bool) -> None:
        xfj, people = letter["xfj"], [told.person for told in _of(matter, PartyRole.PETITIONER)]
        if is_anonymous:
            for person in people:
                xfj["xfnr"] = xfj["xfnr"].replace(person.name, "来信人")
            letter["xfr"] = [petitioner(None)]
        else:
            letter["xfr"] = [petitioner(person) for person in people]
        xfj["nmbz"] = "1" if is_anonymous else "0"
        xfj["xfrs"] = str(len(people))
        xfj["sjrs"] = str(len(people) + int(luck("sjrs", xfj["xfjbh"]) ** 3 * 8))


def _repeat(letter: Letter, first: str) -> None:
    """REPEATED_ID names the first letter; the letter's own number means none (3.12)."""
    own = letter["xfjbh"] if luck("REPEATED_ID", letter["xfjbh"]) < 0.4 else ""
    letter["xfj"] |= {"REPEATED_ID": first or own, "cfxfbz": "1" if first else "0"}


def _first_letter(matter: Matter) -> str:
    """The first letter of the same matter; '' where this is the first."""
    return next((ref.number for ref in matter.references if ref.instance == PETITION and ref.is_structured), "")


def _of(matter: Matter, role: PartyRole) -> list[PartyAsTold]:
    return [told for told in matter.parties if told.role is role]


def _chosen(among: tuple[str, ...], *key: str) -> str:
    return among[int(luck(*key) * len(among))]


def _flag(share: float, *key: str) -> str:
    return "1" if luck(*key) < share else "0"
