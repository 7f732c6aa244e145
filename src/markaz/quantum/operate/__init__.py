"""How jobs run on a device that is no simulator: compiled, executed, mitigated, measured."""
