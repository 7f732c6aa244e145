"""Four-qubit programs that are run before any clock starts."""

from __future__ import annotations

_HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[4];\ncreg c[4];\n'
_CHAIN = "cx q[0],q[1];\ncx q[1],q[2];\ncx q[2],q[3];\n"
_MEASURE = "measure q -> c;\n"

CLIFFORD = f"{_HEAD}h q[0];\n{_CHAIN}{_MEASURE}"
GENERAL = f"{_HEAD}u3(0.3,0.1,0.7) q[0];\n{_CHAIN}ry(0.4) q[3];\n{_CHAIN}{_MEASURE}"
BELLS = (CLIFFORD, GENERAL)
DYNAMIC = """OPENQASM 3.0;
include "stdgates.inc";
qubit[4] q;
bit[4] c;
h q[0];
c[0] = measure q[0];
if (c[0]) {
  x q[1];
}
c[1] = measure q[1];
"""
PLAIN = f"{_HEAD}h q[0];\n{_CHAIN}ry(0.4) q[3];\n"
