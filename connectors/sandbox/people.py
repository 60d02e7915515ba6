"""Residents of a simulated county: Chinese names, identifiers that check, phones, addresses in real villages.

Everybody is invented. An agency writes a person down as told: sometimes without identifier, masked or mistyped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from hub.vocabulary import CountyTables, Region

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"  # noqa: E501
_MALE = "伟强军勇涛斌刚建国平辉杰明志海峰鹏飞龙波宁文武德成福生贵山河林玉虎兵超磊俊浩宇晨旭东升永红新年有才学义忠孝"
_FEMALE = "芳娜敏静丽艳娟霞秀英玲梅兰桂花红萍燕婷雪琴云莲莉珍凤洁琳玉香月菊彩春秋慧巧美翠淑贞雅倩蓉"
#: characters outside GBK, which real names do contain
_RARE = "䶮㛃𠅤"
_PHONE_HEADS = ("139", "138", "137", "136", "150", "151", "152", "158", "159", "180", "189", "133", "153", "177", "199")
#: where a resident's identifier may have been issued; 622226 is Shandan's code before 2002
_ISSUED = ("620725",) * 12 + ("622226",) * 4 + ("620702", "620722", "620723", "610104", "410105", "510107", "320106")
#: some parties live in a neighbouring county of the same city
_ELSEWHERE = (("620702000000", "张掖市甘州区"), ("620722000000", "张掖市民乐县"), ("620723000000", "张掖市临泽县"))
_FIRMS = ("鑫源", "恒达", "金穗", "祁连", "焉支山", "兴旺", "惠民", "润泽", "宏盛", "陇原", "天马", "丰茂", "安居")
_TRADES = ("建筑工程有限公司", "商贸有限公司", "劳务服务有限公司", "农牧专业合作社", "装饰工程有限公司", "物流有限公司")


@dataclass(frozen=True, slots=True)
class Person:
    """A party as it really is, or as one agency wrote it down."""

    name: str
    #: 18 characters of GB 11643, or a firm's GB 32100 code; '' unknown; may be masked or wrong where written down
    id_no: str
    phone: str
    region_code: str
    address: str
    is_male: bool = True
    is_firm: bool = False


def id_check_digit(first_17: str) -> str:
    """ISO 7064 MOD 11-2, as GB 11643 prescribes."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def is_valid_id(id_no: str) -> bool:
    """Length, date and checksum agree with GB 11643; the area is not judged."""
    if len(id_no) != 18 or not id_no[:17].isdigit() or id_check_digit(id_no[:17]) != id_no[17]:
        return False
    try:
        date(int(id_no[6:10]), int(id_no[10:12]), int(id_no[12:14]))
    except ValueError:
        return False
    return True


def firm_code(first_17: str) -> str:
    """A unified social credit code with its check character (GB 32100)."""
    total = sum(_USCC.index(char) * pow(3, index, 31) for index, char in enumerate(first_17))
    return first_17 + _USCC[(31 - total % 31) % 31]


def village_name(region: Region) -> str:
    """A village as people write it: 十里堡村村民委员会 is 十里堡村."""
    return region.name.removesuffix("村民委员会").removesuffix("居民委员会").removesuffix("居委会")


def resident(rng: Random, tables: CountyTables, village: Region) -> Person:
    """A grown-up of the village."""
    is_male = rng.random() < 0.55
    name = _name(rng, is_male)
    born = date(1944, 1, 1) + timedelta(days=rng.randrange(60 * 365))
    serial = rng.randrange(1, 499) * 2 + (1 if is_male else 0)
    first_17 = f"{rng.choice(_ISSUED)}{born:%Y%m%d}{serial:03d}"
    phone = rng.choice(_PHONE_HEADS) + f"{rng.randrange(10**8):08d}"
    if rng.random() < 0.03:
        code, place = rng.choice(_ELSEWHERE)
    else:
        code, place = village.code, address(tables, village, rng)
    return Person(name, first_17 + id_check_digit(first_17), phone, code, place, is_male)


def firm(rng: Random, tables: CountyTables, village: Region, trade: str = "") -> Person:
    """A firm seated in the county; ``trade`` ends its name where the quarrel asks for a kind of firm."""
    name = f"{tables.name.removesuffix('县')}{rng.choice(_FIRMS)}{trade or rng.choice(_TRADES)}"
    body = "".join(rng.choice(_USCC) for _ in range(9))
    phone = f"0936-27{rng.randrange(10**5):05d}"
    code = firm_code(f"91{tables.county}{body}")
    return Person(name, code, phone, village.code, address(tables, village, rng), is_firm=True)


def address(tables: CountyTables, village: Region, rng: Random) -> str:
    """County, township, village, group and house."""
    township = tables.regions[village.parent_code].name
    group = "一二三四五六七八"[rng.randrange(8)]
    return f"{tables.name}{township}{village_name(village)}{group}社{rng.randrange(1, 180)}号"


def written_down(person: Person, rng: Random) -> Person:
    """The person as one agency recorded it: some identifiers are missing, masked or mistyped."""
    if person.is_firm:
        return person
    id_no, phone = person.id_no, person.phone
    luck = rng.random()
    if luck < 0.08:
        id_no = ""
    elif luck < 0.12:
        id_no = f"{id_no[:6]}********{id_no[14:]}"
    elif luck < 0.14:
        id_no = _mistyped(id_no, rng)
    if rng.random() < 0.06:
        phone = ""
    return replace(person, id_no=id_no, phone=phone)


def _mistyped(id_no: str, rng: Random) -> str:
    # one wrong digit of the serial: the date stays possible, the checksum always fails
    at = rng.randrange(14, 17)
    wrong = str((int(id_no[at]) + rng.randrange(1, 10)) % 10)
    return id_no[:at] + wrong + id_no[at + 1 :]


def _name(rng: Random, is_male: bool) -> str:
    # the first surnames of the list are the common ones
    surname = _SURNAMES[min(rng.randrange(len(_SURNAMES)), rng.randrange(len(_SURNAMES)))]
    given: Sequence[str] = _MALE if is_male else _FEMALE
    first = rng.choice(given)
    second = "" if rng.random() < 0.25 else rng.choice(_RARE) if rng.random() < 0.008 else rng.choice(given)
    return surname + first + second
