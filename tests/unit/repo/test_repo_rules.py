"""Rules that hold for the files of the repository."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = (
    ".ci", "benchmarks", "clients", "deploy", "docs", "examples", "requirements", "src", "tests",
    "tools",
)  # fmt: skip
TEXT = {
    "", ".cfg", ".css", ".json", ".mako", ".md", ".py", ".qasm", ".qcis", ".service", ".sh",
    ".toml", ".txt", ".yml",
}  # fmt: skip
SKIPPED = {"__pycache__", "_build"}
WRITTEN_BY_A_TOOL = ("src/markaz/centre/db/migrations/versions",)
HABIT, HARD = 400, 600
SECTIONS = ["Context", "Choice", "Measured or read", "Consequences", "When to revisit"]


def files() -> Iterator[Path]:
    """Text files that belong to the repository."""
    yield from (p for p in ROOT.iterdir() if p.is_file() and p.suffix in TEXT | {".editorconfig"})
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT / folder).parts
            made = any(part in SKIPPED or part.startswith(".") for part in inside)
            if not made and path.is_file() and path.suffix in TEXT:
                yield path


def matches(pattern: str, among: Iterator[Path]) -> list[str]:
    """``file:line: text`` of every line that has the pattern."""
    wanted = re.compile(pattern)
    found = []
    for path in among:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if wanted.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    return found


def python_files() -> Iterator[Path]:
    """Python files that belong to the repository."""
    yield from (p for p in files() if p.suffix == ".py")


def test_files_are_found() -> None:
    names = {str(p.relative_to(ROOT)) for p in files()}
    assert {"Makefile", ".ci/run", "README.md", "src/markaz/__init__.py"} <= names


def test_python_files_are_short() -> None:
    sizes = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in python_files()}
    for name, size in sizes.items():
        if HABIT < size <= HARD:
            print(f"{name}: {size} lines, more than the habit of {HABIT}")
    long = {n: s for n, s in sizes.items() if s > HARD and not n.startswith(WRITTEN_BY_A_TOOL)}
    assert long == {}


def test_no_unfinished_work_is_marked() -> None:
    words = "|".join(("TO" + "DO", "FIX" + "ME"))
    assert matches(rf"\b({words})\b", files()) == []


def test_no_path_of_one_machine_is_named() -> None:
    roots = "|".join(("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/[a-z]", "/tmp" + "/x/"))
    assert matches(rf"(?<![\w.])({roots})", files()) == []


def test_no_registry_is_named() -> None:
    hosts = (
        r"py" + r"pi\.org",
        r"python" + r"hosted\.org",
        r"npm" + r"js\.(org|com)",
        r"crates" + r"\.io",
    )
    options = "--(extra-)?(index|find|trusted)-(" + "url|links|host)"
    found = matches("|".join((*hosts, options)), files())
    assert found == []


@pytest.mark.parametrize(
    "lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_lock_pins_every_package_with_hashes(lock: Path) -> None:
    blocks = re.split(r"\n(?=\w)", lock.read_text().partition("\n")[2])
    loose = [
        b.splitlines()[0]
        for b in blocks
        if not re.match(r"[\w.-]+==[\w.]+.*\\\n +--hash=sha256:", b)
    ]
    assert (loose, len(blocks) > 0) == ([], True)


def test_locks_agree_on_versions() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^[\w.-]+==[\w.]+", text, re.M))

    assert pins("lock.txt") - pins("dev.txt") == set()
    assert pins("dev.txt") - pins("bench.txt") == set()


def test_lock_names_no_platform_that_would_skip_silently() -> None:
    assert (
        matches(
            "sys_platform|platform_python_implementation",
            iter((ROOT / "requirements").glob("*.txt")),
        )
        == []
    )


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=lambda p: p.stem
)
def test_decision_has_its_sections(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    assert re.match(rf"# {int(page.name[:4])}\. \S.*\n\n20\d\d-\d\d-\d\d · \w+", text)
    assert min(len(body.split()) for body in re.split(r"^## .+$", text, flags=re.M)[1:]) > 10


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(p.name[:4]) for p in sorted((ROOT / "docs/decisions").glob("0*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_no_page_is_empty() -> None:
    thin = [p.name for p in (ROOT / "docs").rglob("*.md") if len(p.read_text().split()) < 12]
    assert thin == []


def makefile_targets() -> dict[str, str]:
    """Target -> its help text ("" where it has none)."""
    text = (ROOT / "Makefile").read_text()
    lines = re.findall(r"^([a-z-]+):(?!=)(.*)$", text, re.M)
    return {name: rest.partition("## ")[2] for name, rest in lines}


def test_every_make_target_has_help() -> None:
    targets = makefile_targets()
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony is not None
    assert [name for name, text in targets.items() if not text] == []
    assert sorted(phony[1].split()) == sorted(targets)


def test_commands_of_the_readme_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert {"up", "test"} <= named
    assert named - set(makefile_targets()) == set()


def test_every_example_has_an_expectation() -> None:
    programs = {p.name for p in (ROOT / "examples").iterdir() if p.suffix in (".qasm", ".qcis")}
    expected = tomllib.loads((ROOT / "examples/expected.toml").read_text())
    listed = re.findall(r"^\| `([\w.]+)`", (ROOT / "examples/README.md").read_text(), re.M)
    assert sorted(expected) == sorted(programs)
    assert sorted(listed) == sorted(programs)


def test_every_example_starts_with_a_comment() -> None:
    programs = [p for p in (ROOT / "examples").iterdir() if p.suffix in (".qasm", ".qcis")]
    assert [p.name for p in programs if not p.read_text().startswith("// ")] == []


def test_expected_outcomes_are_probabilities() -> None:
    for name, entry in tomllib.loads((ROOT / "examples/expected.toml").read_text()).items():
        outcomes = entry.get("outcomes", {})
        total = sum(outcomes.values())
        assert {len(bits) for bits in outcomes} <= {entry["clbits"]}, name
        assert (abs(total - 1) < 1e-9) if entry["complete"] else total < 1, name
        assert len(entry.get("ones", [])) in (0, entry["clbits"]), name


def test_house_page_lists_every_folder() -> None:
    page = (ROOT / "docs/explanation/house.md").read_text()
    listed = set(re.findall(r"^\| `([\w./]+)` \|", page, re.M))
    packages = {str(p.parent.relative_to(ROOT)) for p in (ROOT / "src").rglob("*.py")}
    others = {f for f in FOLDERS if f not in ("src", "tests")}
    tests = {
        f"tests/{name}" for name in ("unit", "property", "faults", "attacks", "clients", "browser")
    }
    assert sorted(listed) == sorted(packages | others | tests)


def test_version_is_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/markaz/__init__.py").read_text())
    assert version is not None
    assert re.search(rf"^## (Unreleased|{re.escape(version[1])})", text, re.M)
