// MaxCut on a ring of six nodes by one layer of QAOA, with its two angles left open:
//   markaz run --param gamma=0.785398 --param beta=0.392699 qaoa_ring.qasm
// At these angles (pi/4, pi/8) three of four edges are cut on average, the best that one
// layer can do on a long ring. The two perfect cuts, 010101 and 101010, lead the histogram.
OPENQASM 3.0;
include "stdgates.inc";

input float[64] gamma;
input float[64] beta;

gate edge(theta) a, b {
  cx a, b;
  rz(-theta) b;
  cx a, b;
}

qubit[6] node;
bit[6] side;

h node;

edge(gamma) node[0], node[1];
edge(gamma) node[1], node[2];
edge(gamma) node[2], node[3];
edge(gamma) node[3], node[4];
edge(gamma) node[4], node[5];
edge(gamma) node[5], node[0];

rx(2 * beta) node;

side = measure node;
