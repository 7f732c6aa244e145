"""PennyLane at the centre: a rotation angle found by gradient descent.

Needs MARKAZ_URL and MARKAZ_KEY (`eval "$(markaz env)"`).
"""

from __future__ import annotations

import pennylane as qml
from markaz_client import Markaz
from pennylane import numpy as np

backend = Markaz().get_backend()
backend.set_options(seed_simulator=7)  # the same outcomes each time; or leave it out
device = qml.device("qiskit.remote", wires=2, backend=backend)


@qml.set_shots(4000)
@qml.qnode(device)
def bell():
    """Counts of a Bell pair."""
    qml.Hadamard(0)
    qml.CNOT([0, 1])
    return qml.counts()


@qml.set_shots(4000)
@qml.qnode(device, diff_method="parameter-shift")
def energy(angle):
    """<Z> of a rotated qubit: cos(angle), with a minimum of -1 at pi."""
    qml.RX(angle, wires=0)
    return qml.expval(qml.PauliZ(0))


counts = bell()
print("Bell pair:", {str(bits): int(n) for bits, n in sorted(counts.items())})

angle = np.array(1.0, requires_grad=True)
optimizer = qml.GradientDescentOptimizer(stepsize=0.8)
for _ in range(6):
    angle = optimizer.step(energy, angle)
print(f"lowest energy {float(energy(angle)):.2f} at {float(angle):.2f}")
