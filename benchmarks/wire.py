"""The runtime interface: the same client script against localqpu and against Markaz.

    python -m benchmarks.wire [--bells 12] [--batch 200] [--rounds 2] [--folder DIR]

localqpu is a test double of the same wire: jobs in memory, no login, no accounts. Both servers
run all the time and take turns; the client is unmodified and has an environment of its own
(`make bench` makes it). The clock runs from before `run` to the decoded result.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv-clients/localqpu/bin"
WIDE_SHOTS, WIDE_BITS = 100_000, 30


# What follows runs in the client's environment.


def connected(port: int | None) -> Any:
    """The service: localqpu at ``port``, or the centre that the environment names."""
    if port is None:
        from qiskit_ibm_runtime import QiskitRuntimeService

        return QiskitRuntimeService()
    from localqpu import connect

    return connect(port)


def bells(backend: Any, count: int) -> list[float]:
    """Seconds of one Bell job after another, the first two left out."""
    from qiskit_ibm_runtime import SamplerV2

    circuit = compiled(backend, 2)
    times = []
    for _ in range(count + 2):
        started = time.perf_counter()
        result = SamplerV2(mode=backend).run([circuit], shots=1024).result()
        times.append(time.perf_counter() - started)
        assert result[0].data.meas.num_shots == 1024
    return times[2:]


def batch(backend: Any, count: int) -> float:
    """Seconds of a batch of so many jobs, from the first submission to the last result."""
    from qiskit_ibm_runtime import Batch, SamplerV2

    circuit = compiled(backend, 2)
    started = time.perf_counter()
    with Batch(backend=backend) as mode:
        sampler = SamplerV2(mode=mode)
        jobs = [sampler.run([circuit], shots=100 + i) for i in range(count)]
        shots = [job.result()[0].data.meas.num_shots for job in jobs]
    seconds = time.perf_counter() - started
    assert shots == [100 + i for i in range(count)]
    return seconds


def wide(backend: Any) -> dict[str, Any]:
    """A large result: seconds of the whole job and of fetching and decoding it again."""
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import SamplerV2

    circuit = QuantumCircuit(WIDE_BITS)
    circuit.h(range(WIDE_BITS))
    circuit.measure_all()
    job = SamplerV2(mode=backend).run([circuit], shots=WIDE_SHOTS)
    job.result()
    again = backend.service.job(job.job_id())
    started = time.perf_counter()
    data = again.result()[0].data.meas
    seconds = time.perf_counter() - started
    assert (data.num_shots, data.num_bits) == (WIDE_SHOTS, WIDE_BITS)
    return {"job": job.job_id(), "fetched": seconds}


def compiled(backend: Any, qubits: int) -> Any:
    """A GHZ state in the instructions of the backend."""
    from qiskit import QuantumCircuit
    from qiskit.transpiler import generate_preset_pass_manager

    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for q in range(1, qubits):
        circuit.cx(q - 1, q)
    circuit.measure_all()
    return generate_preset_pass_manager(optimization_level=1, backend=backend).run(circuit)


def act_as_client(port: int | None) -> None:
    """Answer requests (lines of JSON: function and number) until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    backend = connected(port).backends()[0]
    does: dict[str, Callable[..., Any]] = {"bells": bells, "batch": batch, "wide": wide}
    for line in sys.stdin:
        name, *numbers = json.loads(line)
        answers.write(json.dumps(does[name](backend, *numbers)) + "\n")
        answers.flush()


# What follows runs in ours.


class Client:
    """A process of the client's environment."""

    def __init__(self, environment: Mapping[str, str], port: int | None) -> None:
        command = [str(ENVIRONMENT / "python"), "-W", "ignore", __file__, "--client"]
        command += [] if port is None else ["--port", str(port)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=dict(environment))

    def ask(self, *request: Any) -> Any:
        """What the function answered."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def localqpu() -> Iterator[int]:
    """A localqpu of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [str(ENVIRONMENT / "localqpu"), "start", "--port", str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int, seconds: float = 60.0) -> None:
    """Until something listens there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens at port {port}")


def variables(up: Mapping[str, Any], home: str) -> dict[str, str]:
    """The environment of a client of the centre: what `markaz env` prints."""
    place = {"MARKAZ_URL": up["url"], "MARKAZ_KEY": up["api_key"]}
    command = [str(Path(sys.executable).with_name("markaz")), "env"]
    text = subprocess.check_output(command, env=os.environ | place, text=True)
    words = [shlex.split(line) for line in text.splitlines()]
    found = dict(w[1].split("=", 1) for w in words if w and w[0] == "export")
    return os.environ | {"HOME": home, "NO_PROXY": "*"} | found


def run_seconds(up: Mapping[str, Any], job: str) -> float:
    """How long a job was with its worker: engine and encoding."""
    from benchmarks.service import Client as Rest

    return float(Rest(up["url"], up["api_key"]).ask("GET", f"/v1/jobs/{job}")["run_seconds"])


def compare(name: str, ours: list[float], theirs: list[float], target: float) -> None:
    """Print medians and their ratio."""
    a, b = statistics.median(ours), statistics.median(theirs)
    print(
        f"{name}: Markaz {a:.3f} s, localqpu {b:.3f} s (medians of {len(ours)}); "
        f"{a / b:.3f} x (target {target} x)",
        flush=True,
    )


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Start both, let them take turns, and print the figures."""
    from benchmarks.service import centre

    home = folder / "home"
    home.mkdir()
    with centre(folder / "data", None) as up, localqpu() as port:
        plain = os.environ | {"HOME": str(home), "NO_PROXY": "127.0.0.1"}
        ours, theirs = Client(variables(up, str(home)), None), Client(plain, port)
        try:
            found: dict[str, tuple[list[float], list[float]]] = {
                "bells": ([], []),
                "batch": ([], []),
            }
            for _ in range(options.rounds):
                for client, side in ((ours, 0), (theirs, 1)):
                    found["bells"][side].extend(client.ask("bells", options.bells))
            compare("a Bell job, submit to result", *found["bells"], 0.15)
            for _ in range(options.rounds):
                for client, side in ((ours, 0), (theirs, 1)):
                    found["batch"][side].append(client.ask("batch", options.batch))
            compare(f"a batch of {options.batch} jobs", *found["batch"], 0.15)
            large = ours.ask("wide")
            worker = run_seconds(up, large["job"])
            print(
                f"{WIDE_SHOTS} shots of {WIDE_BITS} bits: {worker:.3f} s at the worker, engine and "
                f"encoding, and {large['fetched']:.3f} s to fetch and decode; "
                f"together {worker + large['fetched']:.3f} s (target 0.5 s without the engine)"
            )
        finally:
            ours.close()
            theirs.close()


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bells", type=int, default=12)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--client", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        act_as_client(options.port)
        return
    if not ENVIRONMENT.exists():
        raise SystemExit("first: python tools/environment.py --clients localqpu")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="markaz-bench-") as name:
        measure(options, Path(name))


if __name__ == "__main__":
    main()
