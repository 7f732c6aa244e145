// From circuit to text: OpenQASM 3, one statement a line, comments where they stood.

import { DEFINITIONS } from "./definitions.js";
import { plainName, qubitsOf } from "./gates.js";

// Names of all (qu)bits of a list of registers, in order.
export const namesOf = (registers) =>
  registers.flatMap(({ name, size }) => Array.from({ length: size }, (_, k) => `${name}[${k}]`));

export function write(circuit) {
  const names = { q: namesOf(circuit.qregs), c: namesOf(circuit.cregs) };
  const used = new Set(circuit.ops.map((op) => op.name));
  const lines = [
    ...circuit.head, "OPENQASM 3.0;", 'include "stdgates.inc";',
    ...Object.keys(DEFINITIONS).filter((name) => used.has(name)).map((name) => DEFINITIONS[name]),
    ...circuit.qregs.flatMap((one) => commented(one, `qubit[${one.size}] ${one.name};`)),
    ...circuit.cregs.flatMap((one) => commented(one, `bit[${one.size}] ${one.name};`)),
    ...statements(circuit, names), ...circuit.foot,
  ];
  return `${lines.join("\n")}\n`;
}

function commented(one, text, indent = "") {
  const beside = one.beside?.length ? ` ${one.beside.join(" ")}` : "";
  return [...(one.before ?? []).map((line) => indent + line), indent + text + beside];
}

function statements(circuit, names) {
  const lines = [];
  const { ops } = circuit;
  for (let i = 0; i < ops.length;) {
    const { condition } = ops[i];
    if (!condition) {
      const length = measuredAtOnce(circuit, i);
      lines.push(...(length > 1 ? atOnce(circuit, i, length) : plain(ops[i], circuit, names)));
      i += length;
      continue;
    }
    lines.push(`if (${conditionText(condition, names)}) {`);
    for (; ops[i]?.condition === condition; i += 1) {
      lines.push(...plain(ops[i], circuit, names, "  "));
    }
    lines.push("}");
  }
  return lines;
}

const plain = (op, circuit, names, indent = "") =>
  commented(op, statement(op, circuit, names), indent);

// How many operations from `i` on are `c = measure q;` of whole registers.
function measuredAtOnce({ ops, qregs, cregs }, i) {
  const first = ops[i];
  if (first.name !== "measure" || first.bit === null) return 1;
  const from = starting(qregs, first.qubits[0]);
  const to = starting(cregs, first.bit);
  if (!from || !to || from.size !== to.size) return 1;
  for (let k = 1; k < from.size; k += 1) {
    const op = ops[i + k];
    const fits = op?.name === "measure" && !op.condition && op.qubits[0] === first.qubits[0] + k
      && op.bit === first.bit + k && !op.before?.length && !ops[i + k - 1].beside?.length;
    if (!fits) return 1;
  }
  return from.size;
}

function starting(registers, number) {
  let offset = 0;
  for (const one of registers) {
    if (offset === number) return one;
    offset += one.size;
  }
  return null;
}

function atOnce({ ops, qregs, cregs }, i, length) {
  const from = starting(qregs, ops[i].qubits[0]);
  const to = starting(cregs, ops[i].bit);
  const both = { before: ops[i].before, beside: ops[i + length - 1].beside };
  return commented(both, `${to.name} = measure ${from.name};`);
}

export function conditionText({ form, value, register, bits }, names) {
  const what = register ?? names.c[bits[0]];
  if (form === "plain") return what;
  return form === "not" ? `!${what}` : `${what} ${form} ${value}`;
}

function statement(op, circuit, names) {
  const q = op.qubits.map((k) => names.q[k]).join(", ");
  switch (op.name) {
    case "measure": return op.bit === null ? `measure ${q};` : `${names.c[op.bit]} = measure ${q};`;
    case "reset": return `reset ${q};`;
    case "barrier": return `barrier ${together(op.qubits, circuit, names)};`;
    case "gphase": return `gphase(${op.params[0]});`;
    default: return gate(op, names);
  }
}

// Whole registers by their names.
function together(qubits, circuit, names) {
  const parts = [];
  for (let i = 0; i < qubits.length;) {
    const register = starting(circuit.qregs, qubits[i]);
    const whole = register && register.size > 1
      && Array.from({ length: register.size }, (_, k) => qubits[i] + k)
        .every((q, k) => qubits[i + k] === q);
    parts.push(whole ? register.name : names.q[qubits[i]]);
    i += whole ? register.size : 1;
  }
  return parts.join(", ");
}

function gate(op, names) {
  const params = op.params.length ? `(${op.params.join(", ")})` : "";
  const operands = qubitsOf(op).map((k) => names.q[k]).join(", ");
  const all = op.controls.every((one) => one.on);
  const known = all ? plainName(op.name, op.controls.length) : null;
  if (known) return `${known}${params} ${operands};`;
  return `${modifiers(op)}${op.name}${params} ${operands};`;
}

// The controls as modifiers, neighbours of a kind in one; cu has one of its own.
function modifiers(op) {
  const ons = op.controls.map((one) => one.on);
  if (op.name === "cu") ons.pop();
  let text = "";
  for (let i = 0; i < ons.length;) {
    let length = 1;
    while (i + length < ons.length && ons[i + length] === ons[i]) length += 1;
    text += `${ons[i] ? "ctrl" : "negctrl"}${length > 1 ? `(${length})` : ""} @ `;
    i += length;
  }
  return text;
}
