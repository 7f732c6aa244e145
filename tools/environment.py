"""Make the project's virtual environment from a lock file, or leave it if it is current.

Run by ``make setup`` with any Python 3: it needs nothing but the standard library, and
says what to install when even that is incomplete (Debian ships ``ensurepip`` apart).
``--clients NAME …`` makes the environments of other people's clients, for the tests that use
them. One that cannot be made is no error away from CI: its tests are skipped and say why.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CLIENTS = ROOT / ".venv-clients"
OWN_CLIENT = ROOT / "clients/markaz-client"
WITH_OWN_CLIENT = ("pennylane", "qiskit14")  # of the clients' environments
WARM_UP = ROOT / "src/markaz/quantum/kernels.py"

NO_VENV = """\
Python's `venv` module is incomplete here (no ensurepip), and there is no pip either.
On Debian or Ubuntu:  apt-get install python3-venv
On Fedora or RHEL:    dnf install python3-pip
Then run `make setup` again."""


def python_in(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / "bin" / "python"


def stamp_text(lock: Path, venv: Path, project: Path | None = ROOT) -> str:
    """What an environment was made from; another text means that it must be made again."""
    digest = hashlib.sha256()
    for part in (lock, *([project / "pyproject.toml"] if project else ())):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    digest.update(f"{venv}\n{sys.version}\n{sys.prefix}".encode())
    return digest.hexdigest() + "\n"


def run(*command: str | Path) -> None:
    """Run a command, free of the caller's Python settings; stop here when it fails."""
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise SystemExit(f"`{' '.join(str(c) for c in command)}` failed (exit {code}).")


def make_venv(venv: Path) -> list[str | Path]:
    """Create ``venv`` if its interpreter does not run; returns the pip command for it."""
    python = python_in(venv)
    pip: list[str | Path] = [python, "-I", "-m", "pip"]
    bundled: list[str] = []
    if not has_module("ensurepip"):
        if not has_module("pip"):
            raise SystemExit(NO_VENV)
        pip = [sys.executable, "-m", "pip", "--python", python]
        bundled = ["--without-pip"]
    if not works(python):
        run(sys.executable, "-m", "venv", "--clear", *bundled, venv)
    return pip


def has_module(name: str) -> bool:
    """Whether a module can be imported; an empty folder of its name does not count."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def works(python: Path) -> bool:
    """Whether this is an interpreter of the version that runs now."""
    if not python.exists():
        return False
    command = (python, "-c", "import sys; print(sys.version)")
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return str(answer.stdout).strip() == sys.version.strip()


def install(pip: list[str | Path], lock: Path, project: Path | None, *options: str) -> None:
    """Install exactly what the lock names, then the project itself, editable."""
    quiet = ("install", "--quiet", "--no-input", "--no-deps", "--root-user-action=ignore")
    print(f"Installing {lock.relative_to(ROOT)} (a minute or two the first time) …", flush=True)
    run(*pip, *quiet, *options, "--require-hashes", "--only-binary=:all:", "-r", lock)
    if project:
        run(*pip, *quiet, "--no-build-isolation", "--editable", project)


def warm_up(python: Path) -> None:
    """Compile the JIT kernels once, so that the first program need not wait for them."""
    subprocess.run([python, "-m", "compileall", "-q", ROOT / "src"], check=False)
    if not WARM_UP.exists():
        return
    command = (python, "-m", "markaz.quantum.kernels")
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"Kernels are not compiled ahead ({last}); they will be when first used.")


def make(lock: Path, venv: Path, project: Path | None, *options: str) -> None:
    """Bring ``venv`` in line with ``lock``, if it is not."""
    stamp = venv / f".made-from-{lock.name}"
    wanted = stamp_text(lock, venv, project)
    if stamp.exists() and stamp.read_text() == wanted and python_in(venv).exists():
        return
    pip = make_venv(venv)
    install(pip, lock, project, *options)
    if project == ROOT:
        warm_up(python_in(venv))
    stamp.write_text(wanted)
    print(f"Ready: {venv.relative_to(ROOT)}")


def make_client(name: str) -> None:
    """Make the environment of a client; what stops it is told to its tests, in CI to us."""
    lock = ROOT / f"requirements/clients-{name}.txt"
    missing = CLIENTS / f"{name}.missing"
    project = OWN_CLIENT if name in WITH_OWN_CLIENT else None
    try:
        make(lock, CLIENTS / name, project, "--no-compile", "--retries=1")
    except SystemExit as error:
        if os.environ.get("CI"):
            raise
        CLIENTS.mkdir(exist_ok=True)
        missing.write_text(f"{error}\n")
        print(f"No environment {name}: its tests will be skipped.", file=sys.stderr)
    else:
        missing.unlink(missing_ok=True)


def main() -> None:
    """Bring the environments on the command line in line with their lock files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path, nargs="?")
    parser.add_argument("--venv", type=Path, default=VENV)
    parser.add_argument("--no-project", action="store_true", help="only the locked packages")
    parser.add_argument("--clients", nargs="+", default=[], metavar="NAME")
    arguments = parser.parse_args()
    if sys.version_info < OLDEST:
        found = ".".join(str(n) for n in sys.version_info[:3])
        raise SystemExit(
            f"Markaz needs Python 3.11 or newer, and {sys.executable} is {found}. "
            "Name another one: make setup PYTHON=python3.12"
        )
    if arguments.lock is not None:
        project = None if arguments.no_project else ROOT
        make(arguments.lock.resolve(), arguments.venv.resolve(), project)
    for name in arguments.clients:
        make_client(name)


if __name__ == "__main__":
    main()
