// From text to circuit: OpenQASM 2 and 3, as far as the composer can show it.
//
// A circuit is { qregs, cregs, ops, head, foot }. Registers have name and size; their
// (qu)bits are numbered through. An operation has name, params (texts), values, controls
// ({ qubit, on }), qubits, bit (of a measurement), condition, and the comments around it.
// Operations of one `if` block have the very same condition object.

import { isKnown } from "./definitions.js";
import { expression } from "./expressions.js";
import { GATES } from "./gates.js";
import { Problem, Reader, place } from "./tokens.js";

export const MOST_QUBITS = 32;
export const MOST_OPS = 1000;
const WORDS = new Set(["gate", "def", "for", "while", "else", "input", "output", "const", "int",
  "uint", "float", "angle", "bool", "complex", "array", "duration", "stretch", "let", "box",
  "delay", "extern", "cal", "defcal", "defcalgrammar", "pragma", "switch", "opaque", "return",
  "break", "continue", "end", "inv", "pow", "nop", "durationof"]);
const OLDER = /\bqelib1\b|^\s*(qreg|creg)\b/m; // of a text that names no version
// name -> base gate and its controls
const ALIASES = { cx: ["x", 1], CX: ["x", 1], cnot: ["x", 1], ccx: ["x", 2], c3x: ["x", 3],
  c4x: ["x", 4], cy: ["y", 1], cz: ["z", 1], ccz: ["z", 2], ch: ["h", 1], cs: ["s", 1],
  csdg: ["sdg", 1], csx: ["sx", 1], cp: ["p", 1], cu1: ["p", 1], cphase: ["p", 1],
  phase: ["p", 0], u1: ["p", 0], crx: ["rx", 1], cry: ["ry", 1], crz: ["rz", 1],
  cswap: ["swap", 1], cu: ["cu", 1], u3: ["U", 0], u: ["U", 0], u2: ["U", 0], cu3: ["cu", 1] };
// The circuit of `text`, or what stops it from being shown:
// { circuit } or { problem: { kind: "error" | "unshown", key, values, line, column, at } }.
export function read(text) {
  try {
    return { circuit: new Parser(text).program() };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const { kind, key, values } = problem;
    return { problem: { kind, key, values, ...place(text, problem.at) } };
  }
}

class Parser {
  constructor(text) {
    this.text = text;
    this.reader = new Reader(text);
    this.version = 3;
    this.registers = new Map(); // name -> { kind, offset, size }
    this.circuit = { qregs: [], cregs: [], ops: [], head: [], foot: [] };
  }

  program() {
    const { reader, circuit } = this;
    circuit.head = this.#comments();
    if (reader.is("OPENQASM")) this.#header();
    else if (OLDER.test(this.text) && !/\bstdgates\b/.test(this.text)) this.version = 2;
    while (reader.token.kind !== "end") this.#statement(null);
    const last = reader.token.comments.filter((one) => !one.beside || !circuit.qregs.length);
    circuit.foot = last.map((one) => one.text);
    if (!circuit.qregs.length) reader.fail("no-qubits", {}, reader.token);
    return circuit;
  }

  #comments() { return this.reader.token.comments.map((one) => one.text); }

  #header() {
    const { reader } = this;
    reader.next();
    const { token } = reader;
    if (token.kind !== "number" || !/^[23](\.\d+)?$/.test(token.text)) {
      reader.fail("version", { found: token.text }, token);
    }
    this.version = Number(token.text[0]);
    reader.next();
    reader.need(";");
  }

  // One statement; what it adds gets the comments around it.
  #statement(condition) {
    const { reader, circuit } = this;
    const { token } = reader;
    const before = reader.token.comments.filter((one) => !one.beside).map((one) => one.text);
    const made = { ops: circuit.ops.length, q: circuit.qregs.length, c: circuit.cregs.length };
    this.#kind(condition, token);
    if (circuit.ops.length > MOST_OPS) reader.unshown("long", { most: MOST_OPS }, token);
    const beside = reader.token.comments.filter((one) => one.beside).map((one) => one.text);
    const added = [...circuit.qregs.slice(made.q), ...circuit.cregs.slice(made.c),
      ...circuit.ops.slice(made.ops)];
    if (!added.length) return void circuit.head.push(...before, ...beside);
    added[0].before = [...before, ...(added[0].before ?? [])];
    added.at(-1).beside = [...(added.at(-1).beside ?? []), ...beside];
  }

  #kind(condition, token) {
    const { reader } = this;
    if (token.kind === "hardware") reader.unshown("word", { word: token.text }, token);
    if (token.kind === "symbol" && "@#".includes(token.text)) {
      reader.unshown("word", { word: token.text }, token);
    }
    if (token.kind !== "name") reader.expected("gate", token);
    const inside = condition !== null;
    switch (token.text) {
      case "include": return this.#include();
      case "qubit": case "qreg": return inside ? this.#unshown(token) : this.#declare("q");
      case "bit": case "creg": return inside ? this.#unshown(token) : this.#declare("c");
      case "if": return inside ? this.#unshown(token) : this.#if();
      case "measure": return this.#measure(condition);
      case "reset": return this.#reset(condition);
      case "barrier": return this.#barrier(condition);
      case "gphase": return inside ? this.#unshown(token) : this.#phase();
      case "gate": return inside ? this.#unshown(token) : this.#definition();
      case "ctrl": case "negctrl": return this.#gate(condition);
      default:
    }
    if (WORDS.has(token.text)) return this.#unshown(token);
    if (this.registers.get(token.text)?.kind === "c") return this.#assigned(condition);
    return this.#gate(condition);
  }

  #unshown(token) { this.reader.unshown("word", { word: token.text }, token); }

  #include() {
    const { reader } = this;
    reader.next();
    const { token } = reader;
    if (token.kind !== "string") reader.expected("\"stdgates.inc\"", token);
    if (!["stdgates.inc", "qelib1.inc"].includes(token.text.slice(1, -1))) {
      reader.unshown("word", { word: `include ${token.text}` }, token);
    }
    reader.next();
    reader.need(";");
  }

  #declare(kind) {
    const { reader, circuit } = this;
    const newer = ["qubit", "bit"].includes(reader.next().text);
    let size = newer && reader.is("[") ? this.#size() : null;
    const { token } = reader;
    const name = reader.name();
    if (!newer) size = this.#size();
    if (this.registers.has(name)) reader.fail("taken", { name }, token);
    const list = kind === "q" ? circuit.qregs : circuit.cregs;
    const offset = list.reduce((sum, one) => sum + one.size, 0);
    const register = { kind, offset, size: size ?? 1, name, scalar: size === null };
    this.registers.set(name, register);
    list.push({ name, size: register.size });
    if (offset + register.size > (kind === "q" ? MOST_QUBITS : 4 * MOST_QUBITS)) {
      reader.unshown("wide", { most: MOST_QUBITS }, token);
    }
    if (kind === "c" && newer && reader.accept("=")) {
      if (!reader.is("measure")) reader.unshown("word", { word: "=" }, reader.token);
      reader.next();
      this.#into(this.#operand("q"), this.#whole(register), null, token);
    }
    reader.need(";");
  }

  #size() {
    const { reader } = this;
    reader.need("[");
    const { token } = reader;
    const size = reader.whole();
    if (size < 1) reader.fail("size", {}, token);
    reader.need("]");
    return size;
  }

  #whole(register) {
    return Array.from({ length: register.size }, (_, k) => register.offset + k);
  }

  // The numbers of the (qu)bits that an operand names; `single` of one element.
  #operand(kind) {
    const { reader } = this;
    const { token } = reader;
    if (token.kind === "hardware") this.#unshown(token);
    const name = reader.name();
    const register = this.registers.get(name);
    if (!register || register.kind !== kind) {
      reader.fail(kind === "q" ? "no-qubit" : "no-bit", { name }, token);
    }
    if (!reader.is("[")) {
      return Object.assign(this.#whole(register), { register, token, single: register.scalar });
    }
    reader.next();
    const at = reader.token;
    if (reader.is("{")) this.#unshown(at);
    const given = reader.whole();
    if (reader.is(":") || reader.is(",")) this.#unshown(reader.token);
    const index = given < 0 ? given + register.size : given;
    if (index < 0 || index >= register.size) {
      reader.fail("index", { index: given, name, size: register.size }, at);
    }
    reader.need("]");
    return Object.assign([register.offset + index], { single: true, token, register });
  }

  #operands(kind) {
    const found = [this.#operand(kind)];
    while (this.reader.accept(",")) found.push(this.#operand(kind));
    return found;
  }

  #add(op, condition) {
    this.circuit.ops.push({ params: [], values: [], controls: [], qubits: [], bit: null,
      condition, ...op });
  }

  #measure(condition) {
    const { reader } = this;
    const token = reader.next();
    const qubits = this.#operand("q");
    if (reader.accept("->")) this.#into(qubits, this.#operand("c"), condition, token);
    else qubits.forEach((q) => this.#add({ name: "measure", qubits: [q] }, condition));
    reader.need(";");
  }

  #assigned(condition) {
    const { reader } = this;
    const { token } = reader;
    const bits = this.#operand("c");
    if (!reader.is("=")) reader.expected("=", reader.token);
    reader.next();
    if (!reader.is("measure")) reader.unshown("word", { word: "=" }, token);
    reader.next();
    this.#into(this.#operand("q"), bits, condition, token);
    reader.need(";");
  }

  #into(qubits, bits, condition, token) {
    if (qubits.length !== bits.length) {
      this.reader.fail("lengths", { a: qubits.length, b: bits.length }, token);
    }
    qubits.forEach((q, k) => this.#add({ name: "measure", qubits: [q], bit: bits[k] }, condition));
  }

  #reset(condition) {
    this.reader.next();
    for (const q of this.#operand("q")) this.#add({ name: "reset", qubits: [q] }, condition);
    this.reader.need(";");
  }

  #barrier(condition) {
    const { reader, circuit } = this;
    reader.next();
    const size = circuit.qregs.reduce((sum, one) => sum + one.size, 0);
    const qubits = reader.is(";") ? Array.from({ length: size }, (_, k) => k)
      : [...new Set(this.#operands("q").flat())];
    reader.need(";");
    this.#add({ name: "barrier", qubits }, condition);
  }

  #phase() {
    const { reader } = this;
    reader.next();
    const [one] = this.#params(1, "gphase");
    reader.need(";");
    this.#add({ name: "gphase", params: [one.text], values: [one.value] }, null);
  }

  #params(count, name) {
    const { reader } = this;
    const { token } = reader;
    const found = [];
    if (reader.accept("(")) {
      while (!reader.is(")")) {
        found.push(expression(reader, this.version));
        if (!reader.accept(",")) break;
      }
      reader.need(")");
    }
    if (found.length !== count) {
      reader.fail("params", { name, count, given: found.length }, token);
    }
    return found;
  }

  #modifiers() {
    const { reader } = this;
    const found = [];
    while (reader.is("ctrl") || reader.is("negctrl")) {
      const on = reader.next().text === "ctrl";
      let count = 1;
      if (reader.accept("(")) {
        const { token } = reader;
        count = reader.whole();
        if (count < 1 || count > MOST_QUBITS) reader.fail("size", {}, token);
        reader.need(")");
      }
      reader.need("@");
      found.push(...Array(count).fill(on));
    }
    return found;
  }

  #gate(condition) {
    const { reader } = this;
    const modifiers = this.#modifiers();
    const { token } = reader;
    const given = reader.name();
    if (WORDS.has(given) || given === "gphase") this.#unshown(token);
    const [name, more] = ALIASES[given] ?? [given, 0];
    if (!Object.hasOwn(GATES, name)) reader.fail("no-gate", { name: given }, token);
    const params = this.#gateParams(given, name);
    const ons = [...modifiers, ...Array(more).fill(true)];
    const operands = this.#operands("q");
    const count = ons.length + GATES[name].targets;
    if (operands.length !== count) {
      reader.fail("operands", { name: given, count, given: operands.length }, token);
    }
    reader.need(";");
    for (const qubits of this.#broadcast(operands)) {
      if (new Set(qubits).size < qubits.length) reader.fail("twice", {}, operands[0].token);
      const controls = ons.map((on, k) => ({ qubit: qubits[k], on }));
      const targets = qubits.slice(ons.length);
      this.#add({ name, ...params, controls, qubits: targets }, condition);
    }
  }

  #gateParams(given, name) {
    const wanted = { u2: 2, cu3: 3 }[given] ?? GATES[name].params.length;
    const found = this.#params(wanted, given);
    if (given === "u2") found.unshift({ text: "pi/2", value: Math.PI / 2 });
    if (given === "cu3") found.push({ text: "0", value: 0 });
    return { params: found.map((one) => one.text), values: found.map((one) => one.value) };
  }

  // Whole registers stand for their qubits one by one, beside single ones.
  #broadcast(operands) {
    const many = operands.filter((one) => !one.single);
    if (!many.length) return [operands.map(([q]) => q)];
    const { length } = many[0];
    const odd = many.find((one) => one.length !== length);
    if (odd) this.reader.fail("lengths", { a: length, b: odd.length }, odd.token);
    return Array.from({ length }, (_, k) => operands.map((one) => one[one.single ? 0 : k]));
  }

  #if() {
    const { reader, circuit } = this;
    const first = reader.next();
    reader.need("(");
    const condition = this.#condition();
    reader.need(")");
    const start = circuit.ops.length;
    if (reader.accept("{")) {
      while (!reader.is("}")) {
        if (reader.token.kind === "end") reader.expected("}", reader.token);
        this.#statement(condition);
      }
      reader.next();
    } else this.#statement(condition);
    if (reader.is("else")) this.#unshown(reader.token);
    const inside = circuit.ops.slice(start);
    if (!inside.length) reader.unshown("word", { word: "if" }, first);
    // What follows a measurement into the condition's own bits would ask for the old ones.
    const writes = inside.findIndex((op) => op.bit !== null && condition.bits.includes(op.bit));
    if (writes >= 0 && writes < inside.length - 1) reader.unshown("word", { word: "if" }, first);
  }

  #condition() {
    const { reader } = this;
    const negated = reader.accept("!");
    const bracketed = negated && reader.accept("(");
    const bits = this.#operand("c");
    const { token } = reader;
    const whole = !bits.single && bits.length > 1;
    const base = { bits: [...bits], register: bits.single ? null : bits.register.name };
    if (bracketed) reader.need(")");
    if (negated || !(reader.is("==") || reader.is("!="))) {
      if (whole || !reader.is(")")) reader.unshown("word", { word: "if" }, token);
      return { ...base, form: negated ? "not" : "plain", value: negated ? 0 : 1 };
    }
    const form = reader.next().text;
    const truth = { true: 1, false: 0 }[reader.token.text];
    const value = truth ?? reader.whole();
    if (truth !== undefined) reader.next();
    if (value < 0 || value >= 2 ** bits.length) reader.unshown("word", { word: "if" }, token);
    if (!reader.is(")")) reader.unshown("word", { word: reader.token.text }, reader.token);
    return { ...base, form, value };
  }

  // A definition is passed over if it says what we know; others are for the centre.
  #definition() {
    const token = this.reader.next();
    if (!isKnown(this.reader)) this.#unshown(token);
  }
}
