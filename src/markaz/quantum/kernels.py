"""Compile every kernel for this machine, once: what ``make setup`` runs at its end."""

from __future__ import annotations


def compile_all() -> None:
    """Kernels of simulation, then those of devices: compiling to them and their noise."""
    # All of these load Numba, and compiling loads Qiskit.
    from markaz.quantum.compile.warm import warm_up as warm_compiler  # noqa: PLC0415
    from markaz.quantum.simulate.kernels import compile_kernels  # noqa: PLC0415
    from markaz.quantum.simulate.noisy.warm import warm_up as warm_noise  # noqa: PLC0415

    compile_kernels()
    warm_noise()
    warm_compiler()


if __name__ == "__main__":
    compile_all()
