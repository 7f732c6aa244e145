"""A Bell pair through QRMI, as a Slurm job runs it.

The resources come from the environment: in a Slurm job from the plug-in, elsewhere from what
docs/how-to/slurm-qrmi.md says to export.
"""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qrmi import QRMIService
from qrmi.primitives.ibm import SamplerV2, get_backend

resource = QRMIService().resources()[0]
token = resource.acquire()
try:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    backend = get_backend(resource)
    compiled = generate_preset_pass_manager(optimization_level=1, backend=backend).run(circuit)
    # With this seed the outcomes are the same each time; it can be left out.
    seeded = {"run_options": {"simulator": {"seed_simulator": 7}}}
    sampler = SamplerV2(resource, options=seeded)
    result = sampler.run([(compiled,)], shots=1000).result()
finally:
    resource.release(token)
counts = result[0].data.meas.get_counts()
print(f"{resource.resource_id()}: {dict(sorted(counts.items()))}")
