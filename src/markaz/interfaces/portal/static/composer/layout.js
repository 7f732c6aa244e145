// Where operations stand: each in the first column in which all its wires are free.
//
// Wires are the qubits from the top, then one for each classical register. An operation
// takes all wires from its first to its last, since lines are drawn between them.

import { qubitsOf } from "./gates.js";

export const qubitCount = ({ qregs }) => qregs.reduce((sum, one) => sum + one.size, 0);
export const bitCount = ({ cregs }) => cregs.reduce((sum, one) => sum + one.size, 0);

// The number of the classical register that holds a bit.
export function registerOf(circuit, bit) {
  let offset = 0;
  return circuit.cregs.findIndex((one) => {
    offset += one.size;
    return bit < offset;
  });
}

// First and last wire of an operation; null for one without any.
export function span(op, circuit) {
  const wires = qubitsOf(op);
  const qubits = qubitCount(circuit);
  const bits = [...(op.bit === null ? [] : [op.bit]), ...(op.condition?.bits ?? [])];
  for (const bit of bits) wires.push(qubits + registerOf(circuit, bit));
  return wires.length ? [Math.min(...wires), Math.max(...wires)] : null;
}

// { columns: Map of operation -> column, count, cells: Map of "wire,column" -> operation }.
export function layout(circuit) {
  const free = new Array(qubitCount(circuit) + circuit.cregs.length).fill(0);
  const columns = new Map();
  const cells = new Map();
  for (const op of circuit.ops) {
    const reach = span(op, circuit);
    if (!reach) {
      columns.set(op, -1);
      continue;
    }
    const [first, last] = reach;
    const column = Math.max(...free.slice(first, last + 1));
    free.fill(column + 1, first, last + 1);
    columns.set(op, column);
    for (let wire = first; wire <= last; wire += 1) cells.set(`${wire},${column}`, op);
  }
  return { columns, cells, count: Math.max(0, ...free) };
}
