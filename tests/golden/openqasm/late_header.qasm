qreg q[1];
creg c[1];
OPENQASM 2.0;
include "qelib1.inc";
sdg q[0];
