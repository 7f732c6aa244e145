"""The ground state of a hydrogen molecule: a variational search in one session.

Needs the variables that `markaz env` prints: eval "$(markaz env)"
"""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import EstimatorV2, QiskitRuntimeService, Session

# Two qubits, bond length 0.735 angstrom, without the repulsion of the nuclei (hartree).
HYDROGEN = SparsePauliOp(
    ["II", "IZ", "ZI", "ZZ", "XX"],
    [-1.05237325, 0.39793742, -0.39793742, -0.01128010, 0.18093120],
)

theta = Parameter("theta")
ansatz = QuantumCircuit(2)
ansatz.x(0)
ansatz.ry(theta, 1)
ansatz.cx(1, 0)

backend = QiskitRuntimeService().least_busy()
with Session(backend=backend) as session:
    estimator = EstimatorV2(mode=session, options={"default_precision": 0.005})
    estimator.options.seed_estimator = 7  # the same values each time; or leave it out
    low, high = -np.pi, np.pi
    for _ in range(4):  # each job is a whole scan: one circuit with many parameter values
        angles = np.linspace(low, high, 17)
        energies = estimator.run([(ansatz, HYDROGEN, angles[:, None])]).result()[0].data.evs
        best = angles[int(np.argmin(energies))]
        low, high = best - (high - low) / 8, best + (high - low) / 8

exact = np.linalg.eigvalsh(HYDROGEN.to_matrix())[0]
print(f"found {energies.min():.3f} hartree at {best:.2f} rad; exact {exact:.3f}")
