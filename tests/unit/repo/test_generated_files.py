"""Files that a tool writes are what the tool would write now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import examples, lock, reference

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", sorted(examples.BUILDERS))
def test_example_is_what_its_builder_writes(name: str) -> None:
    assert (ROOT / "examples" / name).read_text() == examples.BUILDERS[name]()


@pytest.mark.parametrize("name", sorted(set(reference.BUILDERS) - {"licences.md"}))
def test_printed_page_is_fresh(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == reference.BUILDERS[name]()


def test_licence_page_lists_every_locked_package() -> None:
    page = (ROOT / "docs/reference/licences.md").read_text().partition("## All packages")[2]
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert listed == reference.locked(ROOT / "requirements/bench.txt")


def test_licence_page_names_no_licence_that_we_cannot_import() -> None:
    page = (ROOT / "docs/reference/licences.md").read_text()
    refused = [line for line in page.splitlines() if "GPL" in line and "LGPL" not in line]
    assert refused == []


def test_lock_notes_give_who_brought_a_package_in(tmp_path: Path) -> None:
    target = tmp_path / "lock.txt"
    target.write_text(
        "a==1 \\\n    --hash=sha256:00\n    # via markaz (pyproject.toml)\n"
        "b==2 ; platform_machine == 'x86_64' \\\n    --hash=sha256:01\n    # via\n"
        "    #   a\n    #   c\n"
        "c==3 \\\n    --hash=sha256:02\n    # via b\n"
    )
    found = reference.parents(target)
    assert found == {"a": {"markaz"}, "b": {"a", "c"}, "c": {"b"}}
    assert reference.brought_by("a", found) == {"b", "c"}


def test_lock_is_tidied() -> None:
    clause = (
        "platform_machine == '{}' and platform_python_implementation == 'CPython'"
        " and sys_platform == 'linux'"
    )
    x86, arm = clause.format("x86_64"), clause.format("aarch64")
    text = (
        f"a==1 ; python_full_version < '3.14' and (({arm}) or ({x86})) \\\n"
        f"b==1 ; python_full_version >= '3.12' and python_full_version < '3.14' and {x86} \\\n"
        "    # via\n    #   -c requirements/bench.txt\n    #   a\n"
    )
    assert lock.tidy(text) == (
        "a==1 \\\n"
        "b==1 ; python_full_version >= '3.12' and platform_machine == 'x86_64' \\\n"
        "    # via a\n"
    )


def test_lock_is_tidied_once(tmp_path: Path) -> None:
    text = (ROOT / "requirements/dev.txt").read_text()
    assert lock.HEADER + lock.tidy(text) == text
