// What can be done to a circuit. Nothing is changed in place: each edit gives a new circuit,
// and where there is one the operation that it is about: { circuit, op }.

import { GATES, PALETTE, isGate, qubitsOf } from "./gates.js";
import { bitCount, layout, qubitCount } from "./layout.js";
import { MOST_OPS, MOST_QUBITS } from "./reading.js";
import { Refused } from "./simulator.js";

const BLANK = { params: [], values: [], controls: [], qubits: [], bit: null, condition: null };

// A new operation of the palette's entry `name` at a qubit and column.
export function place(circuit, name, qubit, column) {
  if (circuit.ops.length >= MOST_OPS) throw new Refused("full", { most: MOST_OPS });
  const entry = PALETTE.find((one) => one.name === name);
  const { base, controls } = entry;
  if (base === "barrier") {
    const qubits = Array.from({ length: qubitCount(circuit) }, (_, k) => k);
    return insert(circuit, { ...BLANK, name: base, qubits }, column);
  }
  if (base === "measure") {
    const grown = withBit(circuit, qubit);
    return insert(grown, { ...BLANK, name: base, qubits: [qubit], bit: qubit }, column);
  }
  if (base === "reset") return insert(circuit, { ...BLANK, name: base, qubits: [qubit] }, column);
  const wires = near(qubit, controls + GATES[base].targets, qubitCount(circuit), entry.label);
  const params = [...GATES[base].params];
  const op = { ...BLANK, name: base, params, values: params.map(valueOf),
    controls: wires.slice(0, controls).map((one) => ({ qubit: one, on: true })),
    qubits: wires.slice(controls) };
  return insert(circuit, op, column);
}

const valueOf = (text) => ({ "pi/2": Math.PI / 2, pi: Math.PI, 0: 0 })[text];

// `count` qubits from `qubit` on downwards, then upwards.
function near(qubit, count, all, label) {
  if (count > all) throw new Refused("few-qubits", { gate: label, count });
  const wires = [];
  for (let q = qubit; q < all; q += 1) wires.push(q);
  for (let q = qubit - 1; q >= 0; q -= 1) wires.push(q);
  return wires.slice(0, count);
}

// The circuit with `op` in the first column from `column` on that its wires allow, and what
// stands there pushed to the right.
function insert(circuit, op, column) {
  const { columns } = layout(circuit);
  const before = circuit.ops.filter((one) => columns.get(one) < column);
  const after = circuit.ops.filter((one) => columns.get(one) >= column);
  return { circuit: { ...circuit, ops: [...before, op, ...after] }, op };
}

// A classical bit `bit`: the last register grows, or there will be one.
function withBit(circuit, bit) {
  const missing = bit + 1 - bitCount(circuit);
  if (missing <= 0) return circuit;
  const { cregs } = circuit;
  if (!cregs.length) {
    return { ...circuit, cregs: [{ name: freeName(circuit, "c"), size: missing }] };
  }
  return resize(circuit, "c", cregs.length - 1, cregs.at(-1).size + missing).circuit;
}

function freeName(circuit, wanted) {
  const taken = new Set([...circuit.qregs, ...circuit.cregs].map((one) => one.name));
  let name = wanted;
  for (let k = 0; taken.has(name); k += 1) name = `${wanted}${k}`;
  return name;
}

export const remove = (circuit, op) => ({
  circuit: { ...circuit, ops: circuit.ops.filter((one) => one !== op) },
});

export function replace(circuit, op, changes) {
  const fresh = { ...op, ...changes };
  return { circuit: { ...circuit, ops: circuit.ops.map((one) => (one === op ? fresh : one)) },
    op: fresh };
}

// The operation with the part at qubit `from` at qubit `to`; parts of its own change places.
export function rewire(circuit, op, from, to) {
  if (to < 0 || to >= qubitCount(circuit)) throw new Refused("edge");
  const swapped = (q) => (q === from ? to : q === to ? from : q);
  return replace(circuit, op, {
    qubits: op.qubits.map(swapped),
    controls: op.controls.map((one) => ({ ...one, qubit: swapped(one.qubit) })),
  });
}

// The operation moved so that what was at `from` is at `to`, as far as there are qubits, and
// in the first column from `column` on.
export function move(circuit, op, from, to, column) {
  const wires = qubitsOf(op);
  const low = -Math.min(...wires);
  const high = qubitCount(circuit) - 1 - Math.max(...wires);
  const by = Math.min(high, Math.max(low, to - from));
  const moved = { ...op, qubits: op.qubits.map((q) => q + by),
    controls: op.controls.map((one) => ({ ...one, qubit: one.qubit + by })) };
  return insert(remove(circuit, op).circuit, moved, column);
}

// The operation one place earlier (`by` < 0) or later, past what shares a wire with it.
export function shift(circuit, op, by) {
  const { columns } = layout(circuit);
  const column = columns.get(op);
  if (by < 0 && column === 0) throw new Refused("edge");
  const others = layout(remove(circuit, op).circuit);
  if (by > 0 && column + 1 > others.count) throw new Refused("edge");
  const moved = { ...op };
  return insert(remove(circuit, op).circuit, moved, by < 0 ? column - 1 : column + 1);
}

export function addControl(circuit, op) {
  if (!isGate(op)) throw new Refused("no-controls");
  const used = new Set(qubitsOf(op));
  const all = Array.from({ length: qubitCount(circuit) }, (_, k) => k);
  const free = all.filter((q) => !used.has(q));
  if (!free.length) throw new Refused("few-qubits", { gate: GATES[op.name].label,
    count: used.size + 1 });
  const [middle] = op.qubits;
  free.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle) || a - b);
  return replace(circuit, op, { controls: [{ qubit: free[0], on: true }, ...op.controls] });
}

export function removeControl(circuit, op, at = 0) {
  if (op.controls.length <= (GATES[op.name]?.least ?? 0)) throw new Refused("no-controls");
  return replace(circuit, op, { controls: op.controls.filter((_, k) => k !== at) });
}

// Registers. Operations on what goes away go away too.

export function resize(circuit, kind, number, size) {
  const list = kind === "q" ? circuit.qregs : circuit.cregs;
  const old = list[number].size;
  const total = list.reduce((sum, one) => sum + one.size, 0) - old + size;
  if (kind === "q" && total < 1) throw new Refused("edge");
  if (total > (kind === "q" ? MOST_QUBITS : 4 * MOST_QUBITS)) {
    throw new Refused("wide", { most: MOST_QUBITS });
  }
  const offset = list.slice(0, number).reduce((sum, one) => sum + one.size, 0);
  const gone = (k) => k >= offset + size && k < offset + old;
  const renumbered = (k) => (k >= offset + old ? k + size - old : k);
  const grown = list.map((one, k) => (k === number ? { ...one, size } : one));
  const registers = grown.filter((one) => one.size > 0);
  const ops = kind === "q" ? onQubits(circuit.ops, gone, renumbered)
    : onBits(circuit.ops, gone, renumbered, { name: list[number].name, offset, size });
  return { circuit: { ...circuit, ops, [kind === "q" ? "qregs" : "cregs"]: registers } };
}

function onQubits(ops, gone, renumbered) {
  return ops.map((op) => ({ ...op,
    qubits: (op.name === "barrier" ? op.qubits.filter((q) => !gone(q)) : op.qubits).map(
      (q) => (gone(q) ? -1 : renumbered(q))),
    controls: op.controls.map((one) => ({ ...one,
      qubit: gone(one.qubit) ? -1 : renumbered(one.qubit) })) }))
    .filter((op) => !qubitsOf(op).includes(-1) && (op.name !== "barrier" || op.qubits.length));
}

function onBits(ops, gone, renumbered, register) {
  const fresh = new Map(); // old condition -> new one, so that blocks stay together
  const condition = (old) => {
    if (!old) return null;
    const whole = old.register === register.name;
    const bits = whole ? Array.from({ length: register.size }, (_, k) => register.offset + k)
      : old.bits.map(renumbered);
    if (!fresh.has(old)) fresh.set(old, { ...old, bits });
    return fresh.get(old);
  };
  const lost = ({ bit, condition: c }) => (bit !== null && gone(bit)) || c?.bits.some(gone);
  return ops.filter((op) => !lost(op)).map((op) => ({ ...op,
    bit: op.bit === null ? null : renumbered(op.bit), condition: condition(op.condition) }));
}

// A register of one classical bit.
export function addBits(circuit) {
  const cregs = [...circuit.cregs, { name: freeName(circuit, "c"), size: 1 }];
  return { circuit: { ...circuit, cregs } };
}

// A measurement of every qubit into the bit of its number, at the end.
export function measureAll(circuit) {
  const count = qubitCount(circuit);
  const grown = withBit(circuit, count - 1);
  if (circuit.ops.length + count > MOST_OPS) throw new Refused("full", { most: MOST_OPS });
  const added = Array.from({ length: count }, (_, q) =>
    ({ ...BLANK, name: "measure", qubits: [q], bit: q }));
  return { circuit: { ...grown, ops: [...grown.ops, ...added] } };
}
