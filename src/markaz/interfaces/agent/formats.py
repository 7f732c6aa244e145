"""Compiled circuits in the words that devices take."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from markaz.quantum.compile.compiled import physical_openqasm3
from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_openqasm import to_openqasm2
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import Op
