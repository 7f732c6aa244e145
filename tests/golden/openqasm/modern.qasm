OPENQASM 3.1;
include "stdgates.inc";
#pragma layout trivial
const int n = 4; const float step = pi / n;
qubit[n] q;
bit[n] c; bit flag;
input angle theta;
gate kick(a) x, y { gphase(a/4); ctrl @ rz(a) x, y; inv @ s y; }
let odd = q[1:2:3]; let both = odd ++ q[{0}];
@annotated here
for uint i in [0:n-1] { ry(i*step) q[i]; }
kick(theta) both[0], both[-1];
negctrl @ ctrl @ x q[0], q[1], q[2];
pow(0.5) @ z q[3];
flag = measure q[0];
uint[2] seen = 1;
if (flag) { seen += 1; x odd; } else if (c == "0011" || !flag) { reset q[3]; }
switch (seen) { case 0, 1 { x q[2]; } default { z q[2]; } }
c[2:3] = measure q[2:3];
measure q[0:1] -> c[0:1];
