"""Names of instructions that a QPY file may use.

Qiskit's reader calls whatever a name means in ``qiskit.circuit.library``. Listed are its
operations whose size is bounded by the file's own length and the qubits they act on.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMES: Final = _words(
    """
    AndGate AnnotatedOperation Barrier BitwiseXorGate BoxOp BreakLoopOp C3SXGate C3XGate
    C4XGate CCXGate CCZGate CHGate CPhaseGate CRXGate CRYGate CRZGate CSGate CSXGate CSdgGate
    CSwapGate CU1Gate CU3Gate CUGate CXGate CYGate CZGate Clifford ContinueLoopOp
    ControlledGate DCXGate Delay DiagonalGate ECRGate ExactReciprocalGate ForLoopOp
    FullAdderGate Gate GlobalPhaseGate GraphStateGate HGate HalfAdderGate
    IGate IfElseOp Initialize InnerProductGate Instruction IntegerComparatorGate Isometry
    LinearAmplitudeFunctionGate LinearFunction LinearPauliRotationsGate MCGupDiag MCMTGate
    MCPhaseGate MCU1Gate MCXGate MCXGrayCode MCXRecursive MCXVChain MSGate Measure
    ModularAdderGate MultiplierGate OrGate PauliEvolutionGate PauliGate
    PauliProductMeasurement PauliProductRotationGate PermutationGate PhaseGate
    PiecewiseLinearPauliRotationsGate PiecewisePolynomialPauliRotationsGate
    PolynomialPauliRotationsGate QFTGate QuadraticFormGate RC3XGate RCCXGate RGate RVGate
    RXGate RXXGate RYGate RYYGate RZGate RZXGate RZZGate Reset SGate SXGate SXdgGate SdgGate
    StatePreparation Store SwapGate SwitchCaseOp TGate TdgGate U1Gate U2Gate U3Gate UCGate
    UCPauliRotGate UCRXGate UCRYGate UCRZGate UGate UniformSuperpositionGate UnitaryGate
    WeightedSumGate WhileLoopOp XGate XXMinusYYGate XXPlusYYGate YGate ZGate iSwapGate
    """
)
# Parameters of these are numbers of qubits, or grow the definition like one.
SIZED: Final = _words(
    """
    AndGate BitwiseXorGate ExactReciprocalGate FullAdderGate HalfAdderGate InnerProductGate
    IntegerComparatorGate Isometry LinearAmplitudeFunctionGate LinearPauliRotationsGate
    MCGupDiag MCMTGate MCXVChain MSGate ModularAdderGate MultiplierGate OrGate
    PiecewiseLinearPauliRotationsGate PiecewisePolynomialPauliRotationsGate
    PolynomialPauliRotationsGate QuadraticFormGate UniformSuperpositionGate WeightedSumGate
    """
)
CONTROLLED: Final = _words("MCPhaseGate MCU1Gate MCXGate MCXGrayCode MCXRecursive MCXVChain")
