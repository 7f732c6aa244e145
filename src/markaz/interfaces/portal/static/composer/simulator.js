// A small simulator of state vectors: exact amplitudes, and exact branches of measurements.
//
// Amplitudes lie in two Float64Arrays; qubit 0 is the least significant bit of an index. A
// measurement whose qubit and bit nothing asks for afterwards is left to the end, where the
// probabilities tell it; any other one, and a reset, splits the state into branches, each
// with its probability as the squared norm of its state and with its classical bits.

import { GATES } from "./gates.js";

export const MOST_QUBITS = 12;
const MOST_BRANCHES = 256;
const MOST_WORK = 6e7; // amplitudes touched
const MERGE_FROM = 16; // branches
const NEGLIGIBLE = 1e-14;

// What cannot be computed here; `key` and `values` say why, in words.js.
export class Refused extends Error {
  constructor(key, values = {}) {
    super(key);
    Object.assign(this, { key, values });
  }
}

// Simulates `ops` on `qubits` qubits and `bits` classical bits. Gives { branches, ended }:
// branches of { re, im, bits }, and the bits that the end measures: [[qubit, bit]].
export function simulate(ops, qubits, bits) {
  if (qubits > MOST_QUBITS) throw new Refused("too-wide", { most: MOST_QUBITS });
  const ended = atTheEnd(ops);
  let branches = [start(qubits, bits)];
  let work = 0;
  ops.forEach((op, number) => {
    work += branches.length << qubits;
    if (work > MOST_WORK) throw new Refused("too-long");
    if (ended.has(number)) return;
    branches = branches.flatMap((branch) => (holds(op.condition, branch.bits)
      ? step(op, branch) : [branch]));
    if (branches.length > MERGE_FROM) branches = merged(branches);
    if (branches.length > MOST_BRANCHES) throw new Refused("too-many", { most: MOST_BRANCHES });
  });
  return { branches, ended: [...ended].map((number) => [ops[number].qubits[0], ops[number].bit]) };
}

// The measurements after which nothing touches their qubit or asks for their bit.
function atTheEnd(ops) {
  const found = new Set();
  const touched = new Set();
  const asked = new Set();
  for (let i = ops.length - 1; i >= 0; i -= 1) {
    const { name, qubits, bit, controls, condition } = ops[i];
    if (name === "barrier") continue;
    const free = name === "measure" && !condition && !touched.has(qubits[0]) && !asked.has(bit);
    if (free) found.add(i);
    for (const q of qubits) touched.add(q);
    for (const one of controls) touched.add(one.qubit);
    for (const b of condition?.bits ?? []) asked.add(b);
    // What is written again later is not told by this measurement.
    if (bit !== null) asked.add(bit);
  }
  return found;
}

function start(qubits, bits) {
  const re = new Float64Array(1 << qubits);
  re[0] = 1;
  return { re, im: new Float64Array(1 << qubits), bits: new Uint8Array(bits) };
}

function holds(condition, bits) {
  if (!condition) return true;
  const value = condition.bits.reduce((sum, b, k) => sum + bits[b] * 2 ** k, 0);
  return condition.form === "!=" ? value !== condition.value : value === condition.value;
}

// What an operation makes of a branch. Gates work in place: nobody else has the arrays.
function step(op, branch) {
  switch (op.name) {
    case "barrier": return [branch];
    case "measure": return split(branch, op.qubits[0], op.bit, false);
    case "reset": return split(branch, op.qubits[0], null, true);
    case "gphase": turn(branch, op.values[0]); return [branch];
    default:
  }
  let mask = 0;
  let wanted = 0;
  for (const { qubit, on } of op.controls) {
    mask |= 1 << qubit;
    if (on) wanted |= 1 << qubit;
  }
  if (GATES[op.name].targets === 1) {
    one(branch, GATES[op.name].matrix(...op.values), 1 << op.qubits[0], mask, wanted);
  } else if (op.name === "swap") {
    swap(branch, 1 << op.qubits[0], 1 << op.qubits[1], mask, wanted);
  } else {
    paulis(branch, op.name, op.values[0], 1 << op.qubits[0], 1 << op.qubits[1], mask, wanted);
  }
  return [branch];
}

function one({ re, im }, matrix, target, mask, wanted) {
  const [[ar, ai], [br, bi], [cr, ci], [dr, di]] = matrix;
  for (let i = 0; i < re.length; i += 1) {
    if (i & target || (i & mask) !== wanted) continue;
    const j = i | target;
    const [xr, xi, yr, yi] = [re[i], im[i], re[j], im[j]];
    re[i] = ar * xr - ai * xi + br * yr - bi * yi;
    im[i] = ar * xi + ai * xr + br * yi + bi * yr;
    re[j] = cr * xr - ci * xi + dr * yr - di * yi;
    im[j] = cr * xi + ci * xr + dr * yi + di * yr;
  }
}

function swap({ re, im }, a, b, mask, wanted) {
  for (let i = 0; i < re.length; i += 1) {
    if (!(i & a) || i & b || (i & mask) !== wanted) continue;
    const j = i ^ a ^ b;
    [re[i], re[j]] = [re[j], re[i]];
    [im[i], im[j]] = [im[j], im[i]];
  }
}

// exp(-i angle/2 PP) for PP = XX, YY or ZZ.
function paulis({ re, im }, name, angle, a, b, mask, wanted) {
  const c = Math.cos(angle / 2);
  const s = Math.sin(angle / 2);
  const flip = name === "rzz" ? 0 : a | b;
  for (let i = 0; i < re.length; i += 1) {
    const j = i ^ flip;
    if (j < i || (i & mask) !== wanted) continue;
    const odd = Boolean(i & a) !== Boolean(i & b);
    // YY|00> = -|11>; ZZ gives -1 where the bits differ.
    const sign = name === "rxx" || (name === "ryy" ? odd : !odd) ? 1 : -1;
    const [xr, xi, yr, yi] = [re[i], im[i], re[j], im[j]];
    re[i] = c * xr + sign * s * yi;
    im[i] = c * xi - sign * s * yr;
    if (j === i) continue;
    re[j] = c * yr + sign * s * xi;
    im[j] = c * yi - sign * s * xr;
  }
}

function turn({ re, im }, angle) {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  for (let i = 0; i < re.length; i += 1) {
    [re[i], im[i]] = [c * re[i] - s * im[i], c * im[i] + s * re[i]];
  }
}

// The two outcomes of looking at a qubit, those that can be; `clear` leaves it as 0.
function split(branch, qubit, bit, clear) {
  const target = 1 << qubit;
  const found = [];
  for (const outcome of [0, target]) {
    const re = new Float64Array(branch.re.length);
    const im = new Float64Array(branch.re.length);
    let norm = 0;
    for (let i = 0; i < re.length; i += 1) {
      if ((i & target) !== outcome) continue;
      const j = clear ? i & ~target : i;
      re[j] = branch.re[i];
      im[j] = branch.im[i];
      norm += re[j] ** 2 + im[j] ** 2;
    }
    if (norm < NEGLIGIBLE) continue;
    const bits = Uint8Array.from(branch.bits);
    if (bit !== null) bits[bit] = outcome ? 1 : 0;
    found.push({ re, im, bits });
  }
  return found;
}

// Branches with the same bits and, but for their sizes and phases, the same state made one.
function merged(branches) {
  const kept = new Map(); // bits -> branches
  for (const branch of branches) {
    const key = branch.bits.join("");
    const there = kept.get(key) ?? [];
    if (!kept.has(key)) kept.set(key, there);
    if (!there.some((other) => took(other, branch))) there.push(branch);
  }
  return [...kept.values()].flat();
}

// Whether `one` could take in the weight of `other`.
function took(one, other) {
  const [a, b] = [one, other].map((each) => overlap(each, each)[0]);
  const [re, im] = overlap(one, other);
  if (Math.abs(re ** 2 + im ** 2 - a * b) > 1e-12 * a * b) return false;
  const scale = Math.sqrt((a + b) / a);
  for (let i = 0; i < one.re.length; i += 1) {
    one.re[i] *= scale;
    one.im[i] *= scale;
  }
  return true;
}

function overlap(one, other) {
  let re = 0;
  let im = 0;
  for (let i = 0; i < one.re.length; i += 1) {
    re += one.re[i] * other.re[i] + one.im[i] * other.im[i];
    im += one.re[i] * other.im[i] - one.im[i] * other.re[i];
  }
  return [re, im];
}

// What one reads off.

// The probability of each basis state of the qubits.
export function probabilities({ branches }) {
  const sum = new Float64Array(branches[0].re.length);
  for (const { re, im } of branches) {
    for (let i = 0; i < sum.length; i += 1) sum[i] += re[i] ** 2 + im[i] ** 2;
  }
  return sum;
}

// The probability of each value of the classical bits, as text with bit 0 on the right.
export function outcomes({ branches, ended }) {
  const found = new Map();
  for (const { re, im, bits } of branches) {
    const shown = Array.from(bits);
    for (let i = 0; i < re.length; i += 1) {
      const weight = re[i] ** 2 + im[i] ** 2;
      if (weight < NEGLIGIBLE) continue;
      for (const [qubit, bit] of ended) if (bit !== null) shown[bit] = (i >> qubit) & 1;
      const key = shown.slice().reverse().join("");
      found.set(key, (found.get(key) ?? 0) + weight);
    }
  }
  return found;
}

// The Bloch vector [x, y, z] of each qubit.
export function blochVectors({ branches }, qubits) {
  return Array.from({ length: qubits }, (_, qubit) => {
    const vector = [0, 0, 0];
    for (const { re, im } of branches) addBloch(vector, re, im, 1 << qubit);
    return vector;
  });
}

function addBloch(vector, re, im, target) {
  for (let i = 0; i < re.length; i += 1) {
    if (i & target) continue;
    const j = i | target;
    vector[0] += 2 * (re[i] * re[j] + im[i] * im[j]);
    vector[1] += 2 * (re[i] * im[j] - im[i] * re[j]);
    vector[2] += re[i] ** 2 + im[i] ** 2 - re[j] ** 2 - im[j] ** 2;
  }
}
