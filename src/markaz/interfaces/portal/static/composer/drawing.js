// The circuit as a picture: wires, boxes, dots and lines; left to right in any language.

import { GATES, kindOf, qubitsOf } from "./gates.js";
import { layout, qubitCount, registerOf } from "./layout.js";
import { namesOf } from "./writing.js";

export const CELL = 48; // pixels, of the grid of keys and pointers too
const BOX = 36;
const REGISTER = 40; // height of a classical register's row
// What a file needs, where no style sheet reaches: class -> attributes.
const STYLES = {
  wire: { stroke: "#4a5b68", "stroke-width": 1.5, fill: "none" },
  link: { stroke: "#0b5f63", "stroke-width": 2, fill: "none" },
  classical: { stroke: "#4a5b68", "stroke-width": 1, fill: "none" },
  box: { stroke: "#0b5f63", "stroke-width": 1.5, fill: "#dcefee" },
  "kind-flip": { fill: "#dfe6fb", stroke: "#3a50a8" },
  "kind-turn": { fill: "#fdf0d8", stroke: "#7a4b00" },
  "kind-read": { fill: "#eaeff2", stroke: "#4a5b68" },
  dot: { fill: "#0b5f63", stroke: "#0b5f63", "stroke-width": 2 },
  open: { fill: "#ffffff" },
  plus: { fill: "#ffffff", stroke: "#0b5f63", "stroke-width": 2 },
  meter: { fill: "none", stroke: "#16232e", "stroke-width": 1.5 },
  bar: { stroke: "#4a5b68", "stroke-width": 2, "stroke-dasharray": "5 4", fill: "none" },
  text: { fill: "#16232e", "font-family": "monospace", "font-size": 15, "text-anchor": "middle" },
  small: { "font-size": 10 },
  name: { "text-anchor": "end", "font-size": 13 },
};

const space = () => document.querySelector("svg").namespaceURI;

export function element(tag, attributes, ...inside) {
  const made = document.createElementNS(space(), tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

const line = (x1, y1, x2, y2, kind) =>
  element("path", { d: `M${x1} ${y1}L${x2} ${y2}`, class: kind });
const words = (x, y, text, kind = "text") => element("text", { x, y, class: kind }, text);

// An angle as people write it, short enough for a box.
export function shortAngle(text) {
  const pretty = text.replaceAll(/\bpi\b/g, "π").replaceAll(/\btau\b/g, "τ").replaceAll(" ", "");
  return pretty.length <= 7 ? pretty : `${pretty.slice(0, 6)}…`;
}

// The picture, without names of wires; `found` is the circuit's layout.
export function draw(circuit, found = layout(circuit), columns = found.count) {
  const qubits = qubitCount(circuit);
  const rows = rowsOf(circuit);
  const width = columns * CELL;
  const svg = element("svg", { viewBox: `0 0 ${width} ${rows.height}`, width, height: rows.height,
    class: "circuit", "aria-hidden": "true", direction: "ltr" });
  for (let q = 0; q < qubits; q += 1) svg.append(line(0, rows.at(q), width, rows.at(q), "wire"));
  circuit.cregs.forEach((_, k) => {
    const y = rows.at(qubits + k);
    for (const by of [-2, 2]) svg.append(line(0, y + by, width, y + by, "classical"));
  });
  for (const [op, column] of found.columns) {
    if (column >= 0) svg.append(drawn(op, (column + 0.5) * CELL, rows, circuit));
  }
  return svg;
}

// Where wires are: { at: wire -> height of its line, height }.
export function rowsOf(circuit) {
  const qubits = qubitCount(circuit);
  const at = (wire) => (wire < qubits ? (wire + 0.5) * CELL
    : qubits * CELL + (wire - qubits + 0.5) * REGISTER);
  return { at, height: qubits * CELL + circuit.cregs.length * REGISTER };
}

function drawn(op, x, rows, circuit) {
  const group = element("g", { class: `op kind-${kindOf(op.name)}` });
  const wires = qubitsOf(op);
  const [first, last] = [Math.min(...wires), Math.max(...wires)];
  if (op.condition) group.append(...asked(op, x, rows, circuit, last));
  if (first !== last && op.name !== "barrier") {
    group.append(line(x, rows.at(first), x, rows.at(last), "link"));
  }
  for (const { qubit, on } of op.controls) {
    group.append(element("circle", { cx: x, cy: rows.at(qubit), r: 5.5,
      class: on ? "dot" : "dot open" }));
  }
  group.append(...(SPECIAL[op.name]?.(op, x, rows, circuit) ?? boxes(op, x, rows)));
  return group;
}

const SPECIAL = {
  x: (op, x, rows) => (op.controls.length ? plus(x, rows.at(op.qubits[0])) : null),
  z: (op, x, rows) => (op.controls.length ? [dot(x, rows.at(op.qubits[0]))] : null),
  p: (op, x, rows) => (op.controls.length ? [dot(x, rows.at(op.qubits[0])),
    words(x, rows.at(Math.max(...qubitsOf(op))) + 20, shortAngle(op.params[0]), "text small")]
    : null),
  swap: (op, x, rows) => op.qubits.flatMap((q) => cross(x, rows.at(q))),
  measure: (op, x, rows, circuit) => measured(op, x, rows, circuit),
  barrier: (op, x, rows) => op.qubits.map((q) =>
    line(x, rows.at(q) - CELL / 2, x, rows.at(q) + CELL / 2, "bar")),
  reset: (op, x, rows) => box(x, rows.at(op.qubits[0]), "|0⟩", ""),
};

const dot = (x, y) => element("circle", { cx: x, cy: y, r: 5.5, class: "dot" });

const plus = (x, y) => [element("circle", { cx: x, cy: y, r: 13, class: "plus" }),
  line(x - 13, y, x + 13, y, "link"), line(x, y - 13, x, y + 13, "link")];

const cross = (x, y) => [line(x - 8, y - 8, x + 8, y + 8, "link"),
  line(x - 8, y + 8, x + 8, y - 8, "link")];

function boxes(op, x, rows) {
  const { label } = GATES[op.name];
  const under = op.params.map(shortAngle).join(",");
  const short = under.length <= 7 ? under : `${under.slice(0, 6)}…`;
  return op.qubits.flatMap((q) => box(x, rows.at(q), label, short));
}

const frame = (x, y) => element("rect", { x: x - BOX / 2, y: y - BOX / 2, width: BOX, height: BOX,
  rx: 4, class: "box" });

function box(x, y, label, under) {
  const size = label.length > 3 ? "text small" : "text";
  return [
    frame(x, y),
    words(x, under ? y + 1 : y + 5, label, size),
    ...(under ? [words(x, y + 13, under, "text small")] : []),
  ];
}

function measured(op, x, rows, circuit) {
  const y = rows.at(op.qubits[0]);
  const parts = [
    frame(x, y),
    element("path", { class: "meter",
      d: `M${x - 11} ${y + 7}A11 11 0 0 1 ${x + 11} ${y + 7}M${x} ${y + 7}L${x + 8} ${y - 8}` }),
  ];
  if (op.bit === null) return parts;
  const { row, name } = bitPlace(op.bit, circuit);
  const end = rows.at(row);
  parts.unshift(line(x - 1.5, y, x - 1.5, end - 8, "classical"),
    line(x + 1.5, y, x + 1.5, end - 8, "classical"));
  parts.push(element("path", { d: `M${x - 5} ${end - 10}L${x + 5} ${end - 10}L${x} ${end - 2}Z`,
    class: "dot" }), words(x, end + 14, name, "text small"));
  return parts;
}

// The condition as a dot on the classical register that it asks.
function asked(op, x, rows, circuit, last) {
  const { row, name } = bitPlace(op.condition.bits[0], circuit);
  const { register, form, value } = op.condition;
  const sign = form === "!=" ? "≠" : "=";
  const text = register ? `${sign}${value}` : `${name}${sign}${value}`;
  const y = rows.at(row);
  return [line(x - 1.5, rows.at(last), x - 1.5, y, "classical"),
    line(x + 1.5, rows.at(last), x + 1.5, y, "classical"),
    element("circle", { cx: x, cy: y, r: 4.5, class: "dot" }),
    words(x, y + 14, text, "text small")];
}

// The row of a bit's register and the bit's number in it.
function bitPlace(bit, circuit) {
  const number = registerOf(circuit, bit);
  const offset = circuit.cregs.slice(0, number).reduce((sum, one) => sum + one.size, 0);
  return { row: qubitCount(circuit) + number, name: String(bit - offset) };
}

// A picture that stands by itself: names at the wires, colours in it, on white.
export function picture(circuit) {
  const svg = draw(circuit);
  const names = [...namesOf(circuit.qregs), ...circuit.cregs.map((one) => one.name)];
  const left = 24 + 9 * Math.max(...names.map((name) => name.length));
  const rows = rowsOf(circuit);
  const width = Number(svg.getAttribute("width")) + left + 12;
  const moved = element("g", { transform: `translate(${left} 0)` }, ...svg.childNodes);
  const { height } = rows;
  const whole = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height },
    element("rect", { width, height, fill: "#ffffff" }), moved,
    ...names.map((name, k) => words(left - 8, rows.at(k) + 5, name, "text name")));
  for (const [kind, attributes] of Object.entries(STYLES)) {
    const which = kind.startsWith("kind") ? `.${kind} .box` : `.${kind}`;
    for (const one of whole.querySelectorAll(which)) {
      for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    }
  }
  return new XMLSerializer().serializeToString(whole);
}

