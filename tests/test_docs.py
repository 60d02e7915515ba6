"""What the documents claim is so: commands, settings, words, queries, SQL and links, each read from the pages."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import aclosing
from datetime import datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from app import hooks
from app.authentication import whoever_is_here
from app.cli.root import app
from app.county import PARTNERS
from app.demo_summary import FIGURES
from app.web import create_app
from connectors import police, registry
from connectors.police import ack, arrival
from connectors.police import rows as lines
from connectors.sandbox.faults import MODES
from connectors.sandbox.hotline_hooks import HOOK_MODES
from connectors.sandbox.petition_faults import OFFICE_MODES
from connectors.sandbox.police_faults import POLICE_MODES
from hub.feed import Feed
from hub.figures import DEFINITIONS, percent
from hub.model import CaseFacts, Item
from hub.principal import LOCAL, Principal, PrincipalKind
from hub.settings import InstanceSettings, Settings, load_settings
from hub.store.engine import Store, open_store
from hub.store.tables import APPEND_ONLY, metadata
from hub.vocabulary import ENUMERATIONS, UserErrorCode, county_tables
from schema.build import build, executable, new_context
from schema.context import Context
from schema.execution import Refused, Request, Runner
from schema.seen_by import runner_for
from sync_jobs import folder

from .access_kit import plan, write
from .court_kit import court_hub
from .databases import Database, PostgresDatabases
from .graphql_rows import desk_on
from .hub_kit import court_config

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OPERATOR, INTEGRATOR, FRONTEND = (ROOT / "docs" / f"{name}.md" for name in ("operator", "integrator", "frontend"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The page's fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)


def marked(page: Path, mark: str) -> str:
    """The content of the fenced block behind ``<!-- test: mark -->``."""
    found = re.search(rf"<!-- test: {mark} -->\n```\w+\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)
    assert found, mark
    return found[1]


def section(page: Path, heading: str) -> str:
    """What stands below that heading, up to the next one of any level."""
    return section_of(read(page), heading)


def section_of(content: str, heading: str) -> str:
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", content, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def quoted(prose: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", prose)


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", read(page), flags=re.DOTALL | re.MULTILINE)


def rows(table: str) -> Iterator[list[str]]:
    """The cells of every body row of the Markdown tables in ``table``."""
    for line in table.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


# --- commands ---------------------------------------------------------------------------------------------------


def commands() -> dict[tuple[str, ...], Any]:
    """Every command of the command line by its words, groups left out."""
    found: dict[tuple[str, ...], Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[words] = command
        for name, one in (inner or {}).items():
            walk(one, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


COMMANDS = commands()


def printed_commands(page: Path) -> Iterator[list[str]]:
    """The words behind every ``dispute-hub`` at a prompt, in a shell block, a unit file or in running text."""
    shown = "\n".join(blocks(page, "console") + blocks(page, "sh") + blocks(page, "ini")).replace("\\\n", " ")
    lines = [re.sub(r"^(\$ |ExecStart=)", "", line) for line in shown.splitlines() if "dispute-hub " in line]
    lines += [quoted.replace("\n", " ") for quoted in re.findall(r"`(dispute-hub [^`]+)`", read(page))]
    for line in lines:
        words = shlex.split(line) if re.match(r"(HUB_\w+=\S+ )*\S*dispute-hub ", line) else []
        start = next((at for at, word in enumerate(words) if Path(word).name == "dispute-hub"), None)
        if start is not None:
            yield words[start + 1 :]


def options(command: Any) -> set[str]:
    return {name for param in command.params for name in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_printed_command_exists_with_its_options(page: Path) -> None:
    for words in printed_commands(page):
        command: Any = typer.main.get_command(app)
        # --config means the same before and behind the command's name
        known = options(command)
        for word in words:
            inner = getattr(command, "commands", None) or {}
            if word in inner:
                command = inner[word]
                known |= options(command)
            elif word.startswith("-"):
                assert word.partition("=")[0] in known, words
        assert not hasattr(command, "commands") or words == ["--version"], words


def test_pages_print_commands() -> None:
    assert len([*printed_commands(OPERATOR)]) > 40


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0 and "Usage" in shown.output


def test_every_command_stands_in_the_operators_list() -> None:
    listed = {tuple(cells[0].strip("`").split()[1:]) for cells in rows(section(OPERATOR, "Every command"))}
    assert listed - {()} == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_printed_script_is_there(page: Path) -> None:
    for script in re.findall(r"\./((?:scripts|\.ci)/[\w-]+)", read(page)):
        assert (ROOT / script).is_file(), script
    for module in re.findall(r"python -m (bench\.\w+)", read(page)):
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module
    for test in re.findall(r"(tests/test_\w+\.py)", read(page)):
        assert (ROOT / test).is_file(), test


def test_the_two_commands_come_first() -> None:
    (first, *_) = blocks(ROOT / "README.md", "console")
    assert re.findall(r"^\$ (\S+)", first, re.MULTILINE) == ["./scripts/demo", "./scripts/test"]
    assert read(ROOT / "README.md").index(first) < 200


def test_the_demonstrations_output_agrees_with_itself() -> None:
    (output,) = [block for block in blocks(ROOT / "README.md", "console") if "--once --json" in block]
    shown = json.loads(output.partition("\n")[2])
    for one in shown["instances"].values():
        assert one["held"] + one["quarantined"] == one["expected"]
    assert list(shown["instances"]) == list(PARTNERS)
    assert sum(shown["disputesByAgencies"].values()) == shown["disputes"]
    assert list(shown["linking"]) == ["precision", "recall"]
    assert list(shown["figures"]) == [*FIGURES, "K10"]
    channels = shown["channels"].values()
    assert all(one["received"] == one["concluded"] + one["open"] for one in channels)
    assert sum(one["acknowledged"] for one in channels) == shown["figures"]["K10"]["numerator"]
    assert sum(one["concluded"] for one in channels) == shown["figures"]["K10"]["denominator"]
    assert all(one["equal"] is (one["ours"] == one["theirs"]) for one in shown["resultsReceived"].values())
    for one in shown["figures"].values():
        assert one["value"] == percent(one["numerator"], one["denominator"], places=1)


# --- settings ---------------------------------------------------------------------------------------------------


def documented(heading: str) -> dict[str, list[str]]:
    return {cells[0].strip("`"): cells for cells in rows(section(OPERATOR, heading)) if cells[0].startswith("`")}


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(documented("`[hub]`")) == set(Settings.model_fields)
    assert set(documented("`[instances.<name>]`")) == set(InstanceSettings.model_fields)


def test_documented_variables_are_the_settings_own() -> None:
    for name, cells in documented("`[hub]`").items():
        assert cells[1].strip("`").startswith(f"HUB_{name.upper()}")


@pytest.mark.parametrize(
    ("heading", "model", "column"), [("`[hub]`", Settings, 2), ("`[instances.<name>]`", InstanceSettings, 1)]
)
def test_documented_defaults_are_the_defaults(heading: str, model: Any, column: int) -> None:
    for name, cells in documented(heading).items():
        default = model.model_fields[name].default
        shown = cells[column].strip("`").strip('"')
        if isinstance(default, datetime):
            assert shown == default.isoformat(), name
        elif default is None:
            assert shown == "none" or "`" in cells[column] or "shipped" in shown, name
        elif isinstance(default, str | int | float) and not isinstance(default, bool) and "SQLite" not in shown:
            assert shown == str(default), name


@pytest.mark.parametrize(
    ("page", "content"), [(page, block) for page in (OPERATOR, INTEGRATOR) for block in blocks(page, "toml")]
)
def test_settings_that_a_page_shows_can_be_read(page: Path, content: str, tmp_path: Path) -> None:
    if "[project." in content:
        assert registry.GROUP in tomllib.loads(content)["project"]["entry-points"]
        return
    file = tmp_path / "dispute-hub.toml"
    file.write_text(content, encoding="utf-8")
    settings = load_settings(file)
    for one in settings.instances.values():
        assert one.connector in registry.PRODUCTS


# --- kinds and reasons ------------------------------------------------------------------------------------------


def raised(pattern: str) -> set[str]:
    """What the hub, its jobs and every registered connector say in this place."""
    folders = ["hub", "sync_jobs", *(f"connectors/{product}" for product in registry.PRODUCTS)]
    sources = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return {found for file in sources for found in re.findall(pattern, read(file))}


def test_every_kind_of_incident_is_explained() -> None:
    explained = set(re.findall(r"^\| `([A-Z_0-9]+X*)` \|", section(OPERATOR, "Incidents and errors"), re.MULTILINE))
    kinds = raised(r'kind(?:: str)? ?= ?"([A-Z][A-Z_0-9]+)"') | raised(r'note\(\s*"([A-Z][A-Z_0-9]+)"')
    kinds |= {folder.FOLDER_AWAY, folder.FILE_GONE, folder.FILE_CHANGED, folder.FILE_TOO_LONG, folder.FILE_UNREADABLE}
    kinds |= {folder.WRITE_FAILED, folder.LINK_REFUSED, arrival.HALF_ARRIVED, police.SERIAL_GAP, police.UNKNOWN_FILE}
    kinds |= {police.DUPLICATE_NAME, ack.COUNT_MISMATCH, ack.BAD_MANIFEST, ack.BAD_ENCODING, ack.BAD_ZIP}
    kinds |= {"HTML_ANSWER", "HTTP_5XX", "AUTH", "REJECTED", "BAD_PAYLOAD", "CONFIGURATION", "TRANSIENT"}
    assert kinds <= explained
    # and what is explained exists
    code = "\n".join(read(file) for folder in ("sync_jobs", "connectors", "hub", "app")
                     for file in (ROOT / folder).rglob("*.py"))  # fmt: skip
    assert [kind for kind in explained if f'"{kind}"' not in code] == []


def test_every_refusal_of_a_webhook_is_explained_with_its_status() -> None:
    table = rows(section(OPERATOR, "Webhooks"))
    explained = {quoted(cells[0])[0]: int(cells[1]) for cells in table if cells[0] != "reason"}
    assert explained == hooks.STATUS
    said = raised(r'AuthError\(\s*f?"([A-Z][A-Z_0-9]+):')
    assert {f"WEBHOOK_{code}" for code in said - {"NO_SECRET"}} <= set(explained)


def test_every_reason_of_quarantine_is_explained() -> None:
    explained = section(OPERATOR, "Quarantine")
    of_lines = {lines.WRONG_COLUMN_COUNT, lines.LINE_TOO_LONG, lines.UNKNOWN_DATASET, lines.MISSING, lines.BAD_VALUE}
    for reason in raised(r'BadPayloadError\(\s*f?"([A-Z_]+)') | of_lines | {"NOT_A_FORM"}:
        assert f"`{reason}" in explained, reason


def test_every_reason_why_a_file_is_missing_is_explained() -> None:
    explained = {reason for cells in rows(section(OPERATOR, "Files")) for reason in quoted(cells[0])}
    assert explained == {reason.value for reason in ENUMERATIONS["AttachmentReason"]}


def test_every_mode_of_misbehaving_is_explained() -> None:
    listed = {mode for cells in rows(section(INTEGRATOR, "Its control address")) for mode in quoted(cells[0])}
    assert set(MODES) <= listed
    for heading, modes in (
        ("The simulated police", POLICE_MODES),
        ("The simulated petition office", OFFICE_MODES),
        ("The simulated hotline", {**MODES, **HOOK_MODES}),
    ):
        assert set(modes) <= set(quoted(section_of(without_blocks(INTEGRATOR), heading))), heading


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_the_glossary_holds_every_member(name: str) -> None:
    glossary = read(ROOT / "docs" / "glossary.md")
    found = re.search(rf"^### {name} \S+\n(.*?)(?=^#|\Z)", glossary, re.DOTALL | re.MULTILINE)
    assert found, name
    listed = [(cells[0], cells[1].strip("`"), cells[2]) for cells in rows(found[1])][1:]
    assert listed == [(term.zh, term.value, term.en) for term in ENUMERATIONS[name]]


def test_one_term_has_one_word() -> None:
    for name, terms in ENUMERATIONS.items():
        labels = [term.zh for term in terms]
        assert len(set(labels)) == len(labels), name


def test_the_glossary_and_the_architecture_name_every_table() -> None:
    for page in ("glossary", "architecture"):
        content = read(ROOT / "docs" / f"{page}.md")
        assert [table.name for table in metadata.sorted_tables if f"`{table.name}`" not in content] == [], page


def test_every_figure_is_defined_in_its_present_version() -> None:
    content = read(ROOT / "docs" / "figures.md")
    for definition in DEFINITIONS.values():
        assert f"## {definition.id} {definition.label}, version {definition.version}" in content


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_a_decision_names_its_reasons_and_what_was_not_taken(record: Path) -> None:
    content = read(record)
    assert content.startswith(f"# {int(record.name[:4])}. ")
    assert all(word in content for word in ("**Decided.**", "**Why", "**Not taken.**"))
    assert len(content.splitlines()) <= 50


# --- GraphQL ----------------------------------------------------------------------------------------------------

QUERIES = {
    re.match(r"(?:query|mutation|subscription) (\w+)", block)[1]: block  # type: ignore[index]
    for block in blocks(FRONTEND, "graphql")
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_printed_query_runs_on_an_empty_hub(database: Database, name: str) -> None:
    store = open_store(database.url)
    runner, request = Runner(executable(build())), Request(QUERIES[name], {})
    context = new_context(desk_on(store), county_tables(), LOCAL, Feed(store))
    try:
        if QUERIES[name].startswith("subscription"):
            await _begins(runner, request, context)
            return
        answer = await runner.run(request, context)
    finally:
        await store.close()
    assert answer.refused is None and "errors" not in answer.payload, answer.payload
    assert answer.payload["data"]
    if QUERIES[name].startswith("mutation"):
        # nothing is there to be changed, and the payload says so
        (payload,) = answer.payload["data"].values()
        assert {error["code"] for error in payload["userErrors"]} <= {"NOT_FOUND"}


async def test_printed_queries_are_answered_to_whom_they_are_for(database: Database) -> None:
    store = open_store(database.url)
    desk = desk_on(store)
    await write(desk, plan())
    operator = Principal("acc_1", PrincipalKind.STAFF, "王芳", "centre_operator", agency="620725190000")
    auditor = Principal("acc_2", PrincipalKind.STAFF, "赵审", "auditor")
    try:
        for name, block in QUERIES.items():
            if block.startswith("query"):
                asker = auditor if name == "WhoLooked" else operator
                context = new_context(desk, county_tables(), asker, Feed(store))
                answer = await runner_for(asker.role).run(Request(block, {}), context)
                assert answer.refused is None and "errors" not in answer.payload, (name, answer.payload)
    finally:
        await store.close()


def test_every_screen_names_its_queries() -> None:
    named = [name for cells in rows(section(FRONTEND, "Screens")) for name in quoted(cells[-1])]
    queries = [name for name in named if not name.startswith("/")]
    assert len(queries) > 15 and set(queries) <= set(QUERIES)


async def _begins(runner: Runner, request: Request, context: Context) -> None:
    try:
        async with aclosing(await runner.subscribe(request, context)) as steps:
            assert (await anext(steps)).position == 0
    except Refused as refused:
        # nothing is there to be followed
        assert refused.code == "NOT_FOUND"


def test_the_queries_cover_every_root_field() -> None:
    schema = executable(build())
    asked = read(FRONTEND)
    types = (schema.query_type, schema.mutation_type, schema.subscription_type)
    roots = [name for one in types if one is not None for name in one.fields]
    assert len(types) == 3 and {"changes", "disputeChanged"} <= set(roots)
    assert [name for name in roots if not re.search(rf"\b{name}\b", asked)] == []


def test_the_closed_codes_of_a_refusal_are_listed() -> None:
    listed = set(quoted(section(FRONTEND, "Changing things")))
    assert {code.value for code in UserErrorCode} <= listed


def test_the_endpoint_is_where_the_pages_say() -> None:
    served = create_app(desk_on(open_store("sqlite+aiosqlite://")), county_tables, authenticate=whoever_is_here)
    paths = {getattr(route, "path", "") for route in served.routes}
    assert {"/graphql", "/healthz", "/readyz", "/metrics"} <= paths
    assert all(path in read(OPERATOR) for path in ("/healthz", "/readyz", "/metrics"))


# --- PostgreSQL -------------------------------------------------------------------------------------------------


@pytest.fixture
def on_postgresql(_postgresql: PostgresDatabases) -> Iterator[Database]:
    with _postgresql.migrated() as made:
        yield made


async def test_the_documented_role_works_and_cannot_rewrite_history(on_postgresql: Database) -> None:
    owner = make_url(on_postgresql.url)
    role = f"{owner.database}_app"
    grants = marked(OPERATOR, "application role").replace("hub_app", role).split(";")
    store = open_store(on_postgresql.url)
    try:
        await run(store, f"CREATE ROLE {role} LOGIN PASSWORD 'app-secret'", *filter(str.strip, grants))
        url = owner.set(username=role, password="app-secret").render_as_string(hide_password=False)
        async with court_hub(url, scale=0.01) as hub:
            assert (await hub.pull()).error is None
            await hub.control("edit", count=3, seed="1")
            await hub.control("delete", count=1, seed="1")
            assert (await hub.pull()).error is None
            compared = await hub.reconcile()
            assert compared.is_equal and compared.removed == 1 and await hub.figures() == await hub.their_count()
            for table in (one.name for one in APPEND_ONLY):
                for statement in (f"UPDATE {table} SET county = county", f"DELETE FROM {table}", f"TRUNCATE {table}"):
                    with pytest.raises(DBAPIError, match="permission denied"):
                        await run(hub.desk.store, statement)
            with pytest.raises(DBAPIError, match="must be owner"):
                await run(hub.desk.store, "DROP TRIGGER handling_events_no_change ON handling_events")
        await run(store, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    finally:
        await store.close()


async def run(store: Store, *statements: str) -> None:
    async with store.write() as tx:
        for statement in statements:
            await tx.execute(text(statement))


# --- the example connector --------------------------------------------------------------------------------------


def test_the_example_connector_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("village_ledger")
    exec(compile(marked(INTEGRATOR, "example connector"), "village_ledger", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "village_ledger", module)
    plugin = EntryPoint("ledger", "village_ledger:LedgerConnector", registry.GROUP)
    assert "ledger" in registry.product_names([plugin])
    connector = registry.make_connector(court_config(name="ledger", product="ledger"), [plugin])
    body = '{"id": "7", "changed": "2024-03-01T08:00:00+08:00", "opened": "2024-02-28", "text": "争水"}'.encode()
    (fact,) = connector.map(Item("7", "7", "", None, body, body))
    assert isinstance(fact, CaseFacts) and fact.opens_dispute and fact.entries[0].words == "争水"
    assert connector.start_cursor(None) == {"changed": "", "id": ""}
    back = connector.start_cursor({"changed": "2024-03-01T08:10:00+08:00", "id": "7"})
    assert back == {"changed": "2024-03-01T08:00:00+08:00", "id": ""}


def test_the_contracts_table_names_what_a_class_must_have() -> None:
    shown = [name for cells in rows(section(INTEGRATOR, "The contract")) for name in quoted(cells[0])]
    listed = {name.partition("(")[0] for name in shown}
    assert set(registry._REQUIRED) <= listed


# --- links and addresses ----------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that the usual Markdown renderers give a page's headings."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        assert not target.startswith(("http:", "https:")), f"{target}: a page leads nowhere else"
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


#: hosts that may stand in a file: this machine, names that cannot exist, a licence, an XML name space
HARMLESS = re.compile(
    r"127\.0\.0\.\d+|localhost|\[::1\]|[\w.-]*\.(example|invalid|test)|[a-z]{1,5}|www\.apache\.org|"
    r"dataexchange\.court\.gov\.cn|\{.*|"
)


def tracked() -> list[Path]:
    """Every file of the repository; where git is missing, every page."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    return sorted({*files, *PAGES, Path(__file__)})


def test_no_file_names_a_machine_or_a_registry() -> None:
    strange: list[str] = []
    # written apart, so that this file does not find itself; a hostile DOCTYPE of a test asks for the one file
    folders = re.compile("/" + r"work/|" + "file:" + '//(?!/etc/passwd")|/' + "root/|/" + r"home/\w")
    for file in tracked():
        if not file.is_file():
            continue
        try:
            content = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        hosts = re.findall(r"\bhttps?://(?:[^/@\s]*@)?([^/:\s`'\")?#]*)", content)
        strange += [f"{name_of(file)}: {host}" for host in hosts if not HARMLESS.fullmatch(host)]
        strange += [f"{name_of(file)}: {found}" for found in folders.findall(content)]
    assert strange == []


def test_pages_are_read_aloud_without_stumbling() -> None:
    for page in PAGES:
        for number, line in enumerate(read(page).splitlines(), 1):
            assert "\t" not in line and line == line.rstrip(), f"{name_of(page)}:{number}"
