"""Bodies that nobody sends in good faith: made by hand, one thing wrong with each, and drawn by lot from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from graphql import get_introspection_query

#: valid queries that the drawn ones are made of
VALID = (
    "query A($first: Int, $filter: DisputeFilter) { disputes(first: $first, filter: $filter, orderBy: "
    "{ field: STATE_SINCE, direction: DESC }) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id "
    "code title state category { code label } region { name parent { name } } parties { role name idMask } } } } }",
    "query B($code: String) { dispute(code: $code) { ...D history(first: 20) { edges { node { kind text actor { name } "
    "record { nativeNo } } } } } } fragment D on Dispute { id code records { nativeNo link { evidence } } }",
    '{ figures(from: "2024-01-01", to: "2025-01-01", ids: ["K1"]) { id value units(first: 3) { totalCount } } }',
    "{ connectors { instance } agencies { code name } regions(level: TOWNSHIP) { code name } }",
    "{ caseRecords(first: 5, filter: { instances: [\"court\"] }) { edges { node { id nativeId parties { name } } } } }",
    "mutation M($id: ID!) { acceptDispute(input: { id: $id, expectedVersion: 1 }) { userErrors { code message } } }",
)  # fmt: skip
VARIABLES: dict[str, Any] = {"first": 3, "filter": {"states": ["ASSIGNED"]}, "code": "JF1", "id": "dsp_1"}


def _query(text: str, **variables: Any) -> bytes:
    return json.dumps({"query": text, "variables": variables or None}).encode()


def _raw() -> dict[str, bytes]:
    """No GraphQL request at all."""
    one = b'{"query":"{__typename}"'
    return {
        "nothing": b"", "a blank": b" ", "null": b"null", "a list": b"[]", "a list of one": b"[{}]", "a number": b"1",
        "text": b'"x"', "true": b"true", "open": b"{", "an empty object": b"{}", "NUL": b"\0", "NULs": b"\0" * 1000,
        "UTF-16": '{"query":"{a}"}'.encode("utf-16"), "UTF-32": '{"query":"{a}"}'.encode("utf-32"),
        "a mark": b"\xef\xbb\xbf" + one + b"}", "Latin-1": one + b',"a":"\xe9"}', "GB 18030": "争".encode("gb18030"),
        "overlong": b'{"query":"\xc0\xaf"}', "a surrogate": b'{"query":"\xed\xa0\x80"}', "bits": bytes(range(256)) * 8,
        "half a pair": b'{"query":"\\ud800"}', "the other half": b'{"query":"\\udfff{a}"}',
        "deep lists": b"[" * 100_000, "deep objects": b'{"a":' * 50_000, "closed deep": b"[" * 900 + b"]" * 900,
        "no end": one, "two": one + b"}" + one + b"}", "a comma": one + b",}", "a comment": one + b"}//",
        "single quotes": b"{'query':'{a}'}", "no quotes": b"{query:1}", "NaN": one + b',"variables":{"a":NaN}}',
        "infinity": one + b',"variables":{"a":Infinity}}', "1e999": one + b',"variables":{"a":1e999}}',
        "digits": one + b',"variables":{"a":' + b"9" * 5000 + b"}}", "minus zero": one + b',"variables":{"a":-0}}',
        "leading zero": one + b',"variables":{"a":01}}', "hexadecimal": one + b',"variables":{"a":0x1}}',
        "a key twice": one + b',"query":"{b}"}', "prototype": one + b',"__proto__":{"a":1}}',
        "many keys": b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}",
        "one long key": b'{"' + b"k" * 250_000 + b'":1}', "a large number list": b"[" + b"1," * 120_000 + b"1]",
        "largest": b'{"query":"' + b"x" * 262_000 + b'"}', "too large": b"x" * 300_000, "much too large": b" " * 5_000_000,
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a form": b"query=%7B__typename%7D",
        "multipart": b'--a\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"{__typename}"}\r\n--a--',
        "another request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "shell": b"$(reboot)", "pickle": b"\x80\x04N.",
    }  # fmt: skip


def _shapes() -> dict[str, bytes]:
    """JSON, and not what a request looks like."""
    wrong: dict[str, Any] = {
        "query null": {"query": None}, "query number": {"query": 1}, "query list": {"query": ["{a}"]},
        "query object": {"query": {}}, "query false": {"query": False}, "query empty": {"query": ""},
        "query blank": {"query": " \n\t"}, "query BOM": {"query": "\ufeff"}, "query only commas": {"query": ",,,"},
        "variables list": {"query": "{a}", "variables": []}, "variables text": {"query": "{a}", "variables": "{}"},
        "variables number": {"query": "{a}", "variables": 1}, "name number": {"query": "{a}", "operationName": 1},
        "name list": {"query": "{a}", "operationName": []}, "name unknown": {"query": "{a}", "operationName": "X"},
        "name long": {"query": "query A{__typename}", "operationName": "A" * 200_000},
        "name NUL": {"query": "query A{__typename}", "operationName": "A\0"},
        "extensions list": {"query": "{a}", "extensions": []}, "extensions text": {"query": "{a}", "extensions": "x"},
        "hash list": {"extensions": {"persistedQuery": []}}, "hash none": {"extensions": {"persistedQuery": {}}},
        "hash number": {"extensions": {"persistedQuery": {"sha256Hash": 1}}},
        "hash unknown": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
        "hash of another": {"query": "{a}", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
        "id number": {"documentId": 1}, "id long": {"documentId": "a" * 100_000}, "id path": {"documentId": "../../etc"},
        "id empty": {"documentId": ""}, "batch": [{"query": "{__typename}"}] * 50, "batch deep": [[[{"query": "{a}"}]]],
        "operations": {"operations": {"query": "{a}"}, "map": {}}, "id alone": {"id": 1, "type": "subscribe"},
    }  # fmt: skip
    return {name: json.dumps(body).encode() for name, body in wrong.items()}


def _texts() -> dict[str, bytes]:
    """Documents that are none, or no one's."""
    wrong = {
        "braces": "{" * 60_000, "closing": "}" * 60_000, "open field": "{a" * 20_000, "spreads": "{..." * 10_000,
        "strings": '"' * 100_000, "block strings": '"""' * 50_000, "an open block": '{a(b:"""' + "x" * 200_000,
        "dollars": "$" * 10_000, "ats": "@" * 10_000, "colons": "{a:" * 10_000, "numbers": "{a(b:" + "1" * 100_000 + ")}",
        "floats": "{a(b:1e" + "9" * 50_000 + ")}", "comments": "#\n" * 100_000 + "{__typename}", "a comment": "#" * 250_000,
        "commas": "{__typename" + "," * 250_000 + "}", "line breaks": "\n" * 250_000 + "{__typename}",
        "spaces": "{" + " " * 250_000 + "}", "tokens": "{" + " a" * 100_000 + "}", "NUL": "{a\0}", "BOM inside": "{a\ufeffb}",
        "escaped NUL": '{dispute(code:"\\u0000"){id}}', "braced NUL": '{dispute(code:"\\u{0}"){id}}',
        "escaped half": '{dispute(code:"\\ud800"){id}}', "beyond Unicode": '{dispute(code:"\\u{110000}"){id}}',
        "look-alike": "{__typеname}", "full width": "｛__typename｝", "right to left": "{\u202e__typename}",
        "emoji": "{🏃}", "type system": "type A { a: Int }", "extend": "extend type Query { a: Int } { __typename }",
        "schema": "schema { query: Query }", "directive definition": "directive @a on FIELD", "no operation": "fragment A on Query { __typename }",
        "two without name": "{ __typename } { __typename }", "same name": "query A { __typename } query A { __typename }",
        "unknown operation": "destroy { __typename }", "empty selection": "{ }", "empty inner": "{ dispute { } }",
        "no selection": "{ dispute }", "selection of text": "{ __typename { a } }", "a subscription": "subscription { changes { sequence } }",
        "two subscriptions": "subscription { a: changes { sequence } b: changes { sequence } }",
        "variable fragments": "{ ...A(a: 1) } fragment A($a: Int) on Query { __typename }", "defer": "{ ... @defer { __typename } }",
        "stream": "{ regions @stream(initialCount: 0) { name } }", "oneOf": "{ __typename @oneOf }", "null bubbles": "query @experimental_disableErrorPropagation { dispute { id } }",
    }  # fmt: skip
    return {name: _query(text) for name, text in wrong.items()}


def _sizes() -> dict[str, bytes]:
    """Documents that are too much of something."""

    def fragments(times: int, levels: int) -> str:
        spreads = " ".join(f"fragment F{n} on Dispute {{ {f'...F{n + 1} ' * times} }}" for n in range(levels))
        return f"{{ dispute {{ ...F0 }} }} {spreads} fragment F{levels} on Dispute {{ id }}"

    def deep(levels: int) -> str:
        return "{ dispute { " + "mergedInto { " * levels + "id" + " }" * levels + " } }"

    nested = "{ a: dispute { b: " * 3
    wrong = {
        "100 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }",
        "600 aliases": "{ dispute { " + " ".join(f"a{n}: id" for n in range(600)) + " } }",
        "expensive aliases": "{ " + " ".join(f'a{n}: disputes(filter: {{ text: "x" }}) {{ totalCount }}' for n in range(90)) + " }",
        "one field often": "{ " + "__typename " * 1900 + "}", "one object often": "{ disputes { " + "edges { node { id } } " * 240 + "} }",
        "one call often": "{ " + "disputes(first: 1) { totalCount } " * 180 + "}",
        "60 fragments": "{ " + " ".join(f"...F{n}" for n in range(60)) + " } " + " ".join(f"fragment F{n} on Query {{ regions {{ code name level }} }}" for n in range(60)),
        "a chain of 99": "{ ...F0 } " + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} agencies {{ code }} }}" for n in range(98)) + " fragment F98 on Query { __typename }",
        "a circle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "itself": "{ ...A } fragment A on Query { ...A }",
        "a circle of fields": "{ dispute { ...A } } fragment A on Dispute { mergedInto { ...A } }",
        "bomb 2": fragments(2, 60), "bomb 5": fragments(5, 40), "bomb 10": fragments(10, 30), "bomb 30": fragments(30, 20), "wide": fragments(600, 1),
        "25 levels": deep(25), "60 levels": deep(60), "199 levels": deep(199), "600 levels": deep(600),
        "inline": "{ " + "... { " * 90 + "__typename" + " }" * 90 + " }", "many inline": "{ " + "... { __typename } " * 300 + "}",
        "typed inline": "{ node(id: 1) { " + " ".join(f"... on T{n} {{ id }}" for n in range(300)) + " } }",
        "directives": "{ __typename " + "@skip(if: false) " * 260 + "}", "unknown directives": "{ __typename " + "@aa" * 600 + " }",
        "spread directives": "{ " + "... @include(if: true) { __typename } " * 150 + "}", "variables": "query(" + " ".join(f"$v{n}: Int" for n in range(390)) + ") { __typename }",
        "variables used": "query(" + " ".join(f"$v{n}: Int" for n in range(90)) + ") { " + " ".join(f"a{n}: disputes(first: $v{n}) {{ totalCount }}" for n in range(90)) + " }",
        "defaults": "query(" + " ".join(f"$v{n}: [Int] = [{'1 ' * 10}]" for n in range(90)) + ") { __typename }",
        "operations": " ".join(f"query Q{n} {{ ...F }}" for n in range(200)) + " fragment F on Query { " + "__typename " * 500 + "}",
        "arguments": "{ disputes(" + " ".join(f"first: {n}" for n in range(600)) + ") { totalCount } }",
        "unknown arguments": "{ disputes(" + " ".join(f"firs{n}: {n}" for n in range(600)) + ") { totalCount } }",
        "a list": "{ disputes(filter: { states: [" + "ASSIGNED " * 1900 + "] }) { totalCount } }", "a wrong list": "{ disputes(filter: { states: [" + "ASSIGNE " * 1900 + "] }) { totalCount } }",
        "a list in lists": "{ disputes(filter: { states: " + "[" * 190 + "]" * 190 + " }) { totalCount } }",
        "an object in objects": "{ disputes(filter: " + "{ registered: " * 190 + "1" + " }" * 190 + ") { totalCount } }",
        "wrong fields": "{ disputes(filter: { " + " ".join(f"state{n}: 1" for n in range(600)) + " }) { totalCount } }",
        "unknown fields": "{ " + " ".join(f"disputs{n}" for n in range(990)) + " }", "long names": "{ " + " ".join("a" * 2000 for _ in range(100)) + " }",
        "one long name": "{ " + "a" * 250_000 + " }", "a long type": "{ ... on " + "A" * 250_000 + " { a } }", "nested aliases": nested + "id" + "} }" * 3,
        "conflicts": "{ " + " ".join(f"a: dispute(code: \"{n}\") {{ id }}" for n in range(200)) + " }",
        "deep conflicts": "{ " + " ".join(f"dispute {{ region {{ parent {{ a: {'name' if n % 2 else 'code'} }} }} }}" for n in range(120)) + " }",
        "introspection": get_introspection_query(), "introspection twice": get_introspection_query().replace("query IntrospectionQuery {", "query I { a: __schema { types { fields { name } } }"),
        "circular introspection": "{ __schema { types { " + "fields { type { " * 6 + "name" + " } }" * 6 + " } } }",
        "types by name": "{ " + " ".join(f'a{n}: __type(name: "Dispute") {{ fields {{ name args {{ name }} }} }}' for n in range(90)) + " }",
        "all pages": "{ disputes(first: 100) { edges { node { history(first: 100) { edges { node { record { history(first: 100) { edges { node { id } } } } } } } } } } }",
        "50 lists": "{ " + " ".join(f"a{n}: disputes(first: 100) {{ edges {{ node {{ id }} }} }}" for n in range(50)) + " }",
        "50 totals": "{ " + " ".join(f"a{n}: caseRecords {{ totalCount pageInfo {{ hasNextPage }} }}" for n in range(50)) + " }",
        "figures": "{ " + " ".join(f'a{n}: figures(from: "2024-01-01", to: "2025-01-01") {{ id }}' for n in range(9)) + " }",
        "figures for ever": '{ figures(from: "0001-01-01", to: "9999-12-31") { id value } }',
        "mutations": "mutation { " + " ".join(f'a{n}: retryQuarantined(input: {{ instance: "x" }}) {{ queued }}' for n in range(60)) + " }",
        "ids": "{ nodes(ids: [" + " ".join(f'"dsp_{n}"' for n in range(1800)) + "]) { id } }",
    }  # fmt: skip
    return {name: _query(text) for name, text in wrong.items()}


#: words that mean something to some program
_WORDS = (
    "' OR 1=1 --", '"; DROP TABLE disputes; --', "%", "_", "%%%%%%%%%%%%", "\\", "\\\\%_", "*", "(" * 500, "(a+)+$" * 20,
    "a" * 200_000, "%" * 5_000, "张" * 50_000, "\u202e张三", "\ufeff", "\u200b" * 1000, "e\u0301" * 2000, "🏃" * 5000, "\t\r\n",
    "{{7*7}}", "${jndi:ldap://x}", "<script>", "../../../etc/passwd", "-1", "NaN", "0x10", "1e400", "true", "null", "[]",
)  # fmt: skip


def _values() -> dict[str, bytes]:
    """Well-formed requests whose values are not what they should be."""
    wrong: dict[str, bytes] = {}
    for place, word in enumerate(_WORDS):
        search = "query($t: String) { disputes(filter: { text: $t }) { totalCount } }"
        wrong[f"search {place}"] = _query(search, t=word)
        if len(word) < 10_000:
            wrong[f"code {place}"] = _query("query($c: String) { dispute(code: $c) { id } }", c=word)
            wrong[f"cursor {place}"] = _query("query($a: String) { disputes(after: $a) { totalCount } }", a=word)
    numbers: tuple[Any, ...] = (-1, 101, 2**31, 2**53, 2**63 - 1, -(2**63), 1.5, True, "1", [1], {"a": 1}, [[[[1]]]])
    for place, number in enumerate(numbers):
        wrong[f"first {place}"] = _query("query($n: Int) { disputes(first: $n) { totalCount } }", n=number)
    for place, day in enumerate(
        ("0000-00-00", "9999-12-31", "2024-02-30", "+10000-01-01", "2024-1-1", "now", "1e9", "")
    ):
        wrong[f"day {place}"] = _query("query($d: Date!) { figures(from: $d, to: $d) { id } }", d=day)
    many = {"states": ["ASSIGNED"] * 5000}
    filters: tuple[Any, ...] = (
        many, {"states": [None]}, {"states": "x" * 100_000}, {"nothing": 1}, {"k" * 100_000: 1}, {"text": ["a"]}, [many],
        {"registered": {"from": "x"}}, {"states": [f"ASSIGNE{n}" for n in range(4000)]}, {"regions": ["62"] * 4000},
        {f"state{n}": 1 for n in range(2000)}, {"states": [["ASSIGNED"] * 50] * 50},
    )  # fmt: skip
    for place, given in enumerate(filters):
        wrong[f"filter {place}"] = _query("query($f: DisputeFilter) { disputes(filter: $f) { totalCount } }", f=given)
    return wrong


def hand_made() -> dict[str, bytes]:
    """Every body by its name."""
    return {
        f"{kind}: {name}": body
        for kind, bodies in (
            ("raw", _raw()), ("shape", _shapes()), ("text", _texts()), ("size", _sizes()), ("value", _values()),
        )
        for name, body in bodies.items()
    }  # fmt: skip


def drawn(seed: int, count: int) -> Iterator[bytes]:
    """Bodies made of valid ones, spoilt by lot: pieces repeated, swapped, cut out, bytes changed."""
    lot = random.Random(seed)
    for _ in range(count):
        body = _query(_spoilt(lot, lot.choice(VALID)), **_varied(lot))
        if lot.random() < 0.3:
            at = lot.randrange(len(body))
            body = body[:at] + bytes([lot.randrange(256)]) * lot.choice((1, 1, 1, 500)) + body[at + lot.randrange(3) :]
        yield body


def _spoilt(lot: random.Random, text: str) -> str:
    words = text.split()
    for _ in range(lot.randrange(1, 12)):
        at = lot.randrange(len(words))
        match lot.randrange(6):
            case 0:
                words[at : at + lot.randrange(1, 5)] *= lot.choice((2, 3, 40))
            case 1:
                del words[at : at + lot.randrange(1, 4)]
            case 2:
                words.insert(
                    at, lot.choice(("{", "}", "(", ")", "...", "@skip(if: $first)", "a:", "null", "[", '"', "$x"))
                )
            case 3:
                other = lot.randrange(len(words))
                words[at], words[other] = words[other], words[at]
            case 4:
                words[at : at + 1] = lot.choice(VALID).split()[: lot.randrange(1, 40)]
            case _:
                words[at] = words[at][::-1]
        words = words[:4000] or ["{"]
    return " ".join(words)


def _varied(lot: random.Random) -> dict[str, Any]:
    odd: tuple[Any, ...] = (None, -1, 100, "x", [], {}, True, 1.5, [1] * 200, {"text": "x"}, {"states": [1]})
    return {name: (lot.choice(odd) if lot.random() < 0.3 else value) for name, value in VARIABLES.items()}
