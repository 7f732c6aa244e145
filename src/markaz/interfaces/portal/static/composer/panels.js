// What the circuit does: probabilities, amplitudes and Bloch vectors, computed in this page.

import { element } from "./drawing.js";
import { bitCount, qubitCount } from "./layout.js";
import { Refused, blochVectors, outcomes, probabilities, simulate } from "./simulator.js";
import { say } from "./words.js";
import { namesOf } from "./writing.js";

const ROWS = 32; // of bars
const WIDTH = 400;
const END = 330; // of the longest bar
const LISTED = 64; // of amplitudes
const SMALL = 5e-7;

const $ = (id) => document.getElementById(id);
const percent = (part) => `${(100 * part).toFixed(2)}%`;
const signed = (x) => (Math.abs(x) < 5e-5 ? 0 : x).toFixed(4);
const ket = (index, qubits) => `|${index.toString(2).padStart(qubits, "0")}⟩`;

function filled(tag, text, kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// Horizontal bars for [label, part] rows.
function bars(rows, title) {
  const left = 20 + 8 * Math.max(...rows.map(([label]) => label.length));
  const height = 22 * rows.length + 6;
  const svg = element("svg", { class: "chart chart-histogram", viewBox: `0 0 ${WIDTH} ${height}`,
    role: "img", "aria-label": title, direction: "ltr" });
  rows.forEach(([label, part], k) => {
    const y = 3 + 22 * k;
    svg.append(
      element("text", { x: left - 8, y: y + 16, class: "code", "text-anchor": "end" }, label),
      element("rect", { class: "bar", x: left, y: y + 4, width: (END - left) * part, height: 14 }),
      element("text", { x: left + (END - left) * part + 6, y: y + 16 }, percent(part)),
    );
  });
  return svg;
}

// The likeliest of [label, part] rows in the order they came, and what the others sum to.
function likeliest(all, most) {
  const rows = all.filter(([, part]) => part > SMALL);
  if (rows.length <= most) return { rows, rest: 0 };
  const least = rows.map(([, part]) => part).sort((a, b) => b - a)[most - 1];
  const kept = rows.filter(([, part]) => part >= least).slice(0, most);
  return { rows: kept, rest: 1 - kept.reduce((sum, [, part]) => sum + part, 0) };
}

function showBars(place, all, title) {
  const { rows, rest } = likeliest(all, ROWS);
  const summary = rows.slice(0, 8).map(([label, part]) => `${label} ${percent(part)}`).join(", ");
  place.replaceChildren(bars(rows, `${title}: ${summary}`));
  if (rest > SMALL) place.append(filled("p", say("others", { part: percent(rest) }), "muted"));
}

function showAmplitudes(place, state, qubits) {
  const body = document.createElement("tbody");
  if (state.branches.length > 1) {
    place.replaceChildren(filled("p", say("mixture", { count: state.branches.length })));
    return;
  }
  const [{ re, im }] = state.branches;
  const listed = likeliest(Array.from(re, (x, i) => [i, x ** 2 + im[i] ** 2]), LISTED);
  for (const [i, part] of listed.rows) {
    const row = document.createElement("tr");
    const sign = im[i] < -5e-5 ? "−" : "+";
    const turn = Math.atan2(im[i], re[i]) / Math.PI;
    for (const text of [ket(i, qubits), `${signed(re[i])} ${sign} ${signed(Math.abs(im[i]))}i`,
      percent(part), `${signed(turn)} π`]) {
      row.append(filled("td", text, "code"));
    }
    body.append(row);
  }
  const head = document.createElement("tr");
  for (const key of ["state", "amplitude", "probability", "phase"]) {
    const th = filled("th", say(key));
    th.scope = "col";
    head.append(th);
  }
  const table = document.createElement("table");
  table.append(filled("caption", say("amplitudes"), "hidden"),
    document.createElement("thead"), body);
  table.tHead.append(head);
  place.replaceChildren(table);
  if (listed.rest > SMALL) {
    place.append(filled("p", say("others", { part: percent(listed.rest) }), "muted"));
  }
}

// One sphere, seen a little from above: x towards the reader, y to the right, z up.
function sphere([x, y, z], name) {
  const label = `${name}: x ${signed(x)}, y ${signed(y)}, z ${signed(z)}`;
  const at = (a, b, c) => [50 + 40 * b - 16 * a, 50 - 40 * c + 12 * a];
  const [tx, ty] = at(x, y, z);
  const line = (to, kind) => element("path", { d: `M50 50L${to.join(" ")}`, class: kind });
  const word = (to, text) => element("text", { x: to[0], y: to[1] + 3, class: "tick" }, text);
  return element("svg", { viewBox: "0 0 100 100", class: "bloch", role: "img", "aria-label": label,
    direction: "ltr" },
  element("circle", { cx: 50, cy: 50, r: 40, class: "ball" }),
  element("ellipse", { cx: 50, cy: 50, rx: 40, ry: 12, class: "ring" }),
  line(at(1, 0, 0), "axis"), line(at(0, 1, 0), "axis"), line(at(0, 0, 1), "axis"),
  word(at(1.45, 0, 0), "x"), word(at(0, 1.13, 0), "y"), word(at(0, 0, 1.13), "z"),
  line([tx, ty], "arrow"), element("circle", { cx: tx, cy: ty, r: 3.5, class: "tip" }));
}

function showBloch(place, state, circuit) {
  const names = namesOf(circuit.qregs);
  place.replaceChildren(...blochVectors(state, names.length).map((vector, q) => {
    const card = document.createElement("li");
    const length = Math.hypot(...vector);
    const [x, y, z] = vector.map((one) => signed(one).slice(0, -2));
    const values = filled("p", `${x}, ${y}, ${z}`, "code");
    const size = filled("p", say("length", { value: length.toFixed(2) }), "muted");
    card.append(filled("p", names[q], "code"), sphere(vector, names[q]), values, size);
    return card;
  }));
}

export class Panels {
  constructor(composer) {
    this.composer = composer;
    this.step = $("composer-step");
    this.step.addEventListener("input", () => this.show());
  }

  // What is seen after as many columns as the slider says.
  show() {
    const { circuit, found } = this.composer;
    this.#slide(found.count);
    const after = Number(this.step.value);
    const ops = circuit.ops.filter((op) => found.columns.get(op) < after);
    const qubits = qubitCount(circuit);
    try {
      const state = simulate(ops, qubits, bitCount(circuit));
      this.#note(state.ended.length ? say("before-measuring") : "", false);
      this.#fill(state, circuit, qubits);
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      this.#note(say(`refused-${refused.key}`, refused.values), true);
    }
  }

  #note(text, refused) {
    $("composer-note").textContent = text;
    $("composer-note").hidden = !text;
    $("composer-states").hidden = refused;
  }

  #slide(count) {
    const atEnd = this.step.value === this.step.max;
    this.step.max = count;
    if (atEnd || Number(this.step.value) > count) this.step.value = count;
    $("composer-step-value").textContent = `${this.step.value} / ${count}`;
  }

  #fill(state, circuit, qubits) {
    const parts = Array.from(probabilities(state), (part, i) => [ket(i, qubits), part]);
    showBars($("composer-probabilities"), parts, say("probabilities"));
    const measured = circuit.ops.some((op) => op.bit !== null);
    $("composer-outcomes-panel").hidden = !measured;
    if (measured) {
      const all = [...outcomes(state)].sort(([a], [b]) => (a < b ? -1 : 1));
      showBars($("composer-outcomes"), all.map(([bits, part]) => [spaced(bits, circuit), part]),
        say("outcomes"));
    }
    showAmplitudes($("composer-amplitudes"), state, qubits);
    showBloch($("composer-bloch"), state, circuit);
  }
}

// Registers apart, the last one first, as results of the centre show them.
function spaced(bits, { cregs }) {
  let end = bits.length;
  return cregs.map(({ size }) => {
    end -= size;
    return bits.slice(end, end + size);
  }).reverse().join(" ");
}
