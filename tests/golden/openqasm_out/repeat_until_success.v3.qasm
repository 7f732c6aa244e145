OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
uint[3] tries = 0;
while (tries < 3) {
  tries = tries + 1;
  h q[0];
  c[0] = measure q[0];
  if (c[0]) {
    break;
  } else {
    reset q[0];
  }
}
if (!c[0] && (tries >= 3)) {
  c[1] = 1;
}
