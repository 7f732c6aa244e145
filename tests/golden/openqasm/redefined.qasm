OPENQASM 2.0;
include "qelib1.inc";
gate h a { u3(pi/4,0,pi) a; }            // not what h is elsewhere
gate swap a,b { cx a,b; cx b,a; cx a,b; }
gate ryy(param0) q0,q1 { sxdg q0; sxdg q1; cx q0,q1; rz(param0) q1; cx q0,q1; sx q0; sx q1; }
gate iswap q0,q1 { x q0; }               // a name, another body
opaque magic(a) p,q;                     // never used
gate twice(t) a,b { iswap b,a; barrier a,b; ryy(t/2) a,b; h a; }
qreg q[2];
h q[0];
swap q[0],q[1];
ryy(0.25) q[0],q[1];
twice(1/2 + 2^-2) q[1],q[0];
