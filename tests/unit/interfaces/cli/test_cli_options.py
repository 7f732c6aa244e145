"""Option values that are read by hand."""

from __future__ import annotations

import math
from pathlib import Path

import click
import pytest

from markaz.interfaces.cli import options
from markaz.quantum.observables import parse
from markaz.quantum.programs.errors import ProgramError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5), ("-1e-3", -1e-3), ("pi", math.pi), ("-pi/2", -math.pi / 2),
        ("3*pi/4", 3 * math.pi / 4), ("2pi", 2 * math.pi), ("+0.5 * pi", math.pi / 2),
    ],
)  # fmt: skip
def test_angles(text: str, value: float) -> None:
    assert options.read_angle(text) == value


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "pi/0", "1e999", "pi pi", "__import__"])
def test_what_is_no_angle(text: str) -> None:
    assert options.read_angle(text) is None


@pytest.mark.parametrize("text", ["theta", "=1", "theta=", "theta=x", "theta=nan"])
def test_bad_bindings_are_bad_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        bindings(text)


def bindings(*texts: str) -> dict[str, float]:
    command = click.Command("run")
    return options.read_bindings(click.Context(command), click.Option(["--param"]), texts)


def test_bindings() -> None:
    assert bindings("theta[0] = pi/2", "b=-1", "b=2") == {"theta[0]": math.pi / 2, "b": 2.0}
    assert bindings() == {}


def test_observables_of_options_then_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_text("XX\n# none\nYY\n")
    found = options.read_observables(("ZZ",), str(file))
    assert found == [parse("ZZ"), parse("XX"), parse("YY")]
    assert options.read_observables((), None) == []


def test_bad_observables_are_bad_usage(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    for texts, file, message in [
        (("Q",), None, "--observable: term 'Q'"),
        ((), str(tmp_path / "none"), "No such file"),
        ((), str(empty), "holds no observable"),
    ]:
        with pytest.raises(click.UsageError, match=message):
            options.read_observables(texts, file)


def test_errors_name_file_line_and_column() -> None:
    error = ProgramError("parse", "unexpected '}'", 3, 5)
    assert options.describe("a.qasm", error) == "a.qasm:3:5: parse: unexpected '}'"
    assert options.describe("-", ProgramError("file", "empty")) == "standard input: file: empty"
    assert options.describe("a", ProgramError("parse", "x", 2)) == "a:2: parse: x"
