"""A Bell pair at the centre. Nothing here is particular to it.

Needs the variables that `markaz env` prints: eval "$(markaz env)"
"""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2

service = QiskitRuntimeService()
backend = service.least_busy()

circuit = QuantumCircuit(2)
circuit.h(0)
circuit.cx(0, 1)
circuit.measure_all()

compiled = generate_preset_pass_manager(optimization_level=1, backend=backend).run(circuit)
sampler = SamplerV2(mode=backend)
sampler.options.simulator.seed_simulator = 7  # the same outcomes each time; or leave it out
job = sampler.run([compiled], shots=1000)
counts = job.result()[0].data.meas.get_counts()
print(f"{backend.name}: {dict(sorted(counts.items()))}")
print(f"job {job.job_id()} used {job.usage():.3f} s")
