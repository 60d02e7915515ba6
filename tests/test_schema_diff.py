"""What a newer schema changes for clients: each change told once, at its level; nothing broken without notice."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from graphql import build_schema

from hub.errors import ConfigurationError
from schema.build import sdl
from schema.deprecation import deprecation_problems, read_reason
from schema.difference import Level, differences, read_schema

from .cli_kit import Run, run

__all__ = ["run"]

ROOT = Path(__file__).parent.parent
RELEASED = ROOT / "schema" / "released.graphql"

OLD = """
type Query { dispute(id: ID!, now: Boolean! = false): Dispute  disputes(filter: Filter, order: Order): [Dispute!]! }
type Mutation { close(input: Input!): Dispute }
interface Node { id: ID! }
type Dispute implements Node { id: ID!  title: String!  summary: String  state: State!  amount: Money }
type Gone { a: Int }
scalar Money
enum State { OPEN CLOSED }
enum Order { CODE }
input Filter { text: String  former: Boolean! = false  max: Int = 5 }
input Input { id: ID!  why: String }
union Found = Dispute | Gone
"""

#: what is written otherwise, and what a client is told
CASES = [
    ("summary: String ", "", "BREAKING FIELD_REMOVED"),
    ("title: String!", "title: String", "BREAKING FIELD_CHANGED_KIND"),
    ("title: String!", "title: Int!", "BREAKING FIELD_CHANGED_KIND"),
    ("summary: String ", "summary: String! ", "SAFE FIELD_CHANGED_KIND"),
    ("order: Order)", "order: Order!)", "BREAKING ARG_CHANGED_KIND"),
    ("order: Order)", "order: Order, by: ID!)", "BREAKING REQUIRED_ARG_ADDED"),
    ("order: Order)", "order: Order, by: ID)", "SAFE OPTIONAL_ARG_ADDED"),
    ("order: Order)", "order: Order = CODE)", "SAFE ARG_DEFAULT_VALUE_ADDED"),
    (", order: Order)", ")", "BREAKING ARG_REMOVED"),
    ("id: ID!, now", "id: ID, now", "SAFE ARG_CHANGED_KIND"),
    ("now: Boolean! = false", "now: Boolean! = true", "DANGEROUS ARG_DEFAULT_VALUE_CHANGE"),
    ("now: Boolean! = false", "now: Boolean!", "BREAKING DEFAULT_REMOVED"),
    ("max: Int = 5", "max: Int = 6", "DANGEROUS INPUT_FIELD_DEFAULT_VALUE_CHANGE"),
    ("former: Boolean! = false", "former: Boolean!", "BREAKING DEFAULT_REMOVED"),
    ("why: String", "why: String!", "BREAKING FIELD_CHANGED_KIND"),
    ("why: String", "why: String, more: Int!", "BREAKING REQUIRED_INPUT_FIELD_ADDED"),
    ("why: String", "why: String, more: Int", "SAFE OPTIONAL_INPUT_FIELD_ADDED"),
    ("OPEN CLOSED", "OPEN", "BREAKING VALUE_REMOVED_FROM_ENUM"),
    ("OPEN CLOSED", "OPEN CLOSED EXITED", "DANGEROUS VALUE_ADDED_TO_ENUM"),
    ("enum Order { CODE }", "enum Order { CODE AGE }", "SAFE VALUE_ADDED_TO_ENUM"),
    ("Dispute | Gone", "Dispute", "BREAKING TYPE_REMOVED_FROM_UNION"),
    ("type Dispute implements Node", "type Dispute", "BREAKING IMPLEMENTED_INTERFACE_REMOVED"),
    ("type Mutation", "type Other", "BREAKING OPERATION_REMOVED"),
    ("scalar Money", 'scalar Money @specifiedBy(url: "https://money.example")', "DANGEROUS SCALAR_CHANGED"),
    ("input Filter {", "input Filter @oneOf {", "BREAKING ONE_OF_CHANGED"),
    ("summary: String", 'summary: String @deprecated(reason: "x")', "SAFE DEPRECATED"),
    ("why: String", 'why: String @deprecated(reason: "x")', "SAFE DEPRECATED"),
    ("OPEN CLOSED", 'OPEN CLOSED @deprecated(reason: "x")', "SAFE DEPRECATED"),
    ("order: Order)", 'order: Order @deprecated(reason: "x"))', "SAFE DEPRECATED"),
    ("scalar Money", "scalar Money  type Further { a: Int }", "SAFE TYPE_ADDED"),
]  # fmt: skip

GOOD = "Since 0.2.0 of 2027-01-15, stays until 2027-07-14 at least: use Dispute.summary."


@pytest.mark.parametrize(("before", "after", "told"), CASES, ids=[f"{one[2]} {one[1]}"[:60] for one in CASES])
def test_each_change_is_told_at_its_level(before: str, after: str, told: str) -> None:
    assert OLD.count(before) == 1
    text = OLD.replace(
        "input Filter { text: String  former: Boolean! = false  max: Int = 5", "input Filter { text: String"
    )
    old = build_schema(text if "@oneOf" in after else OLD)
    new = build_schema((text if "@oneOf" in after else OLD).replace(before, after))
    found = [f"{one.level.value} {one.kind}" for one in differences(old, new)]
    assert told in found
    # a type or operation that goes takes others along; everything else is one change
    assert len(found) == 1 or "OPERATION" in told


def test_nothing_is_told_of_descriptions_and_order() -> None:
    described = OLD.replace("enum State { OPEN CLOSED }", '"""Words."""\nenum State { CLOSED "More." OPEN }')
    assert differences(build_schema(OLD), build_schema(described)) == []
    assert differences(build_schema(sdl()), build_schema(sdl())) == []


def test_a_deprecation_that_ends_is_told_and_one_that_is_reworded() -> None:
    first = build_schema(OLD.replace("summary: String", 'summary: String @deprecated(reason: "a")'))
    second = build_schema(OLD.replace("summary: String", 'summary: String @deprecated(reason: "b")'))
    assert [one.kind for one in differences(first, second)] == ["DEPRECATION_CHANGED"]
    assert [one.kind for one in differences(second, build_schema(OLD))] == ["DEPRECATION_REMOVED"]
    gone = differences(second, build_schema(OLD.replace("summary: String ", "")))
    assert [(one.level, one.kind) for one in gone] == [(Level.BREAKING, "FIELD_REMOVED")]


def test_our_own_schema_without_a_field_is_broken(run: Run, tmp_path: Path) -> None:
    text = sdl()
    (tmp_path / "old.graphql").write_text(text, encoding="utf-8")
    lost = re.sub(r'\n  """[^"]*"""\n  totalCount: Int!\n', "\n", text)
    assert lost != text
    (tmp_path / "new.graphql").write_text(lost, encoding="utf-8")
    assert run("schema", "diff", "old.graphql").code == 0
    ended = run("schema", "diff", "old.graphql", "new.graphql", "--json")
    assert ended.code == 1
    assert {one["kind"] for one in ended.json["breaking"]} == {"FIELD_REMOVED"}
    assert ended.json["dangerous"] == ended.json["safe"] == []
    back = run("schema", "diff", "new.graphql")
    assert back.code == 0
    assert back.out.startswith("SAFE (")
    assert "Field DisputeConnection.totalCount was added." in back.out


@pytest.mark.parametrize("text", ["type X {", "{ disputes { id } }", "type X { a: Nothing }", "type X { a: Int }"])
def test_what_is_no_schema_is_wrong_use(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "old.graphql").write_text(text, encoding="utf-8")
    ended = run("schema", "diff", "old.graphql")
    assert (ended.code, ended.out) == (2, "")
    assert "old.graphql is no GraphQL schema" in ended.err
    with pytest.raises(ConfigurationError):
        read_schema(text, "old.graphql")


def test_files_that_cannot_be_read_are_wrong_use(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bytes.graphql").write_bytes(b"\xff\xfe")
    for arguments in (("nowhere",), ("bytes.graphql",), ("-", "-")):
        assert run("schema", "diff", *arguments).code == 2


def test_what_is_deprecated_says_since_when_until_when_and_what_takes_its_place() -> None:
    assert deprecation_problems(build_schema(sdl())) == []


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (GOOD, None),
        (GOOD.replace("use Dispute.summary", "nothing takes its place"), None),
        (GOOD.replace("Dispute.summary", "Query.disputes(order:)"), None),
        ("No longer supported", "does not name"),
        (GOOD.replace("0.2.0", "soon"), "does not name"),
        (GOOD.replace("2027-07-14", "2027-02-31"), "does not name"),
        (GOOD.replace("2027-07-14", "2027-07-13"), "less than 180 days"),
        (GOOD.replace("summary", "nothing"), "is not there"),
        (GOOD.replace("Dispute.summary", "Nobody.summary"), "is not there"),
    ],
)  # fmt: skip
def test_a_reason_has_one_form(reason: str, why: str | None) -> None:
    schema = build_schema(OLD.replace("title: String!", f'title: String! @deprecated(reason: "{reason}")'))
    problems = deprecation_problems(schema)
    assert [problem.partition(":")[0] for problem in problems] == ([] if why is None else ["Dispute.title"])
    assert why is None or why in problems[0]
    assert (read_reason(reason) is None) is (why == "does not name")


def broken_promise(released: str, sdl_now: str, release_now: str) -> list[str]:
    """What breaks clients of the last release though the number promises that nothing does."""
    found = re.match(r"# (\d+)\.(\d+)\.\d+\n", released)
    assert found, "the first line of released.graphql is `# RELEASE`"
    old = tuple(int(part) for part in found.groups())
    new = tuple(int(part) for part in release_now.split(".")[:2])
    if new > old and (old[0] == 0 or new[0] > old[0]):
        return []
    changes = differences(build_schema(released), build_schema(sdl_now))
    return [one.text for one in changes if one.level is Level.BREAKING]


def test_nothing_released_is_broken_without_a_new_number() -> None:
    names = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    # before the first release there is nothing to break, and no file that says otherwise
    assert RELEASED.exists() is bool(names)
    if names:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert broken_promise(RELEASED.read_text(encoding="utf-8"), sdl(), project["version"]) == []


def test_a_number_that_rises_may_break_and_one_that_does_not_may_not() -> None:
    lost = OLD.replace("summary: String ", "")
    for old, new, may in [
        ("0.1.0", "0.1.1", False), ("0.1.0", "0.2.0", True), ("0.9.1", "1.0.0", True), ("1.1.0", "1.2.0", False),
        ("1.9.0", "2.0.0", True), ("0.2.0", "0.1.9", False),
    ]:  # fmt: skip
        assert broken_promise(f"# {old}\n{OLD}", OLD, new) == []
        assert (broken_promise(f"# {old}\n{OLD}", lost, new) == []) is may, (old, new)
