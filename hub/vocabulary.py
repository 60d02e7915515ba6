"""The words the hub knows: enumerations with their Chinese names, and a county's code tables as data.

Enumerations follow docs/glossary.md. Code tables (categories, regions, partners' native codes) are CSV files:
the nation-wide ones under ``hub/data``, a county's own under ``hub/data/counties/<code>`` or in any folder the
settings name, so that another county brings its own without touching code.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType

from hub.errors import ConfigurationError

UNKNOWN = "UNKNOWN"


class Term(str, Enum):
    """An enumeration whose members carry a Chinese and an English label; the value is the code."""

    zh: str
    en: str

    def __new__(cls, code: str, zh: str = "", en: str = "") -> Term:
        member = str.__new__(cls, code)
        member._value_ = code
        member.zh = zh
        member.en = en
        return member

    def __str__(self) -> str:
        return str(self.value)


class AgencyKind(Term):
    """What an agency is (机关类别)."""

    CENTER = ("CENTER", "综治中心", "Dispute centre")
    COURT = ("COURT", "法院", "Court")
    POLICE = ("POLICE", "公安", "Police")
    PETITION = ("PETITION", "信访", "Petition office")
    HOTLINE = ("HOTLINE", "热线", "Hotline")
    GRID = ("GRID", "网格", "Grid")
    PORTAL = ("PORTAL", "码上反映", "Portal")
    MEDIATION_ORG = ("MEDIATION_ORG", "调解组织", "Mediation organisation")
    JUSTICE = ("JUSTICE", "司法行政", "Judicial administration")
    ARBITRATION = ("ARBITRATION", "仲裁", "Arbitration")
    PROCURATORATE = ("PROCURATORATE", "检察", "Procuratorate")
    LEGAL_AID = ("LEGAL_AID", "法律援助", "Legal aid")
    PSYCHOLOGY = ("PSYCHOLOGY", "心理服务", "Psychological service")
    ADMIN_REVIEW = ("ADMIN_REVIEW", "行政复议", "Administrative reconsideration")
    ADMIN_RULING = ("ADMIN_RULING", "行政裁决", "Administrative ruling")
    WARNING = ("WARNING", "预警系统", "Warning system")
    DEPARTMENT = ("DEPARTMENT", "行业部门", "Department")
    TOWNSHIP = ("TOWNSHIP", "乡镇", "Township")
    VILLAGE = ("VILLAGE", "村社区", "Village or community")


class Channel(Term):
    """The way a dispute came in (来源渠道)."""

    LITIGATION = ("LITIGATION", "诉调", "Court referral")
    POLICE = ("POLICE", "警调", "Police referral")
    PETITION = ("PETITION", "访调", "Petition referral")
    HOTLINE = ("HOTLINE", "热线转办", "Hotline dispatch")
    GRID = ("GRID", "网格上报", "Grid report")
    WALK_IN = ("WALK_IN", "窗口来访", "Walk-in")
    PORTAL = ("PORTAL", "码上反映", "Portal report")
    PATROL = ("PATROL", "排查发现", "Found on patrol")


class ReferralMode(Term):
    """How work is handed over (移送方式)."""

    DELEGATE = ("DELEGATE", "委派", "Delegated before docketing")
    ENTRUST = ("ENTRUST", "委托", "Entrusted after docketing")
    TRANSFER = ("TRANSFER", "移送", "Transferred")
    FORWARD = ("FORWARD", "转送", "Forwarded")
    ASSIGN = ("ASSIGN", "交办", "Assigned")
    DISPATCH = ("DISPATCH", "派单", "Dispatched")
    ASSIST = ("ASSIST", "协助", "Assistance called")
    EXIT_ROUTE = ("EXIT_ROUTE", "引导其他法定途径", "Guided to another statutory procedure")
    ESCALATE = ("ESCALATE", "上报", "Escalated")
    RETURN = ("RETURN", "退回", "Returned")


class ReferralDirection(Term):
    """Which way a referral goes, seen from the centre (移送方向)."""

    IN = ("IN", "移入", "Inbound")
    OUT = ("OUT", "移出", "Outbound")


class ReferralState(Term):
    """Where a referral stands (移送状态)."""

    DRAFT = ("DRAFT", "草稿", "Draft")
    QUEUED = ("QUEUED", "待发送", "Queued")
    SENT = ("SENT", "已发出", "Sent")
    DELIVERED = ("DELIVERED", "已送达", "Delivered")
    SIGNED = ("SIGNED", "已签收", "Signed")
    ACCEPTED = ("ACCEPTED", "已接收", "Accepted")
    DECLINED = ("DECLINED", "拒收", "Declined")
    IN_PROGRESS = ("IN_PROGRESS", "办理中", "In progress")
    CONCLUDED = ("CONCLUDED", "已办结", "Concluded")
    RETURN_QUEUED = ("RETURN_QUEUED", "待回传", "Return queued")
    RETURNED = ("RETURNED", "已回传", "Returned")
    RETURN_ACKED = ("RETURN_ACKED", "对方确认", "Return acknowledged")
    EXPIRED = ("EXPIRED", "已过期", "Expired")
    CANCELLED = ("CANCELLED", "已取消", "Cancelled")


class DisputeState(Term):
    """Where a dispute stands (纠纷状态)."""

    REGISTERED = ("REGISTERED", "已登记", "Registered")
    ACCEPTED = ("ACCEPTED", "已受理", "Accepted")
    REJECTED = ("REJECTED", "不予受理", "Rejected")
    ASSIGNED = ("ASSIGNED", "已分流", "Assigned")
    IN_PROGRESS = ("IN_PROGRESS", "化解中", "In progress")
    SUSPENDED = ("SUSPENDED", "中止", "Suspended")
    RESOLVED = ("RESOLVED", "化解成功", "Resolved")
    UNRESOLVED = ("UNRESOLVED", "化解未成", "Unresolved")
    EXITED = ("EXITED", "已导入法定程序", "Exited to a statutory procedure")
    FOLLOW_UP = ("FOLLOW_UP", "待回访", "Awaiting follow-up")
    CLOSED = ("CLOSED", "办结归档", "Closed")
    REOPENED = ("REOPENED", "反弹重启", "Reopened")
    MERGED = ("MERGED", "并案", "Merged")
    WITHDRAWN = ("WITHDRAWN", "撤回", "Withdrawn")


class CommandKind(Term):
    """What the hub tells a partner to know or to do (推送类型)."""

    SIGN = ("SIGN", "签收", "Sign")
    DECLINE = ("DECLINE", "退回", "Decline")
    EXTEND = ("EXTEND", "延期", "Extend")
    PROGRESS = ("PROGRESS", "进展", "Progress")
    RETURN = ("RETURN", "结果回传", "Return")
    CONFIRM = ("CONFIRM", "申请司法确认", "Apply for confirmation")
    SUPPLEMENT = ("SUPPLEMENT", "补充材料", "Supplement")
    ESCALATE = ("ESCALATE", "升级风险提示", "Escalation warning")
    REFER = ("REFER", "移出", "Refer")
    CANCEL = ("CANCEL", "撤销", "Cancel")


class DeclineReason(Term):
    """Why a hand-over goes back (退回原因)."""

    NOT_OURS = ("NOT_OURS", "非本单位职责", "Not this centre's duty")
    INCOMPLETE = ("INCOMPLETE", "信息不全", "Information is missing")
    DUPLICATE = ("DUPLICATE", "重复", "Duplicate")
    OTHER = ("OTHER", "其他", "Other")


class Performance(Term):
    """How far an agreement was performed (履行情况)."""

    NONE = ("NONE", "未履行", "Not performed")
    PARTIAL = ("PARTIAL", "部分履行", "Partly performed")
    FULL = ("FULL", "已履行", "Performed")


class TransferGround(Term):
    """Why a dispute is handed to the police (移送公安事由)."""

    RISK = ("RISK", "升级风险", "Risk of escalation")
    OFFENCE = ("OFFENCE", "涉嫌违法犯罪", "Suspected offence")


class CaseRecordState(Term):
    """Where one agency's own record stands (来源记录状态)."""

    RECEIVED = ("RECEIVED", "已收", "Received")
    ACCEPTED = ("ACCEPTED", "已受理", "Accepted")
    REJECTED = ("REJECTED", "不予受理", "Rejected")
    IN_PROGRESS = ("IN_PROGRESS", "办理中", "In progress")
    SUSPENDED = ("SUSPENDED", "中止", "Suspended")
    TRANSFERRED = ("TRANSFERRED", "已移送", "Transferred")
    CONCLUDED = ("CONCLUDED", "已办结", "Concluded")
    CLOSED = ("CLOSED", "已归档", "Closed")
    WITHDRAWN = ("WITHDRAWN", "已撤回", "Withdrawn")
    UNKNOWN = ("UNKNOWN", "未知", "Unknown")


class Outcome(Term):
    """How a referral or a dispute ended (结果)."""

    AGREED = ("AGREED", "达成协议", "Agreed")
    PERFORMED = ("PERFORMED", "协议履行", "Agreement performed")
    SELF_SETTLED = ("SELF_SETTLED", "自行和解", "Settled by themselves")
    NOT_AGREED = ("NOT_AGREED", "调解不成", "Not agreed")
    REFUSED = ("REFUSED", "拒绝调解", "Mediation refused")
    UNREACHABLE = ("UNREACHABLE", "无法联系", "Unreachable")
    NOT_SUITABLE = ("NOT_SUITABLE", "不宜调解", "Not suitable")
    OUT_OF_SCOPE = ("OUT_OF_SCOPE", "不属受理范围", "Out of scope")
    WITHDRAWN = ("WITHDRAWN", "撤回", "Withdrawn")
    DOCKETED = ("DOCKETED", "已立案", "Docketed")
    PENALISED = ("PENALISED", "已处罚", "Penalised")
    ANSWERED = ("ANSWERED", "已答复", "Answered")

    @property
    def is_success(self) -> bool:
        """Counts as a mediated success in the figures (K2a): agreed or performed."""
        return self in (Outcome.AGREED, Outcome.PERFORMED)

    @property
    def resolves(self) -> bool:
        """Makes the dispute RESOLVED: an agreement, its performance, or the parties' own settlement."""
        return self in (Outcome.AGREED, Outcome.PERFORMED, Outcome.SELF_SETTLED)


class TerminationReason(Term):
    """The eight endings of mediation (人民法院在线调解规则 art. 25)."""

    AGREEMENT = ("AGREEMENT", "达成协议", "Agreement reached")
    SELF_SETTLED = ("SELF_SETTLED", "自行和解撤回", "Settled by themselves and withdrawn")
    UNREACHABLE = ("UNREACHABLE", "期限内无法联系", "A party could not be reached in time")
    REFUSED = ("REFUSED", "一方明确不愿继续", "A party does not want to go on")
    TOO_FAR_APART = ("TOO_FAR_APART", "分歧较大难以达成", "Too far apart")
    TIME_LIMIT = ("TIME_LIMIT", "期限届满未合意延长", "Time ran out without an agreed extension")
    SIGNATURE_REFUSED = ("SIGNATURE_REFUSED", "一方拒绝签章", "A party refused to sign")
    OTHER = ("OTHER", "其他", "Other")


class HandlingEventKind(Term):
    """What happened (办理环节). Declaration order is the rank among events of one instant."""

    REGISTERED = ("REGISTERED", "登记", "Registered")
    NUMBERED = ("NUMBERED", "编号", "Numbered")
    ACCEPTED = ("ACCEPTED", "受理", "Accepted")
    REJECTED = ("REJECTED", "不予受理", "Rejected")
    DOCKETED = ("DOCKETED", "立案", "Docketed")
    TRIAGED = ("TRIAGED", "分流", "Triaged")
    REFERRED = ("REFERRED", "移送", "Referred")
    DELIVERED = ("DELIVERED", "送达", "Delivered")
    SIGNED = ("SIGNED", "签收", "Signed")
    DECLINED = ("DECLINED", "退回", "Declined")
    MEDIATOR_ASSIGNED = ("MEDIATOR_ASSIGNED", "指派调解员", "Mediator assigned")
    SESSION_HELD = ("SESSION_HELD", "调解会", "Session held")
    EXTENDED = ("EXTENDED", "延期", "Extended")
    SUSPENDED = ("SUSPENDED", "中止", "Suspended")
    RESUMED = ("RESUMED", "恢复", "Resumed")
    RESULT_RECORDED = ("RESULT_RECORDED", "登记结果", "Result recorded")
    RESULT_CORRECTED = ("RESULT_CORRECTED", "更正结果", "Result corrected")
    AGREEMENT_SIGNED = ("AGREEMENT_SIGNED", "签署协议", "Agreement signed")
    CONFIRMATION_APPLIED = ("CONFIRMATION_APPLIED", "申请司法确认", "Judicial confirmation applied for")
    CONFIRMED = ("CONFIRMED", "司法确认", "Judicially confirmed")
    PERFORMED = ("PERFORMED", "履行", "Performed")
    RETURNED = ("RETURNED", "回传", "Returned to the origin")
    RETURN_ACKED = ("RETURN_ACKED", "回传确认", "Return acknowledged")
    SUPERVISED = ("SUPERVISED", "督办", "Supervised")
    REMINDED = ("REMINDED", "提醒", "Reminded")
    WARNED = ("WARNED", "预警", "Warned")
    DOWNGRADED = ("DOWNGRADED", "降级", "Downgraded")
    FOLLOWED_UP = ("FOLLOWED_UP", "回访", "Followed up")
    REOPENED = ("REOPENED", "重启", "Reopened")
    LINKED = ("LINKED", "关联", "Linked")
    UNLINKED = ("UNLINKED", "解除关联", "Unlinked")
    MERGED = ("MERGED", "并案", "Merged")
    UNMERGED = ("UNMERGED", "撤销并案", "Un-merged")
    EXITED = ("EXITED", "导入法定程序", "Exited")
    WITHDRAWN = ("WITHDRAWN", "撤回", "Withdrawn")
    HANDED_OVER = ("HANDED_OVER", "移交", "Handed over")
    COLOUR_SET = ("COLOUR_SET", "设定风险色", "Risk colour set")
    COLOUR_EXPIRED = ("COLOUR_EXPIRED", "风险色到期", "Risk colour expired")
    CONFLICTING_RESULTS = ("CONFLICTING_RESULTS", "结果矛盾", "Conflicting results")
    ANOMALY = ("ANOMALY", "顺序异常", "Impossible sequence")
    ATTACHED = ("ATTACHED", "附件", "Attached")
    EXPIRED = ("EXPIRED", "到期", "Expired")
    CANCELLED = ("CANCELLED", "取消", "Cancelled")
    CLOSED = ("CLOSED", "归档", "Closed")
    SOURCE_DELETED = ("SOURCE_DELETED", "来源删除", "Deleted at the source")

    @property
    def rank(self) -> int:
        """Position among events that share an instant and a log position."""
        return _EVENT_RANK[self.value]


_EVENT_RANK: Mapping[str, int] = MappingProxyType(
    {member.value: index for index, member in enumerate(HandlingEventKind)}
)


class PartyRole(Term):
    """What a party is in the matter (当事人身份)."""

    APPLICANT = ("APPLICANT", "申请人", "Applicant")
    RESPONDENT = ("RESPONDENT", "被申请人", "Respondent")
    CALLER = ("CALLER", "报警/来电人", "Caller")
    PETITIONER = ("PETITIONER", "信访人", "Petitioner")
    REPRESENTATIVE = ("REPRESENTATIVE", "代理人", "Representative")
    THIRD_PARTY = ("THIRD_PARTY", "第三人", "Third party")
    WITNESS = ("WITNESS", "证人", "Witness")
    UNKNOWN = ("UNKNOWN", "未知", "Unknown")


class PartyType(Term):
    """Whether a party is a person or an organisation (当事人类型)."""

    PERSON = ("PERSON", "自然人", "Person")
    ORGANISATION = ("ORGANISATION", "单位", "Organisation")


class Sex(Term):
    """GB/T 2261.1."""

    UNKNOWN = ("UNKNOWN", "未知", "Unknown")
    MALE = ("MALE", "男", "Male")
    FEMALE = ("FEMALE", "女", "Female")
    UNSPECIFIED = ("UNSPECIFIED", "未说明", "Unspecified")


class Classification(Term):
    """Who may know of it, from open to closed (密级)."""

    PUBLIC = ("PUBLIC", "公开", "Public")
    INTERNAL = ("INTERNAL", "内部", "Internal")
    CONFIDENTIAL = ("CONFIDENTIAL", "敏感", "Confidential")
    RESTRICTED = ("RESTRICTED", "限制", "Restricted")


class Procedure(Term):
    """Which procedure holds the dispute (所处程序)."""

    INTAKE = ("INTAKE", "受理", "Intake")
    PRE_LIT_MEDIATION = ("PRE_LIT_MEDIATION", "诉前调解", "Pre-litigation mediation")
    POLICE_MEDIATION = ("POLICE_MEDIATION", "治安调解", "Police mediation")
    PEOPLES_MEDIATION = ("PEOPLES_MEDIATION", "人民调解", "People's mediation")
    PETITION_HANDLING = ("PETITION_HANDLING", "信访办理", "Petition handling")
    HOTLINE_HANDLING = ("HOTLINE_HANDLING", "热线办理", "Hotline handling")
    ARBITRATION = ("ARBITRATION", "仲裁", "Arbitration")
    ADMIN_REVIEW = ("ADMIN_REVIEW", "行政复议", "Administrative reconsideration")
    LITIGATION = ("LITIGATION", "诉讼", "Litigation")
    CONFIRMATION = ("CONFIRMATION", "司法确认", "Judicial confirmation")
    PERFORMANCE = ("PERFORMANCE", "履行", "Performance")
    FOLLOW_UP = ("FOLLOW_UP", "回访", "Follow-up")


class LinkKind(Term):
    """How two records belong together (关联类型)."""

    CONTINUES = ("CONTINUES", "延续", "Continues")
    DUPLICATE_OF = ("DUPLICATE_OF", "重复", "Duplicate of")
    TRANSFERRED_FROM = ("TRANSFERRED_FROM", "移送自", "Transferred from")
    RELATED = ("RELATED", "相关", "Related")
    QUOTES = ("QUOTES", "提及", "Quotes")


class LinkState(Term):
    """Whether a link joins its records (关联状态)."""

    ACCEPTED = ("ACCEPTED", "已采纳", "Accepted")
    SUGGESTED = ("SUGGESTED", "建议", "Suggested")
    REFUSED = ("REFUSED", "已否定", "Refused by a person")
    REVOKED = ("REVOKED", "已撤销", "Its evidence fell")


class HeldReason(Term):
    """Why evidence that joins by itself elsewhere is only a suggestion here (暂不并案原因)."""

    RESTRICTED = ("RESTRICTED", "涉密限制", "One record is restricted, the other is not")
    SIZE_GUARD = ("SIZE_GUARD", "件数过多", "Likeness would join too many records")
    SEPARATED = ("SEPARATED", "人工拆分", "A person has parted them")
    WORKED = ("WORKED", "均有人工办理", "Persons work on both disputes")


class ChangeKind(Term):
    """What an entry of the public log is (变更种类)."""

    EVENT = ("EVENT", "办理环节", "Something happened, in a record or by an act in a dispute")
    LINK = ("LINK", "关联决定", "Evidence that two records belong together was found, decided or fell")
    RECORD = ("RECORD", "记录更正", "A record reads otherwise, though nothing that happened says so")


class TaskKind(Term):
    """What waits for somebody (待办种类)."""

    ACCEPT_REFERRAL = ("ACCEPT_REFERRAL", "待接收移送", "A hand-over to be accepted or declined")
    CONCLUDE_REFERRAL = ("CONCLUDE_REFERRAL", "待办结移送", "A hand-over to be concluded")
    WORK_DISPUTE = ("WORK_DISPUTE", "待化解纠纷", "A dispute that is in one's own hands")
    REFUSED_MESSAGE = (
        "REFUSED_MESSAGE",
        "被拒推送",
        "A message that the partner refused, not replaced since",
    )
    DEAD_MESSAGE = ("DEAD_MESSAGE", "失败推送", "A message that was given up")
    UNCERTAIN_MESSAGE = ("UNCERTAIN_MESSAGE", "存疑推送", "A message that was perhaps carried out")
    DECIDE_LINK = ("DECIDE_LINK", "待定关联", "Records that may be one matter")
    QUARANTINED_ITEM = ("QUARANTINED_ITEM", "隔离收件", "An item that could not be understood")
    UNKNOWN_CODE = ("UNKNOWN_CODE", "未知代码", "A code that no table explains")


class SearchMatch(Term):
    """In which way something was found (匹配方式)."""

    CODE = ("CODE", "纠纷编号", "By a dispute's code")
    NUMBER = ("NUMBER", "来源编号", "By an agency's key or number")
    NAME = ("NAME", "当事人姓名", "By a party's name")
    TITLE = ("TITLE", "标题文字", "By words of a title")


class RegionLevel(Term):
    """Tier of an administrative region (区划层级)."""

    COUNTY = ("COUNTY", "县", "County")
    TOWNSHIP = ("TOWNSHIP", "乡镇", "Township")
    VILLAGE = ("VILLAGE", "村", "Village")
    GRID = ("GRID", "网格", "Grid")


class QuarantineState(Term):
    """Where an item that was set apart stands (隔离状态)."""

    OPEN = ("OPEN", "待处理", "Open")
    RESOLVED = ("RESOLVED", "已理解", "Understood after all")
    DISCARDED = ("DISCARDED", "已弃置", "Set aside for good")


class DifferenceKind(Term):
    """How two lists differ on one key (对账差异)."""

    MISSING = ("MISSING", "本方缺失", "They hold it, we did not")
    STALE = ("STALE", "内容不同", "Ours was another content")
    GONE = ("GONE", "对方已无", "They hold it no more")


class DifferenceResolution(Term):
    """What became of a difference (差异处理)."""

    FETCHED = ("FETCHED", "已补取", "Fetched and put right")
    REMOVED = ("REMOVED", "已标记删除", "Marked as gone at the source")
    QUARANTINED = ("QUARANTINED", "在隔离中", "Stands in quarantine")
    HELD_BACK = ("HELD_BACK", "待人工确认", "Gone there, and too many at once to be marked without a person")
    OPEN = ("OPEN", "未解决", "Not repaired yet")


class MessageState(Term):
    """How far a message to a partner came (推送状态)."""

    QUEUED = ("QUEUED", "待发送", "Queued")
    DELIVERED = ("DELIVERED", "已送达", "Delivered, the answer is awaited")
    ACKED = ("ACKED", "对方已确认", "Acknowledged")
    REFUSED = ("REFUSED", "对方拒绝", "Refused by the partner")
    DEAD = ("DEAD", "发送失败", "Given up, a person must act")
    UNCERTAIN = ("UNCERTAIN", "结果不明", "Uncertain, a person must decide")
    DISCARDED = ("DISCARDED", "已弃置", "Discarded by a person")


class DriftKind(Term):
    """How a partner's field is not what it was (字段变化)."""

    NEW = ("NEW", "新增字段", "A field never seen before")
    GONE = ("GONE", "字段消失", "A field that no longer comes")
    TYPE_CHANGED = ("TYPE_CHANGED", "类型改变", "A field of another type than before")


class Solved(Term):
    """Whether a matter is settled, as its parties say at a follow-up (是否解决)."""

    YES = ("YES", "已解决", "Yes")
    NO = ("NO", "未解决", "No")
    NO_ANSWER = ("NO_ANSWER", "未表态", "No answer")


class Satisfaction(Term):
    """How content a party is at a follow-up (满意度)."""

    SATISFIED = ("SATISFIED", "满意", "Satisfied")
    BASICALLY = ("BASICALLY", "基本满意", "Basically satisfied")
    DISSATISFIED = ("DISSATISFIED", "不满意", "Dissatisfied")
    NO_ANSWER = ("NO_ANSWER", "未表态", "No answer")


class UserErrorCode(Term):
    """Why a mutation did nothing (拒绝原因)."""

    VERSION_CONFLICT = ("VERSION_CONFLICT", "已被他人修改", "Somebody else changed it first")
    NOT_ALLOWED_NOW = ("NOT_ALLOWED_NOW", "当前状态不允许", "Not possible as things stand")
    MISSING_FIELD = ("MISSING_FIELD", "缺少必填项", "Something needed was not given")
    INVALID_VALUE = ("INVALID_VALUE", "取值无效", "A value is impossible")
    NOT_FOUND = ("NOT_FOUND", "不存在", "Nothing is known under that name")
    DEADLINE_PASSED = ("DEADLINE_PASSED", "已过期限", "The deadline is over")
    IDEMPOTENCY_MISMATCH = ("IDEMPOTENCY_MISMATCH", "重复请求内容不一致", "The same key came with another content")
    RATE_LIMITED = ("RATE_LIMITED", "请求过于频繁", "Too many requests")


class AccessKind(Term):
    """How somebody looked at citizens' matters (查阅方式)."""

    READ = ("READ", "查看", "Read")
    REVEAL = ("REVEAL", "查看完整信息", "Saw a party's full particulars")
    FIND = ("FIND", "查找当事人", "Looked for a person")
    FILE = ("FILE", "下载附件", "Took a file")
    EXPORT = ("EXPORT", "导出清单", "Took a list away")


class AccessPurpose(Term):
    """Why somebody looks at a person's particulars (查阅事由)."""

    INTAKE = ("INTAKE", "窗口受理", "The person is at the window")
    CONTACT = ("CONTACT", "联系当事人", "To reach the party")
    IDENTITY = ("IDENTITY", "核验身份", "To make sure who it is")
    MEDIATION = ("MEDIATION", "调解办理", "To work on the dispute")
    SERVICE = ("SERVICE", "送达文书", "To serve a document")
    SUPERVISION = ("SUPERVISION", "督办核查", "To check how a dispute is handled")
    CORRECTION = ("CORRECTION", "核对更正", "To put a record right")


class PartyDetail(Term):
    """A particular of a party that is shown only when somebody says why (当事人完整信息)."""

    ID_NUMBER = ("ID_NUMBER", "证件号码", "Identity number")
    PHONE = ("PHONE", "电话", "Phone number")
    NAME = ("NAME", "姓名", "Name")


class AttachmentKind(Term):
    """What a file is to the matter (附件类型)."""

    AGREEMENT = ("AGREEMENT", "协议书", "Agreement")
    EVIDENCE = ("EVIDENCE", "证据", "Evidence")
    PHOTO = ("PHOTO", "照片", "Photo")
    LETTER = ("LETTER", "信件", "Letter")
    OTHER = ("OTHER", "其他", "Other")


class AttachmentState(Term):
    """How far a file that a record names has come (附件状态)."""

    PENDING = ("PENDING", "待取回", "Waits to be fetched")
    STORED = ("STORED", "已保存", "Stored")
    REFUSED = ("REFUSED", "拒收", "Refused")
    FAILED = ("FAILED", "取回失败", "Could not be fetched")


class AttachmentReason(Term):
    """Why a file is not stored, or not yet (附件原因)."""

    HOST_NOT_ALLOWED = ("HOST_NOT_ALLOWED", "地址不在许可范围", "The address is on a host that is not allowed")
    BAD_ADDRESS = ("BAD_ADDRESS", "地址无效", "The address is none that may be asked")
    TYPE_NOT_ALLOWED = ("TYPE_NOT_ALLOWED", "文件类型不许可", "The type of the content is not allowed")
    TOO_LARGE = ("TOO_LARGE", "文件过大", "Larger than allowed")
    EMPTY = ("EMPTY", "空文件", "Empty")
    BAD_BASE64 = ("BAD_BASE64", "编码有误", "Its Base64 cannot be read")
    NOT_FOUND = ("NOT_FOUND", "来源无此文件", "Not at the address, not even at a fresh one")
    NO_ADDRESS = ("NO_ADDRESS", "来源未给地址", "The record as it can be read gives no address for it")
    TIMED_OUT = ("TIMED_OUT", "超时", "Not whole in time")
    UNREACHABLE = ("UNREACHABLE", "无法连接", "The host cannot be reached")
    CUT_OFF = ("CUT_OFF", "传输中断", "The answer broke off")
    SERVER_ERROR = ("SERVER_ERROR", "来源服务器出错", "The host failed or answered what is no file")


#: the enumerations that GraphQL's ``vocabularies`` lists, by their public name
ENUMERATIONS: Mapping[str, type[Term]] = MappingProxyType(
    {
        term.__name__: term
        for term in (
            AgencyKind, Channel, ReferralMode, ReferralDirection, ReferralState, DisputeState, CaseRecordState,
            Outcome, TerminationReason, HandlingEventKind, PartyRole, PartyType, Sex, Classification, Procedure,
            LinkKind, LinkState, HeldReason, RegionLevel, QuarantineState, DifferenceKind, DifferenceResolution,
            DriftKind, UserErrorCode, AttachmentKind, AttachmentState, AttachmentReason, CommandKind, DeclineReason,
            Performance, TransferGround, MessageState, Solved, Satisfaction, ChangeKind, TaskKind, SearchMatch,
            AccessKind, AccessPurpose, PartyDetail,
        )
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Category:
    """A class of dispute in ``zz-dispute-17`` (17 top classes, 95 codes)."""

    code: str
    parent: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Region:
    """An administrative region: 6-digit county, 9-digit township, 12-digit village."""

    code: str
    name: str
    level: RegionLevel
    parent_code: str


@dataclass(frozen=True, slots=True)
class NativeCode:
    """One code of a partner's table and the classes of ours it stands for (none: it is no dispute)."""

    system: str
    table: str
    code: str
    zh: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignClass:
    """A class of another list in use, and the category of ours it maps to (its own code or a top class)."""

    code: str
    zh: str
    category: str


@dataclass(frozen=True)
class CountyTables:
    """A county's data: its regions, its partners' native codes, and the nation-wide category tables."""

    county: str
    regions: Mapping[str, Region]
    native_codes: tuple[NativeCode, ...]
    categories: Mapping[str, Category]
    #: the older list of 24 classes
    classes_24: tuple[ForeignClass, ...]
    #: the 19 types of people's mediation; they have no numbers in common, so the name is the code
    mediation_types: tuple[ForeignClass, ...]

    @cached_property
    def _by_native(self) -> Mapping[tuple[str, str, str], NativeCode]:
        return {(entry.system, entry.table, entry.code): entry for entry in self.native_codes}

    def native(self, system: str, table: str, code: str) -> NativeCode | None:
        """The table row of a partner's code, or None: then it is UNKNOWN and goes to the mapping worklist."""
        return self._by_native.get((system, table, code))

    @property
    def name(self) -> str:
        """The county's own name, e.g. 山丹县."""
        return self.regions[self.county].name

    def villages(self) -> Iterator[Region]:
        """Every 12-digit region, in code order."""
        return (region for region in self.regions.values() if region.level is RegionLevel.VILLAGE)


def common_class(classes: tuple[str, ...]) -> str:
    """The one category that a native code of several classes maps to: their common parent, else UNKNOWN."""
    if len(classes) == 1:
        return classes[0] if classes[0] != UNKNOWN else UNKNOWN
    parents = {code[:2] for code in classes}
    return parents.pop() if len(parents) == 1 else UNKNOWN


def top_classes(classes: Iterable[str]) -> str:
    """The top classes of these categories as text, e.g. ``06 08``; '' where none is known."""
    return " ".join(sorted({code[:2] for code in classes if code and code != UNKNOWN}))


def parent_region(code: str) -> str:
    """The code one tier up: 12 → 9 → 6 digits; '' above the county."""
    return {12: code[:9], 9: code[:6]}.get(len(code), code[:12] if len(code) > 12 else "")


def _rows(source: Traversable | Path) -> list[dict[str, str]]:
    try:
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise ConfigurationError(
            f"code table {source.name} is missing", hint="A county's folder holds regions.csv and codes.csv."
        ) from exc
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=8)
def county_tables(county: str = "620725", folder: Path | None = None) -> CountyTables:
    """Load a county's tables from ``folder``, else from those shipped. Raises ConfigurationError."""
    data = resources.files("hub") / "data"
    own: Traversable | Path = folder if folder is not None else data / "counties" / county
    regions = {
        row["code"]: Region(row["code"], row["name"], RegionLevel(row["level"].upper()), parent_region(row["code"]))
        for row in _rows(own / "regions.csv")
    }
    if county not in regions:
        raise ConfigurationError(f"regions.csv does not name the county {county}", hint="Check [hub] county.")
    native_codes = tuple(
        NativeCode(r["system"], r["table"], r["native_code"], r["zh"], tuple(r["zz_dispute_17"].split()))
        for r in _rows(own / "codes.csv")
    )
    categories = {
        row["code"]: Category(row["code"], row["parent"], row["zh"], row["en_proposed"])
        for row in _rows(data / "dispute_category_17.csv")
    }
    classes_24 = tuple(
        ForeignClass(row["code"], row["zh"], row["map_to_17"]) for row in _rows(data / "dispute_category_24.csv")
    )
    mediation_types = tuple(
        ForeignClass(row["zh"], row["zh"], row["map_to_17"]) for row in _rows(data / "people_mediation_types.csv")
    )
    return CountyTables(
        county, MappingProxyType(regions), native_codes, MappingProxyType(categories), classes_24, mediation_types
    )
