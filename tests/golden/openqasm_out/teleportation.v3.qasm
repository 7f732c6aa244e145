OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[1] a;
bit[1] b;
bit[1] out;
ry(1.1) q[0];
h q[1];
cx q[1], q[2];
cx q[0], q[1];
h q[0];
a[0] = measure q[0];
b[0] = measure q[1];
if (b[0] == 1) {
  x q[2];
}
if (a[0] == 1) {
  z q[2];
}
out[0] = measure q[2];
