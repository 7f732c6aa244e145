"""Running programs end to end: right distributions, honest plans, clear refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from markaz.quantum import Circuit, ProgramError, Result, explain, run
from markaz.quantum.programs.reference import amplitudes, distribution
from markaz.quantum.programs.transform import remove_measurements
from markaz.quantum.simulate import execute
from markaz.quantum.simulate.result import strings, tally
from markaz.testing.circuits import STYLES, exact_probabilities, random_circuit

HEADER = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
BELL = HEADER + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;"
# Frequencies of N shots leave a ball of radius r around the truth (total variation) with
# probability below (2**K - 2) exp(-2 N r**2): Weissman et al., HP Labs HPL-2003-97.
FALSE_ALARM = 1e-9  # a test; the suite makes fewer than a thousand such comparisons


def radius(outcomes: int, shots: int) -> float:
    return math.sqrt((outcomes * math.log(2) - math.log(FALSE_ALARM)) / (2 * shots))


def total_variation(result: Result, exact: np.ndarray) -> float:
    assert result.counts is not None
    found = np.zeros(len(exact))
    for bits, count in result.counts.items():
        found[int(bits, 2)] = count / result.shots
    return float(np.abs(found - exact).sum() / 2)


@pytest.mark.parametrize("style", STYLES)
def test_counts_follow_the_exact_distribution(style: str) -> None:
    rng = np.random.default_rng([3, list(STYLES).index(style)])
    for i in range(30):
        qubits = int(rng.integers(1, 6))
        circuit = random_circuit(rng, qubits, int(rng.integers(0, 40)), style)

        result = run(circuit, shots=20_000, seed=i)

        exact = exact_probabilities(circuit)
        assert total_variation(result, exact) < radius(len(exact), 20_000)


def test_values_are_exact() -> None:
    rng = np.random.default_rng(9)
    letters = {
        "I": np.eye(2),
        "X": [[0, 1], [1, 0]],
        "Y": [[0, -1j], [1j, 0]],
        "Z": [[1, 0], [0, -1]],
    }
    for i in range(30):
        n = int(rng.integers(1, 6))
        circuit = random_circuit(rng, n, int(rng.integers(0, 40)))
        labels = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(3)]
        state = amplitudes(remove_measurements(circuit))

        result = run(circuit, observables=[f"0.5*{a}" for a in labels], seed=i)

        for label, value in zip(labels, result.values or [], strict=True):
            matrix = np.eye(1)
            for letter in label:
                matrix = np.kron(matrix, letters[letter])
            assert value == pytest.approx(0.5 * np.vdot(state, matrix @ state).real, abs=1e-9)


def test_the_same_seed_gives_the_same_counts() -> None:
    assert run(BELL, seed=5).counts == run(BELL, seed=5).counts
    assert run(BELL, seed=5, memory=True).memory != run(BELL, seed=6, memory=True).memory


def test_a_seed_is_drawn_and_told() -> None:
    first = run(BELL)

    assert run(BELL, seed=first.seed).counts == first.counts


def test_replay_of_a_json_result_is_identical() -> None:
    text = (
        HEADER
        + "qreg q[6]; creg c[6]; "
        + "".join(f"ry(0.{i + 1}) q[{i}]; crx(0.7) q[{i}],q[{(i + 1) % 6}];" for i in range(6))
        + "measure q -> c;"
    )
    document = json.loads(json.dumps(run(text).to_json()))

    again = run(text, seed=document["seed"], shots=document["shots"], replay=document)

    assert again.counts == document["counts"]


def test_memory_agrees_with_counts_shot_by_shot() -> None:
    result = run(BELL, shots=300, seed=1, memory=True)

    assert result.memory is not None
    assert {k: result.memory.count(k) for k in set(result.memory)} == result.counts


def test_bits_are_qiskits_highest_index_left_registers_in_order() -> None:
    text = (
        HEADER
        + "qreg q[3]; creg a[1]; creg b[2]; x q[0]; x q[2];"
        + ("measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];")
    )

    result = run(text, shots=10)

    assert (result.counts, result.registers) == ({"101": 10}, (("a", 1), ("b", 2)))


def test_a_program_without_measurement_measures_everything_and_says_so() -> None:
    result = run(HEADER + "qreg q[2]; x q[1];", shots=7)

    assert (result.counts, result.measured) == ({"10": 7}, "implicit")


DYNAMIC = {
    "teleport": """OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[2] m; bit o;
        ry(1.1) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0];
        m[0] = measure q[0]; m[1] = measure q[1];
        if (m[1]) x q[2]; if (m[0]) z q[2]; o = measure q[2];""",
    "reset": """OPENQASM 3.0; include "stdgates.inc"; qubit q; bit[2] c;
        h q; c[0] = measure q; reset q; ry(0.7) q; c[1] = measure q;""",
    "until": """OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c;
        h q[0]; c[0] = measure q[0];
        while (c[0]) { ry(0.9) q[0]; cx q[0], q[1]; c[0] = measure q[0]; }
        c[1] = measure q[1];""",
    "switch": """OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; bit d;
        h q; c = measure q;
        switch (int(c)) { case 0 { x q[0]; } case 1, 2 { h q[0]; } default { ry(0.3) q[0]; } }
        d = measure q[0];""",
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in DYNAMIC if n != "until"])
def test_dynamic_programs_follow_their_branches(name: str) -> None:
    from markaz.quantum.programs.intake import load

    exact = distribution(load(DYNAMIC[name]))
    result = run(DYNAMIC[name], shots=20_000, seed=4)

    width = result.num_clbits
    probabilities = np.zeros(1 << width)
    for bits, probability in exact.items():
        probabilities[int(bits, 2)] += probability
    assert total_variation(result, probabilities) < radius(1 << width, 20_000)


def test_an_unbounded_loop_that_ends_is_run() -> None:
    result = run(DYNAMIC["until"], shots=500, seed=2)

    assert result.counts is not None
    assert {bits[1] for bits in result.counts} == {"0"}


def test_wide_programs_that_collapse_are_solved() -> None:
    n = 127
    chain = "".join(f"cx q[{i}],q[{i + 1}];" for i in range(n - 1))
    result = run(HEADER + f"qreg q[{n}]; creg c[{n}]; h q[0];{chain} measure q -> c;", seed=1)

    assert set(result.counts or ()) == {"0" * n, "1" * n}
    assert result.plan.engine == "markaz:direct"


DENSE_40 = (
    HEADER
    + "qreg q[40]; creg c[40];"
    + "".join(
        "".join(f"u3(0.3,{0.1 * i + layer},0.2) q[{i}];" for i in range(40))
        + "".join(f"cx q[{i}],q[{(i + s) % 40}];" for i in range(40))
        for layer, s in enumerate((1, 7, 13, 3, 11, 17, 5, 19, 9, 15, 2, 8))
    )
    + "measure q -> c;"
)


def test_what_nothing_can_run_in_time_is_an_error_that_says_so() -> None:
    with pytest.raises(ProgramError) as caught:
        run(DENSE_40, time_limit=1.5)

    assert caught.value.kind in ("limit-time", "limit-memory")
    assert "40 entangled qubits" in caught.value.message


def test_a_memory_limit_is_kept_and_named() -> None:
    with pytest.raises(ProgramError) as caught:
        run(DENSE_40, engine="prism:statevector", memory_limit=1 << 30)

    assert caught.value.kind in ("limit-memory", "engine")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"shots": 0}, "shots must be from 1"),
        ({"shots": 10**9}, "shots must be from 1"),
        ({"seed": -1}, "seed must be"),
        ({"time_limit": 0.0}, "time_limit must be positive"),
    ],
)
def test_bad_options_name_themselves(options: dict[str, float], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        run(BELL, **options)  # type: ignore[arg-type]


def test_unknown_engines_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ProgramError, match=r"no engine 'fast'; there are: .*markaz:dense"):
        run(HEADER + "qreg q[2]; ry(1) q[0]; ch q[0],q[1]; ch q[1],q[0];", engine="fast")


def test_explain_runs_nothing_and_considers_everything() -> None:
    plan = explain(DENSE_40)

    assert plan.facts["qubits"] == 40
    reasons = {c.engine: c.refused for c in plan.candidates}
    assert reasons["stim:stabilizer"] == "480 gates are not Clifford"
    assert reasons["markaz:dense"] is not None


YOUNG = ("prism", "qevedo", "panta")


@pytest.mark.parametrize("without", [*((y,) for y in YOUNG), YOUNG], ids="-".join)
def test_everything_works_without_young_engines(without: Sequence[str]) -> None:
    rng = np.random.default_rng(12)
    circuit: Circuit = random_circuit(rng, 5, 60, measured=5)

    result = run(circuit, shots=20_000, seed=1, without=without)

    exact = exact_probabilities(circuit)
    assert total_variation(result, exact) < radius(len(exact), 20_000)
    assert not any(part.engine.startswith(tuple(without)) for part in result.plan.parts)


def test_a_truncating_engine_is_not_taken_for_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "EXACT", 2.0)  # no bound is good enough

    with pytest.raises(ProgramError, match="truncated to fidelity"):
        run(
            HEADER + "qreg q[2]; ry(1) q[0]; ch q[0],q[1]; ch q[1],q[0];",
            min_fidelity=2.0,
            time_limit=2.0,
        )


@pytest.mark.parametrize("width", [1, 5, 62, 63, 64, 130])
def test_tally_and_strings_agree(width: int) -> None:
    bits = np.random.default_rng(width).integers(0, 2, (width, 9)).astype(np.uint8)
    bits[:, 3] = bits[:, 0]

    listed = strings(bits)

    assert tally(bits) == {k: listed.count(k) for k in set(listed)}
    assert listed[0] == "".join(str(b) for b in bits[::-1, 0])
