// From circuit to Python with Qiskit.

import { inPython } from "./expressions.js";
import { plainName, qubitsOf } from "./gates.js";

const CLASSES = { id: "IGate", x: "XGate", y: "YGate", z: "ZGate", h: "HGate", s: "SGate",
  sdg: "SdgGate", t: "TGate", tdg: "TdgGate", sx: "SXGate", sxdg: "SXdgGate", p: "PhaseGate",
  rx: "RXGate", ry: "RYGate", rz: "RZGate", U: "UGate", cu: "CUGate", swap: "SwapGate",
  rxx: "RXXGate", ryy: "RYYGate", rzz: "RZZGate" };
const METHODS = { U: "u" };
const TAKEN = new Set(["circuit", "expr", "pi", "tau", "e", "and", "as", "assert", "async",
  "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for",
  "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
  "return", "try", "while", "with", "yield", "None", "True", "False", "sin", "cos", "tan", "exp",
  "log", "sqrt", "asin", "acos", "atan", "abs"]);

export function qiskit(circuit) {
  const used = { math: new Set(), classes: new Set(), expr: false };
  const qregs = named(circuit.qregs, "q");
  const cregs = named(circuit.cregs, "c");
  const where = { q: elements(qregs), c: elements(cregs), cregs };
  const body = statements(circuit, where, used);
  const all = [...qregs, ...cregs].map((one) => one.variable);
  return `${[
    ...comments(circuit.head),
    ...(used.math.size ? [`from math import ${[...used.math].sort().join(", ")}`, ""] : []),
    "from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister",
    ...(used.expr ? ["from qiskit.circuit.classical import expr"] : []),
    ...(used.classes.size
      ? [`from qiskit.circuit.library import ${[...used.classes].sort().join(", ")}`] : []),
    "",
    ...qregs.map((one) => `${one.variable} = QuantumRegister(${one.size}, "${one.name}")`),
    ...cregs.map((one) => `${one.variable} = ClassicalRegister(${one.size}, "${one.name}")`),
    `circuit = QuantumCircuit(${all.join(", ")})`,
    ...body,
  ].join("\n")}\n`;
}

const named = (registers, prefix) => registers.map((one, k) => ({ ...one,
  variable: /^[A-Za-z_]\w*$/.test(one.name) && !TAKEN.has(one.name) && !one.name.endsWith("Gate")
    ? one.name : `${prefix}_${k}` }));

const elements = (registers) => registers.flatMap(({ variable, size }) =>
  Array.from({ length: size }, (_, k) => `${variable}[${k}]`));

const comments = (lines) => lines.filter((one) => one.startsWith("\x2f/"))
  .map((one) => `#${one.slice(2)}`);

function statements({ ops }, where, used) {
  const lines = [];
  let before = null;
  for (const op of ops) {
    if (op.condition && op.condition !== before) {
      lines.push(`with circuit.if_test(${asked(op.condition, where, used)}):`);
    }
    before = op.condition;
    const indent = op.condition ? "    " : "";
    lines.push(...comments(op.before ?? []).map((one) => indent + one),
      indent + statement(op, where, used));
  }
  return lines;
}

function asked({ bits, register, form, value }, { c, cregs }, used) {
  const whole = cregs.find((one) => one.name === register);
  if (bits.length > 1 && form === "!=") {
    used.expr = true;
    return `expr.not_equal(${whole.variable}, ${value})`;
  }
  const wanted = form === "!=" ? 1 - value : value;
  return `(${whole ? whole.variable : c[bits[0]]}, ${wanted})`;
}

function statement(op, where, used) {
  const q = qubitsOf(op).map((k) => where.q[k]);
  switch (op.name) {
    case "measure": return op.bit === null ? `# measure ${q[0]}`
      : `circuit.measure(${q[0]}, ${where.c[op.bit]})`;
    case "reset": return `circuit.reset(${q[0]})`;
    case "barrier": return `circuit.barrier(${q.join(", ")})`;
    case "gphase": return `circuit.global_phase += ${angle(op, 0, used)}`;
    default:
  }
  const angles = op.params.map((_, k) => angle(op, k, used));
  const on = op.controls.every((one) => one.on);
  const name = on ? plainName(op.name, op.controls.length) : null;
  if (name) return `circuit.${METHODS[name] ?? name}(${[...angles, ...q].join(", ")})`;
  used.classes.add(CLASSES[op.name]);
  const made = `${CLASSES[op.name]}(${angles.join(", ")})${controls(op)}`;
  return `circuit.append(${made}, [${q.join(", ")}])`;
}

// The first control is the rightmost digit; CU has one of its own.
function controls(op) {
  const ons = op.controls.map((one) => one.on);
  if (op.name === "cu") ons.pop();
  const state = ons.map(Number).reverse().join("");
  const plain = ons.every(Boolean);
  return `.control(${ons.length}${plain ? "" : `, ctrl_state="${state}"`}, annotated=False)`;
}

function angle(op, k, used) {
  const text = inPython(op.params[k]);
  if (text === null) return String(op.values[k]);
  for (const [name] of text.matchAll(/(?<![\w.])[a-z]+/g)) if (name !== "abs") used.math.add(name);
  return text;
}
