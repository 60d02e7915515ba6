"""The county of the plan as rows of a store: a canary in every text, number, point and file."""

from __future__ import annotations

from hub.desk import Desk
from hub.model import PartyFacts
from hub.parties import party_row
from hub.store import tables
from hub.vocabulary import HandlingEventKind, PartyRole

from .access_plan import AGENCIES, CENTRE, CHANNELS, HOTLINE, PETITION, Case, Matter, Plan
from .graphql_rows import COUNTY, County, at


async def write(desk: Desk, made: Plan) -> None:
    """Put the plan into the store."""
    county = County()
    county.put(tables.agencies, id="agy_petition", code=PETITION, name="县信访局", kind="PETITION", region_code=COUNTY)
    for case in made.cases.values():
        _put_case(county, made, case)
    for one in made.matters:
        _put_matter(county, desk, one)
    for one, other in made.suggested():
        _put_suggestion(county, one, other)
    await county.write(desk.store)


def _put_case(county: County, made: Plan, case: Case) -> None:
    number, d = case.number, f"d{case.number}"
    id = county.dispute(
        number, region_code=case.region, holder_code=case.holder, channel=case.channel, state=case.state,
        state_since=at(case.state_since), category=case.category, classification=made.closedness(number),
        title=f"zqtitle{d}q", summary=f"zqsummary{d}q", address_text=f"zqaddress{d}q", assignee_name=case.assignee,
        assignee_code=case.assignee_code, code=case.code, lng=float(case.lng), lat=38.5, crs="GCJ02",
    )  # fmt: skip
    data = {}
    if case.next is not None:
        data = {"into": made.cases[case.next].id, "record": made.first_of(case.next).id}
    county.event(
        1000 + number, HandlingEventKind.REGISTERED, dispute_id=id, words=f"zqwords{d}q", sequence=1000 + number,
        source="hub", data=data,
    )  # fmt: skip
    referral = county.referral(
        1000 + number, None, dispute_id=id, undisputed_facts=f"zqfacts{d}q", returned_reason=f"zqreason{d}q",
        direction="OUT", instance="hotline", from_code=CENTRE, to_code=HOTLINE,
    )  # fmt: skip
    county.put(tables.data_keys, id=f"key_{number}", instance="hotline", native_id=f"message {number}")
    county.put(
        tables.outbound_messages, id=f"out_{COUNTY}_{number:06}", instance="hotline", lane=f"hotline/{number}",
        key=f"message {number}", command="REFER", dispute_id=id, referral_id=referral, data_key_id=f"key_{number}",
        state=case.message_state, queued_at=at(number), answer_words=f"zqanswer{d}q",
    )  # fmt: skip


def _put_matter(county: County, desk: Desk, one: Matter) -> None:
    r, number = one.tag, one.number
    agreed = {"result_at": at(9000), "result_outcome": "AGREED"} if one.is_agreed else {}
    record = county.record(
        number, None if one.dispute is None else f"dsp_{COUNTY}_{one.dispute:06}", instance=one.instance,
        system=one.instance, agency_code=AGENCIES[one.instance], region_code=one.region,
        classification=one.classification, channel=CHANNELS[one.instance], title=f"zqtitle{r}q",
        content=f"zqcontent{r}q", address=f"zqaddress{r}q", native_id=f"zqnativeid{r}q", native_no=f"zqnativeno{r}q",
        opens_dispute=one.dispute is not None, unit_key=f"zqunit{one.counted_as or r}q", **agreed,
    )  # fmt: skip
    facts = PartyFacts(PartyRole.RESPONDENT, one.name, id_no=one.id_number, phone=one.phone)
    row = party_row(desk, one.party_id, record, number, facts)
    county.party(
        number, record, address=f"zqpartyaddress{r}q",
        **{name: value for name, value in row.items() if name not in ("id", "record_id", "county", "address")}
        | {"id_mask": f"zqidmask{r}q", "phone_mask": f"zqphonemask{r}q"},
    )  # fmt: skip
    county.event(number, HandlingEventKind.REFERRED, record_id=record, words=f"zqwords{r}q", sequence=number)
    if one.is_handed:
        county.referral(
            number, record, undisputed_facts=f"zqfacts{r}q", returned_reason=f"zqreason{r}q",
            agreement_no=f"zqagreement{r}q", partner_ref=f"zqpartnerref{r}q", from_code=AGENCIES[one.instance],
            to_code=one.to_code, state=one.referral_state, channel=CHANNELS[one.instance],
        )  # fmt: skip
    key, wrapped = desk.keys.new_data_key(f"fil_{r}")
    county.put(
        tables.attachment_contents, id=f"fil_{r}", media_type="text/plain", wrapped=wrapped,
        body_sealed=key.seal(f"zqbody{r}q".encode(), f"fil_{r}"), bytes=9, content_hash=r,
    )  # fmt: skip
    county.put(
        tables.attachments, id=f"att_{COUNTY}_{number:06}", record_id=record, instance=one.instance, name=f"zqfile{r}q",
        kind="OTHER", state="STORED", content_id=f"fil_{r}", classification=one.classification, ref_hash=r,
        media_type="text/plain", next_try_at=at(0), first_seen_at=at(0),
    )  # fmt: skip


def _put_suggestion(county: County, one: Matter, other: Matter) -> None:
    ends = {"from_record_id": one.id, "to_record_id": other.id}
    said = {
        "kind": "RELATED",
        "method": "PHONE",
        "confidence": 0.7,
        "evidence": {"scheme": "phone"},
        "decided_by": "rule:1",
    }
    county.put(tables.record_links, id=f"lnk_{COUNTY}_{one.number:06}", state="SUGGESTED", **ends, **said)
    decision = f"dec_{COUNTY}_{one.number:06}"
    county.put(tables.link_decisions, id=decision, decision="SUGGESTED", **ends, **said)
    county.put(tables.public_log, sequence=2000 + one.number, entry_kind="LINK", entry_id=decision)
