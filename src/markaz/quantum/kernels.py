"""Compile every kernel for this machine, once: what ``make setup`` runs at its end."""

from __future__ import annotations

from importlib import import_module


def compile_all() -> None:
    """Kernels of simulation, then those of devices: compiling to them and their noise."""
    # All of these load Numba, and compiling loads Qiskit.
    from markaz.quantum.compile.warm import warm_up  # noqa: PLC0415
    from markaz.quantum.simulate.jit import warm_all  # noqa: PLC0415
    from markaz.quantum.simulate.kernels import compile_kernels  # noqa: PLC0415

    compile_kernels()
    for name in ("kernels_shots", "kernel_exact"):
        import_module(f"markaz.quantum.simulate.noisy.{name}")
    warm_all()
    warm_up()


if __name__ == "__main__":
    compile_all()
