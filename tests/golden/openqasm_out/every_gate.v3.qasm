OPENQASM 3.0;
include "stdgates.inc";
gate sxdg a { inv @ sx a; }
gate cs a, b { t a; cx a, b; tdg b; cx a, b; t b; }
gate csdg a, b { tdg a; cx a, b; t b; cx a, b; tdg b; }
gate csx a, b { h b; cp(pi/2) a, b; h b; }
gate iswap a, b { s a; s b; h a; cx a, b; cx b, a; h b; }
gate ecr a, b { gphase(-pi/4); s a; sx b; cx a, b; x a; }
gate dcx a, b { cx a, b; cx b, a; }
gate rxx(theta) a, b { h a; h b; cx a, b; rz(theta) b; cx a, b; h a; h b; }
gate ryy(theta) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(theta) b; cx a, b; rx(-pi/2) a; rx(-pi/2) b; }
gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }
gate rzx(theta) a, b { h b; cx a, b; rz(theta) b; cx a, b; h b; }
gate ccz a, b, c { h c; ccx a, b, c; h c; }
gate rccx a, b, c { h c; t c; cx b, c; tdg c; cx a, c; t c; cx b, c; tdg c; h c; }
qubit[4] q;
gphase(0.5);
id q[0];
x q[0];
y q[0];
z q[0];
h q[0];
s q[0];
sdg q[0];
t q[0];
tdg q[0];
sx q[0];
sxdg q[0];
p(pi/4) q[0];
rx(pi/4) q[0];
ry(pi/4) q[0];
rz(pi/4) q[0];
U(pi/4, -0.1, 1.0e-09) q[0];
cx q[0], q[1];
cy q[0], q[1];
cz q[0], q[1];
ch q[0], q[1];
cs q[0], q[1];
csdg q[0], q[1];
csx q[0], q[1];
cp(pi/4) q[0], q[1];
crx(pi/4) q[0], q[1];
cry(pi/4) q[0], q[1];
crz(pi/4) q[0], q[1];
cu(pi/4, -0.1, 1.0e-09, 2.5) q[0], q[1];
swap q[0], q[1];
iswap q[0], q[1];
ecr q[0], q[1];
dcx q[0], q[1];
rxx(pi/4) q[0], q[1];
ryy(pi/4) q[0], q[1];
rzz(pi/4) q[0], q[1];
rzx(pi/4) q[0], q[1];
ccx q[0], q[1], q[2];
ccz q[0], q[1], q[2];
cswap q[0], q[1], q[2];
rccx q[0], q[1], q[2];
ctrl(3) @ x q[0], q[1], q[2], q[3];
ctrl(3) @ p(pi/4) q[0], q[1], q[2], q[3];
