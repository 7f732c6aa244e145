// some exporters forget the first two lines
qreg a[3];
creg left[1]; creg right[2];
h a; u2 ( 0 , pi ) a[1];
u3(pi/2,-pi/4, 3*pi/8) a[2]; // not cheap
u1(-0.5e-1) a[0]; u0(1) a[0]; id a[1];
cu1(pi/2) a[0],a[1]; cu3(0.1,0.2,0.3) a[1],a[2];
reset a[0];
barrier a[0],a[2];
barrier a;
measure a[0] -> left[0];
measure a[1] -> right[1];
