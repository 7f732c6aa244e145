// Every fact about a gate that the composer knows stands here once.
//
// A gate in the model is a base gate on its targets under any number of controls, so that
// CX is X with one control. Conventions are Qiskit's: qubit 0 is the least significant bit,
// and U(theta, phi, lambda) has a real upper left element.

const R = Math.SQRT1_2;

// A 2 × 2 matrix as [re, im] pairs in rows.
const u = (theta, phi, lambda, gamma = 0) => {
  const c = Math.cos(theta / 2);
  const s = Math.sin(theta / 2);
  const turned = (size, angle) => [size * Math.cos(angle), size * Math.sin(angle)];
  return [turned(c, gamma), turned(-s, gamma + lambda), turned(s, gamma + phi),
    turned(c, gamma + phi + lambda)];
};
const phase = (angle) => [[1, 0], [0, 0], [0, 0], [Math.cos(angle), Math.sin(angle)]];
const fixed = (...rows) => () => rows;

const ANGLE = ["pi/2"];
// name -> label, parameters that a new one has, targets, matrix of a gate on one qubit
export const GATES = {
  id: { label: "I", params: [], targets: 1, matrix: fixed([1, 0], [0, 0], [0, 0], [1, 0]) },
  x: { label: "X", params: [], targets: 1, matrix: fixed([0, 0], [1, 0], [1, 0], [0, 0]) },
  y: { label: "Y", params: [], targets: 1, matrix: fixed([0, 0], [0, -1], [0, 1], [0, 0]) },
  z: { label: "Z", params: [], targets: 1, matrix: fixed([1, 0], [0, 0], [0, 0], [-1, 0]) },
  h: { label: "H", params: [], targets: 1, matrix: fixed([R, 0], [R, 0], [R, 0], [-R, 0]) },
  s: { label: "S", params: [], targets: 1, matrix: fixed([1, 0], [0, 0], [0, 0], [0, 1]) },
  sdg: { label: "S†", params: [], targets: 1, matrix: fixed([1, 0], [0, 0], [0, 0], [0, -1]) },
  t: { label: "T", params: [], targets: 1, matrix: fixed([1, 0], [0, 0], [0, 0], [R, R]) },
  tdg: { label: "T†", params: [], targets: 1, matrix: fixed([1, 0], [0, 0], [0, 0], [R, -R]) },
  sx: { label: "√X", params: [], targets: 1,
    matrix: fixed([0.5, 0.5], [0.5, -0.5], [0.5, -0.5], [0.5, 0.5]) },
  sxdg: { label: "√X†", params: [], targets: 1,
    matrix: fixed([0.5, -0.5], [0.5, 0.5], [0.5, 0.5], [0.5, -0.5]) },
  p: { label: "P", params: ANGLE, targets: 1, matrix: phase },
  rx: { label: "RX", params: ANGLE, targets: 1, matrix: (a) => u(a, -Math.PI / 2, Math.PI / 2) },
  ry: { label: "RY", params: ANGLE, targets: 1, matrix: (a) => u(a, 0, 0) },
  rz: { label: "RZ", params: ANGLE, targets: 1,
    matrix: (a) => [[Math.cos(a / 2), -Math.sin(a / 2)], [0, 0], [0, 0],
      [Math.cos(a / 2), Math.sin(a / 2)]] },
  U: { label: "U", params: ["pi/2", "0", "pi"], targets: 1, matrix: u },
  // U with a phase; it always has a control, which can see the phase.
  cu: { label: "U", params: ["pi/2", "0", "pi", "0"], targets: 1, matrix: u, least: 1 },
  swap: { label: "SWAP", params: [], targets: 2 },
  rxx: { label: "RXX", params: ANGLE, targets: 2 },
  ryy: { label: "RYY", params: ANGLE, targets: 2 },
  rzz: { label: "RZZ", params: ANGLE, targets: 2 },
};

// What one can pick: name, base gate, controls, label, key that places it, kind for its colour.
export const PALETTE = [
  ["h", "h", 0, "H", "h", "mix"], ["x", "x", 0, "X", "x", "flip"],
  ["y", "y", 0, "Y", "y", "flip"], ["z", "z", 0, "Z", "z", "turn"],
  ["s", "s", 0, "S", "s", "turn"], ["sdg", "sdg", 0, "S†", "S", "turn"],
  ["t", "t", 0, "T", "t", "turn"], ["tdg", "tdg", 0, "T†", "T", "turn"],
  ["sx", "sx", 0, "√X", "v", "mix"], ["p", "p", 0, "P", "p", "turn"],
  ["rx", "rx", 0, "RX", "", "mix"], ["ry", "ry", 0, "RY", "", "mix"],
  ["rz", "rz", 0, "RZ", "", "turn"], ["u", "U", 0, "U", "u", "mix"],
  ["cx", "x", 1, "CX", "c", "flip"], ["cy", "y", 1, "CY", "", "flip"],
  ["cz", "z", 1, "CZ", "", "turn"], ["ch", "h", 1, "CH", "", "mix"],
  ["cp", "p", 1, "CP", "", "turn"], ["crx", "rx", 1, "CRX", "", "mix"],
  ["cry", "ry", 1, "CRY", "", "mix"], ["crz", "rz", 1, "CRZ", "", "turn"],
  ["swap", "swap", 0, "SWAP", "w", "flip"], ["rzz", "rzz", 0, "RZZ", "", "turn"],
  ["ccx", "x", 2, "CCX", "", "flip"], ["cswap", "swap", 1, "CSWAP", "", "flip"],
  ["measure", "measure", 0, "M", "m", "read"], ["reset", "reset", 0, "|0⟩", "0", "read"],
  ["barrier", "barrier", 0, "┆", "b", "read"],
].map(([name, base, controls, label, key, kind]) => ({ name, base, controls, label, key, kind }));

export const isGate = (op) => op.name in GATES;

// Every qubit of an operation: controls first, as they stand in the text.
export const qubitsOf = (op) => [...op.controls.map((one) => one.qubit), ...op.qubits];

// The kind that decides a base gate's colour.
export const kindOf = (name) =>
  PALETTE.find((one) => one.base === name)?.kind ?? (name === "sxdg" ? "mix" : "turn");

// Names for controlled gates that both the standard library and Qiskit have.
const CONTROLLED = {
  x: ["x", "cx", "ccx"], y: ["y", "cy"], z: ["z", "cz"], h: ["h", "ch"], p: ["p", "cp"],
  rx: ["rx", "crx"], ry: ["ry", "cry"], rz: ["rz", "crz"], swap: ["swap", "cswap"],
  cu: [null, "cu"],
};

// The name that says how many controls a gate has; null if none does.
export const plainName = (base, controls) =>
  (CONTROLLED[base] ?? [base])[controls] ?? null;

// A short name of what an operation is, for people.
export function shortName(op) {
  if (op.name === "cu") return `${"C".repeat(op.controls.length)}U`;
  const label = GATES[op.name]?.label;
  return label ? "C".repeat(op.controls.length) + label : op.name;
}
