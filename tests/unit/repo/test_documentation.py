"""What the pages name exists: commands, options, addresses, settings, pages, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from markaz.centre.access import SCOPES, VERBS
from markaz.centre.errors import KINDS
from markaz.centre.jobs.states import TRANSITIONS, State
from markaz.centre.settings_table import BY_NAME, TABLE
from markaz.interfaces.rest_api.table import ROUTES
from tools import reference_centre, reference_interfaces

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
# Variables that are no settings of a centre.
OTHERS = {
    "MARKAZ_URL", "MARKAZ_KEY", "MARKAZ_WORKER_KEY", "MARKAZ_TEST_POSTGRESQL", "MARKAZ_NAME",
    "MARKAZ_PROJECT",
}  # fmt: skip
# A WebSocket, no route of the table; what devices in labs answer.
BESIDE = {"/v1/worker", "/v1/device", "/v1/calibration"}


def written() -> list[Path]:
    """Pages that people wrote; those that are printed are compared as a whole."""
    printed = set(reference_centre.BUILDERS) | set(reference_interfaces.BUILDERS)
    pages = [p for p in DOCS.rglob("*.md") if "_build" not in p.parts and p.name not in printed]
    return sorted([*pages, *ROOT.glob("*.md"), *(ROOT / "deploy").iterdir()])


PAGES = pytest.mark.parametrize("page", written(), ids=lambda p: str(p.relative_to(ROOT)))


@cache
def known_commands() -> dict[str, set[str]]:
    """Every command's path -> its options."""
    found = {}
    for context, command in reference_interfaces.commands():
        options = {o for p in command.get_params(context) for o in (*p.opts, *p.secondary_opts)}
        found[context.command_path] = options
    return found


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each ``markaz …`` in code, up to where the shell would end the command."""
    joined = text.replace("\\\n", " ")
    blocks = re.findall(r"```(?!python).*?```", joined, re.S)
    blocks += re.findall(r"^(?: {4}|\t)(.*)$", joined, re.M) + re.findall(
        r"`(markaz [^`]*)`", joined
    )
    for line in "\n".join(blocks).splitlines():
        for found in re.findall(r"(?:^|[/(\"'`|&;]|=\S+ )\s*(markaz [^|>;&#)\"`]*)", line):
            yield found.split()


def command_problem(words: list[str]) -> str | None:
    """What is wrong with a command, None: nothing."""
    path = "markaz"
    rest = words[1:]
    if not rest or not re.fullmatch(r"[a-z-]+", rest[0]) or rest[0].startswith("-"):
        return None  # prose, or an option of markaz itself
    while rest and f"{path} {rest[0]}" in known_commands():
        path = f"{path} {rest.pop(0)}"
    if path == "markaz":
        return f"no command {rest[0]!r}"
    bad = [w for w in rest if re.match(r"--?[a-z]", w) and w not in known_commands()[path]]
    return f"{path} has no {', '.join(bad)}" if bad else None


@PAGES
def test_commands_exist(page: Path) -> None:
    found = [(" ".join(w), command_problem(w)) for w in commands_in(page.read_text())]
    assert [(command, problem) for command, problem in found if problem] == []


def test_commands_are_looked_for() -> None:
    page = "    markaz login URL --user x | cat\n\nand `markaz jobs --jsno`, `markaz fly`.\n"
    problems = [command_problem(words) for words in commands_in(page)]
    assert problems == [None, "markaz jobs has no --jsno", "no command 'fly'"]


def test_every_command_is_shown_at_work() -> None:
    pages = [p for folder in ("tutorials", "how-to") for p in (DOCS / folder).glob("*.md")]
    text = " ".join(" ".join(words) for p in pages for words in commands_in(p.read_text()))
    shown = {path.split()[1] for path in known_commands() if path.split()[1:2]}
    assert sorted(name for name in shown if not re.search(rf"markaz {name}\b", text)) == []


def routes_named(text: str) -> set[str]:
    """Addresses under /v1 in a page, without what stands for a value at their end."""
    found = re.findall(r"/v1/[\w/{}$.-]+", text)
    return {f.rstrip(".").partition("?")[0] for f in found}


@PAGES
def test_addresses_exist(page: Path) -> None:
    # {name} matches an identifier, or a word in capitals that stands for one
    patterns = [
        re.sub(r"\{\w+\}", r"(?:[A-Z][A-Z-]*|[a-z0-9-]+|\\{\\w+\\})", r.path) for r in ROUTES
    ]
    known = re.compile("|".join([*patterns, *BESIDE]))
    assert sorted(f for f in routes_named(page.read_text()) if not known.fullmatch(f)) == []


@PAGES
def test_variables_exist(page: Path) -> None:
    named = set(re.findall(r"\bMARKAZ_[A-Z0-9_]*[A-Z0-9]\b", page.read_text()))
    assert sorted(named - {row.variable for row in TABLE} - OTHERS) == []


def test_settings_in_files_exist() -> None:
    text = (DOCS / "how-to/production.md").read_text()
    named = set(re.findall(r"^(\w+) = ", "\n".join(re.findall(r"```\n.*?```", text, re.S)), re.M))
    assert "database_url" in named
    assert sorted(named - set(BY_NAME)) == []


@PAGES
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("folder", ["tutorials", "how-to", "reference", "explanation", "security"])
def test_index_lists_every_page(folder: str) -> None:
    listed = re.findall(r"^([a-z][a-z-]+)$", (DOCS / folder / "index.md").read_text(), re.M)
    pages = [p.stem for p in (DOCS / folder).glob("*.md") if p.stem != "index"]
    assert sorted(listed) == sorted(pages)


def test_printed_pages_hold_all_of_their_tables() -> None:
    def cells(page: str, shape: str) -> list[str]:
        return re.findall(shape, (DOCS / "reference" / page).read_text(), re.M)

    assert cells("settings.md", r"^\| `(MARKAZ_\w+)` \|") == [row.variable for row in TABLE]
    assert cells("errors.md", r"^\| `([\w-]+)` \| \d{3} \|") == list(KINDS)
    assert cells("jobs.md", r"^\| `(\w+)` \| (?:yes|no) \|") == [str(s) for s in State]
    assert cells("jobs.md", r"^\| (\w[\w ]*) \| `.*`.* \| .* \| (?:yes|–) \|")[
        : len(TRANSITIONS)
    ] == [str(event) for event in TRANSITIONS]
    scopes = cells("access.md", r"^\| `([a-z:]+)` \| .* \| (?:yes|–) \|")
    assert scopes == list(SCOPES)
    rows = cells("rest.md", r"^\| ([A-Z]+) \| `(/v1/[^`]*)`(?: ⟳)? \| .* \| .* \| ")
    assert sorted(rows) == sorted((r.method, r.path) for r in ROUTES)  # type: ignore[comparison-overlap]
    assert cells("cli.md", r"^## (.+)$") == list(known_commands())
    reference_centre.audit_page()  # registers the verbs
    verbs = [name for name, act in VERBS.items() if act.body.__module__.startswith("markaz.")]
    assert cells("audit.md", r"^\| `(\w+\.\w+)` \|") == sorted(verbs)


def test_every_event_has_a_meaning() -> None:
    assert reference_centre.event_names() == sorted(reference_centre.EVENTS)


def test_a_file_of_the_service_is_where_the_page_says() -> None:
    page = (DOCS / "how-to/production.md").read_text()
    unit = (ROOT / "deploy/markaz.service").read_text()
    programs = {
        shlex.split(line.partition("=")[2])[0] for line in unit.splitlines() if "Exec" in line
    }
    assert [p for p in programs if p not in page] == []
    assert re.search(r"^EnvironmentFile=-?(\S+)$", unit, re.M)[1] in page  # type: ignore[index]
