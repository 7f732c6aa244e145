// Operations in words, for people who do not see the picture.

import { PALETTE, shortName } from "./gates.js";
import { say } from "./words.js";
import { conditionText, namesOf } from "./writing.js";

export const names = (circuit) => ({ q: namesOf(circuit.qregs), c: namesOf(circuit.cregs) });

const entryOf = (op) => PALETTE.find((one) => one.base === op.name
  && one.controls === op.controls.length && op.name !== "cu");

// "H, Hadamard", "RX(pi/2), rotation about X"
export function gateName(op) {
  const angles = op.params.length ? `(${op.params.join(", ")})` : "";
  const entry = entryOf(op);
  const known = entry ? say(`gate-${entry.name}`) : "";
  if (["measure", "reset", "barrier"].includes(op.name)) return known;
  const label = `${shortName(op)}${angles}`;
  return known ? `${label}, ${known}` : label;
}

// The whole operation: what, where, under which condition.
export function whole(op, column, circuit) {
  const { q, c } = names(circuit);
  const targets = op.qubits.map((k) => q[k]).join(", ");
  const parts = [say("on", { gate: gateName(op), qubits: targets, column: column + 1 })];
  for (const { qubit, on } of op.controls) {
    parts.push(say(on ? "controlled" : "controlled-0", { qubit: q[qubit] }));
  }
  if (op.bit !== null) parts.push(say("into", { bit: c[op.bit] }));
  if (op.condition) parts.push(say("if", { condition: conditionText(op.condition, { q, c }) }));
  return parts.join("; ");
}

// What stands in a cell.
export function cell(op, wire, column, circuit) {
  const { q } = names(circuit);
  const place = { qubit: q[wire], column: column + 1 };
  if (!op) return say("cell-empty", place);
  if (op.qubits.includes(wire)) return say("cell", { ...place, what: whole(op, column, circuit) });
  const control = op.controls.some((one) => one.qubit === wire);
  return say(control ? "cell-control" : "cell-line", { ...place, gate: gateName(op) });
}
