"""Time to an answer from a cold shell, against ``python -c "import qiskit"`` in the same run.

python -m benchmarks.startup [--runs 9]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import report

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""
TARGETS = {"markaz --help": 0.3, "markaz run bell.qasm": 1.2, "markaz run bell.qasm --json": 1.2}
REFERENCE = "import qiskit"


def seconds(command: list[str]) -> float:
    """Wall time of one process; raises if it fails or a command of ours says nothing."""
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True)
    spent = time.perf_counter() - start
    if not done.stdout and "import qiskit" not in command:
        raise RuntimeError(f"no output from {' '.join(command)}")
    return spent


def commands(bell: str) -> dict[str, list[str]]:
    """The commands by name."""
    script = Path(sys.executable).with_name("markaz")
    # Without an installation the same entry point, as the script would call it.
    entry = [sys.executable, "-c", "from markaz.interfaces.cli.main import main; main()"]
    markaz = [str(script)] if script.exists() else entry
    return {
        REFERENCE: [sys.executable, "-c", "import qiskit"],
        "markaz --help": [*markaz, "--help"],
        "markaz run bell.qasm": [*markaz, "run", bell],
        "markaz run bell.qasm --json": [*markaz, "run", bell, "--json"],
    }


def main() -> None:
    """Run the commands in turn and print the ratios of medians."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bell = Path(folder) / "bell.qasm"
        bell.write_text(BELL)
        todo = commands(str(bell))
        for command in todo.values():
            seconds(command)  # what only the first run after an installation pays
        times: dict[str, list[float]] = {name: [] for name in todo}
        for _ in range(args.runs):
            for name, command in todo.items():
                times[name].append(seconds(command))
    rows = [(n, median(t), min(t), max(t)) for n, t in times.items()]
    print(report.table(("command", "median s", "min", "max"), rows) + "\n")
    for name, target in TARGETS.items():
        ratio = median(times[name]) / median(times[REFERENCE])
        print(report.verdict(f"{name} / {REFERENCE}", ratio, target))


if __name__ == "__main__":
    main()
