"""What people say about their quarrels: a title, a claim and an account for every class of dispute.

Every agency hears the same story in slightly other words. Words may quote another agency's number, or hold a phone
number, as real ones do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random


@dataclass(frozen=True, slots=True)
class Pattern:
    """One class of quarrels: ``{a}`` applicant, ``{b}`` respondent, ``{p}`` place, ``{m}`` money, ``{t}`` time."""

    claim: str
    accounts: Sequence[str]
    #: yuan, from and to; None where no money is claimed
    money: tuple[int, int] | None = None
    #: the end of the respondent's name where a firm is sued
    trade: str = ""
    costs: str = "本案诉讼费用由被告承担。"


@dataclass(frozen=True, slots=True)
class Story:
    """One quarrel as told by its applicant."""

    claim: str
    account: str
    amount: Decimal | None


_PATTERNS: Mapping[str, Pattern] = {
    "0101": Pattern(
        "请求判令原、被告离婚，依法分割夫妻共同财产。",
        (
            "{a}与{b}{t}经人介绍登记结婚，婚后因家务和经济问题经常争吵，现已分居，感情确已破裂。",
            "{a}与{b}系夫妻，{b}长期在外务工，对家庭不管不顾，{t}双方再次发生激烈争执，{a}坚决要求离婚。",
        ),
    ),
    "0102": Pattern(
        "请求判令被告每月支付赡养费，并分担医疗费用。",
        (
            "{a}年事已高，居住在{p}，{b}自{t}起拒绝履行赡养义务，家人多次劝说无果。",
            "{a}因病住院，{b}以分家不公为由不愿承担赡养和医疗费用，{t}双方在{p}发生争吵。",
        ),
        (2000, 30000),
    ),
    "0201": Pattern(
        "请求判令被告排除妨碍，恢复通行和排水。",
        (
            "{a}与{b}系{p}前后邻居，{t}{b}在共用巷道堆放杂物、砌墙，致{a}无法通行。",
            "{a}与{b}承包地相邻，{t}浇水期间{b}堵塞水渠，致{a}农田无法灌溉，双方在{p}争执不下。",
            "{b}翻修房屋时将滴水改向{a}院内，{t}雨后{a}墙体受损，双方多次协商未果。",
        ),
    ),
    "0804": Pattern(
        "请求判令被告偿还借款本金{m}元及利息。",
        (
            "{b}以资金周转为由于{t}向{a}借款{m}元，约定半年归还，出具借条一张，到期后多次催要未还。",
            "{a}与{b}系{p}同村村民，{t}{b}因购买农机向{a}借款{m}元，现{b}以种种理由推拖不还。",
        ),
        (3000, 180000),
    ),
    "0603": Pattern(
        "请求判令被告支付货款{m}元。",
        (
            "{t}{b}从{a}处购买饲料和化肥，货款共计{m}元，{b}收货后一直未付。",
            "{a}向{b}供应建材，双方{t}结算确认欠款{m}元，{b}承诺月底付清，至今未付。",
        ),
        (2000, 150000),
    ),
    "0703": Pattern(
        "请求判令被告支付拖欠的劳动报酬{m}元。",
        (
            "{a}自{t}起在{b}承包的{p}工地务工，完工后{b}拖欠工资{m}元，多次讨要未果。",
            "{a}受雇于{b}从事种植采收，双方{t}结算工资{m}元，{b}以未收到工程款为由拒付。",
        ),
        (1500, 60000),
        trade="劳务服务有限公司",
    ),
    "0601": Pattern(
        "请求判令被告退还服务费{m}元并赔偿损失。",
        (
            "{a}于{t}在{b}处交纳培训服务费{m}元，{b}停业后拒不退费。",
            "{a}{t}在{b}处办理预付卡，消费期间门店关闭，余额{m}元未退。",
        ),
        (300, 20000),
        trade="商贸有限公司",
    ),
    "0402": Pattern(
        "请求判令被告支付物业服务费{m}元及违约金。",
        (
            "{a}系{p}某小区业主，因房屋漏水、电梯停运与{b}发生争议，{t}起双方就物业费{m}元协商不成。",
            "{b}自{t}起以服务不到位为由拒交物业服务费{m}元，经{a}多次催交无果。",
        ),
        (500, 12000),
        trade="物业服务有限公司",
    ),
    "0901": Pattern(
        "请求判令被告返还承包地，停止侵害。",
        (
            "{a}在{p}承包的耕地{t}被{b}越界耕种，经村委会丈量后{b}仍不退还。",
            "{a}外出务工期间将承包地交由{b}代耕，{t}要求收回时{b}以投入较大为由拒绝。",
        ),
    ),
    "0902": Pattern(
        "请求确认宅基地四至界线，判令被告停止侵占。",
        (
            "{a}与{b}在{p}的宅基地相邻，{t}{b}新建院墙越界，双方对界址各执一词。",
            "{b}{t}在{a}宅基地旁修建牲畜棚，占用{a}滴水地，村上多次调解未成。",
        ),
    ),
}
_OTHER = Pattern("请求判令被告停止侵害、赔偿损失。", ("{a}与{b}{t}在{p}因琐事发生争执，协商未果。",))
ADMINISTRATIVE = Pattern(
    "请求撤销被告作出的行政处罚决定。",
    ("{a}不服{b}{t}作出的行政处罚决定，认为认定事实不清、处罚过重，遂提起诉讼。",),
    costs="",
)
ENFORCEMENT_REVIEW = Pattern("申请强制执行处罚决定。", ("{b}未履行{a}{t}作出的处罚决定，催告后仍未履行。",), costs="")
PRESERVATION = Pattern(
    "申请查封、冻结被申请人价值{m}元的财产。", ("{a}因与{b}的经济往来，恐{b}转移财产，申请诉前保全。",), (20000, 300000)
)
_CALLS = ("群众求助开锁", "道路交通事故，双方车辆轻微受损", "咨询户籍办理事宜", "电瓶车丢失", "醉酒人员滋事")
_ORDERS = ("咨询医保报销比例", "咨询公积金提取条件", "建议增设公交站点", "反映路灯不亮", "建议清理河道")
_LETTERS = ("建议改善农村道路", "建议增加灌溉用水配额", "反映某单位工作人员作风问题", "检举违规占用集体资产")
_UNDISPUTED = ("双方对事实经过无异议", "双方对欠款数额无异议", "双方对相邻关系及现状无异议", "双方确认合同真实有效")


def pattern_of(zz_class: str) -> Pattern:
    """The pattern of a class of zz-dispute-17; a general one where the class has none of its own."""
    return _PATTERNS.get(zz_class, _OTHER)


def tell(pattern: Pattern, rng: Random, applicant: str, respondent: str, place: str, when: str) -> Story:
    """A story of this pattern, with its amount of money."""
    amount = Decimal(rng.randrange(*pattern.money) // 10 * 10).quantize(Decimal("0.01")) if pattern.money else None
    words = {"a": applicant, "b": respondent, "p": place, "t": when, "m": str(amount or "")}
    return Story(pattern.claim.format(**words) + pattern.costs, rng.choice(pattern.accounts).format(**words), amount)


def idle_call(rng: Random) -> str:
    """A police call that is no dispute."""
    return rng.choice(_CALLS)


def idle_order(rng: Random) -> str:
    """A hotline order that is no dispute."""
    return rng.choice(_ORDERS)


def idle_letter(rng: Random) -> str:
    """A petition that is no dispute between citizens."""
    return rng.choice(_LETTERS)


def undisputed(rng: Random) -> str:
    """The facts nobody contests when mediation fails (无争议事实)."""
    return rng.choice(_UNDISPUTED)
