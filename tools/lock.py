"""Write the lock files: exact versions with hashes, and no address to fetch them from.

The widest set (``bench.txt``) is resolved first and the narrower ones are held to its
versions, so that installing one over another never changes a version. The environments of
other people's clients (``clients-*.in``) stand alone: each is what a user would have. Run by
``make lock`` with the interpreter of a virtual environment that has uv.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path("requirements")
# File name and extras, widest first.
LOCKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("bench.txt", ("dev", "bench")),
    ("dev.txt", ("dev",)),
    ("lock.txt", ("qsim", "plot", "s3")),
)
HEADER = "# Written by `make lock`; do not edit.\n"
COMMON = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-python-downloads",
    "--quiet",
)
# Some packages of clients have no wheel in some versions, and building them may fail.
WHEELS = ("--only-binary=:all:",)


# The resolver repeats on every line what `[tool.uv] environments` says. It is dropped: on
# any other platform pip then says which package has no wheel, instead of installing nothing.
_X86 = (
    "platform_machine == 'x86_64' and platform_python_implementation == 'CPython'"
    " and sys_platform == 'linux'"
)
_BOTH = f"(({_X86.replace('x86_64', 'aarch64')}) or ({_X86}))"
MARKERS: tuple[tuple[str, str], ...] = (
    (f" and {_BOTH}", ""),
    (_X86, "platform_machine == 'x86_64'"),
    (" and python_full_version < '3.14'", ""),
    (" ; python_full_version < '3.14' and ", " ; "),
    (" ; python_full_version < '3.14' \\", " \\"),
    ("python_full_version == '3.13.*'", "python_full_version >= '3.13'"),
)


def compile_lock(source: str, target: Path, extra_args: list[str]) -> None:
    """Resolve ``source`` into ``target``; versions already there are kept if they still fit."""
    command = [sys.executable, "-m", "uv", "pip", "compile", source, *COMMON, *extra_args]
    subprocess.run([*command, f"--output-file={target}"], check=True)
    target.write_text(HEADER + tidy(target.read_text()))


def tidy(text: str) -> str:
    """Lock text with short markers, and only packages in the ``# via`` notes."""
    text = text.removeprefix(HEADER)
    for long, short in MARKERS:
        text = text.replace(long, short)
    text = re.sub(r"    #   -c \S+\n", "", text)
    return re.sub(r"    # via\n    #   (\S.*)\n(?!    #   )", r"    # via \1\n", text)


def main() -> None:
    """Resolve all lock files of the repository."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    widest = REQUIREMENTS / LOCKS[0][0]
    for name, extras in LOCKS:
        arguments = [f"--extra={extra}" for extra in extras] + upgrade
        if name != widest.name:
            arguments.append(f"--constraints={widest}")
        compile_lock("pyproject.toml", REQUIREMENTS / name, arguments)
    compile_lock(str(REQUIREMENTS / "tools.in"), REQUIREMENTS / "tools.txt", upgrade)
    for source in sorted(REQUIREMENTS.glob("clients-*.in")):
        compile_lock(str(source), source.with_suffix(".txt"), [*WHEELS, *upgrade])


if __name__ == "__main__":
    main()
