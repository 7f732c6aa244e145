// Teleportation: a qubit's state crosses on one Bell pair and two classical bits.
// The receiver undoes the preparation, so `received` (leftmost bit) must always be 0,
// while the two bits sent are random: expect 000, 001, 010 and 011, a quarter each.
OPENQASM 3.0;
include "stdgates.inc";

qubit[3] q;
bit[2] sent;
bit[1] received;

// the message
ry(1.1) q[0];
rz(0.7) q[0];

// a shared Bell pair
h q[1];
cx q[1], q[2];

// the sender measures message and half of the pair together
cx q[0], q[1];
h q[0];
sent[0] = measure q[0];
sent[1] = measure q[1];

// the receiver corrects by what was sent
if (sent[1]) {
  x q[2];
}
if (sent[0]) {
  z q[2];
}

// undo the preparation
rz(-0.7) q[2];
ry(-1.1) q[2];
received[0] = measure q[2];
