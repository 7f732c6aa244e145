// The operation under the cursor, with all that can be set about it.

import { gateName, names } from "./describe.js";
import { addControl, removeControl, replace, rewire, shift } from "./edits.js";
import { expression } from "./expressions.js";
import { GATES, isGate } from "./gates.js";
import { Problem, Reader } from "./tokens.js";
import { has, say } from "./words.js";

const ANGLES = { U: ["θ", "φ", "λ"], cu: ["θ", "φ", "λ", "γ"] };
const LONGEST = 200; // characters of an angle

// An angle from its text. Throws Problem.
export function angle(text) {
  const reader = new Reader(text.slice(0, LONGEST));
  const found = expression(reader, 3);
  if (reader.token.kind !== "end") reader.expected("number", reader.token);
  return found;
}

const put = (list, at, value) => list.map((one, k) => (k === at ? value : one));

function made(tag, properties, ...inside) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...inside);
  return one;
}

export class Details {
  constructor(place, composer) {
    Object.assign(this, { place, composer });
  }

  focus() {
    this.place.querySelector("input, select, button")?.focus();
  }

  show() {
    const { composer, place } = this;
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    const op = composer.selected;
    place.replaceChildren(...(op ? this.#of(op) : [made("p", { className: "muted",
      textContent: say("nothing-selected") })]));
    if (!focused) return;
    const same = document.getElementById(focused);
    if (same) same.focus();
    else composer.grid.focus(composer.cursor);
  }

  #of(op) {
    const title = made("h3", { textContent: gateName(op) });
    const fields = made("div", { className: "cq-fields" }, ...this.#angles(op), ...this.#wires(op),
      ...this.#bit(op), ...this.#condition(op));
    return [title, fields, this.#acts(op)];
  }

  #field(id, label, control, problem) {
    control.id = `cq-${id}`;
    control.dir = "ltr";
    const parts = [made("label", { htmlFor: control.id, textContent: label }), control];
    if (problem) parts.push(problem);
    return made("div", { className: "field" }, ...parts);
  }

  #select(id, label, options, value, change) {
    const list = made("select", {}, ...options.map(([key, text]) =>
      made("option", { value: key, textContent: text, selected: String(key) === String(value) })));
    list.addEventListener("change", () => this.composer.edit(
      (circuit) => change(circuit, list.value), "changed"));
    return this.#field(id, label, list);
  }

  #angles(op) {
    return op.params.map((text, k) => {
      const label = say("angle", { name: ANGLES[op.name]?.[k] ?? "θ" });
      const input = made("input", { type: "text", value: text, autocomplete: "off" });
      input.spellcheck = false;
      const problem = made("p", { className: "problem", id: `cq-angle-${k}-problem` });
      input.addEventListener("change", () => this.#setAngle(op, k, input, problem));
      return this.#field(`angle-${k}`, label, input, problem);
    });
  }

  #setAngle(op, k, input, problem) {
    try {
      const found = angle(input.value);
      const changed = { params: put(op.params, k, found.text),
        values: put(op.values, k, found.value) };
      this.composer.edit((circuit) => replace(circuit, op, changed), "changed");
    } catch (wrong) {
      if (!(wrong instanceof Problem)) throw wrong;
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", problem.id);
      const key = wrong.kind === "error" ? wrong.key : "no-number";
      const name = has(`error-${key}`) ? `error-${key}` : "error-no-number";
      problem.textContent = say(name, wrong.values);
    }
  }

  #wires(op) {
    const { circuit } = this.composer;
    const options = names(circuit).q.map((name, k) => [k, name]);
    if (op.name === "barrier") return [this.#barrier(op, options)];
    const controls = op.controls.flatMap((one, k) => [
      this.#select(`control-${k}`, say("control", { number: k + 1 }), options, one.qubit,
        (now, value) => rewire(now, op, one.qubit, Number(value))),
      this.#select(`when-${k}`, say("acts-when", { number: k + 1 }), [["1", "1"], ["0", "0"]],
        one.on ? "1" : "0", (now, value) => replace(now, op, { controls: op.controls.map(
          (other, j) => (j === k ? { ...other, on: value === "1" } : other)) })),
    ]);
    const targets = op.qubits.map((q, k) => this.#select(`target-${k}`,
      say(op.controls.length || k ? "target" : "qubit", { number: k + 1 }), options, q,
      (now, value) => rewire(now, op, q, Number(value))));
    return [...controls, ...targets];
  }

  #barrier(op, options) {
    const boxes = options.map(([k, name]) => {
      const box = made("input", { type: "checkbox", id: `cq-barrier-${k}`,
        checked: op.qubits.includes(k) });
      box.addEventListener("change", () => {
        const qubits = options.map(([q]) => q).filter(
          (q) => (q === k ? box.checked : op.qubits.includes(q)));
        if (qubits.length) this.composer.edit((now) => replace(now, op, { qubits }), "changed");
        else box.checked = true;
      });
      return made("div", { className: "check" }, box,
        made("label", { htmlFor: box.id, textContent: name }));
    });
    return made("fieldset", { className: "field" },
      made("legend", { textContent: say("qubits") }), ...boxes);
  }

  #bit(op) {
    if (op.name !== "measure") return [];
    const options = names(this.composer.circuit).c.map((name, k) => [k, name]);
    return [this.#select("bit", say("bit"), [["", "–"], ...options], op.bit ?? "",
      (now, value) => replace(now, op, { bit: value === "" ? null : Number(value) }))];
  }

  #condition(op) {
    const { circuit } = this.composer;
    if (op.name === "gphase" || !circuit.cregs.length) return [];
    const { c } = names(circuit);
    const registers = circuit.cregs.filter((one) => one.size > 1).map((one) => one.name);
    const options = [["", say("always")], ...[...c, ...registers].map((name) => [name, name])];
    const now = op.condition ? op.condition.register ?? c[op.condition.bits[0]] : "";
    const list = this.#select("condition", say("only-if"), options, now,
      (given, value) => replace(given, op, { condition: conditionOn(given, value) }));
    return op.condition ? [list, this.#value(op)] : [list];
  }

  #value(op) {
    const { bits, form, value } = op.condition;
    const input = made("input", { type: "text", inputMode: "numeric", autocomplete: "off",
      value: form === "!=" ? `≠ ${value}` : String(value) });
    input.addEventListener("change", () => {
      const match = /^\s*(≠|!=)?\s*(\d{1,9})\s*$/.exec(input.value);
      if (!match || Number(match[2]) >= 2 ** bits.length) {
        input.setAttribute("aria-invalid", "true");
        return;
      }
      const fresh = { ...op.condition, form: match[1] ? "!=" : "==", value: Number(match[2]) };
      this.composer.edit((now) => replace(now, op, { condition: fresh }), "changed");
    });
    return this.#field("value", say("has-value", { most: 2 ** bits.length - 1 }), input);
  }

  #acts(op) {
    const { composer } = this;
    const button = (id, edit, said = "moved") => {
      const one = made("button", { type: "button", className: "small plain", id: `cq-${id}`,
        textContent: say(id) });
      one.addEventListener("click", () => (edit ? composer.edit((now) => edit(now), said)
        : composer.removeHere()));
      return one;
    };
    const acts = [button("earlier", (now) => shift(now, op, -1)),
      button("later", (now) => shift(now, op, 1))];
    if (isGate(op)) {
      acts.push(button("add-control", (now) => addControl(now, op), "changed"));
      if (op.controls.length > (GATES[op.name].least ?? 0)) {
        acts.push(button("remove-control", (now) => removeControl(now, op), "changed"));
      }
    }
    acts.push(button("delete", null));
    return made("p", { className: "acts" }, ...acts);
  }
}

// The condition on a bit (by its name in the text) or on a whole register; null for none.
function conditionOn(circuit, name) {
  if (!name) return null;
  const bit = names(circuit).c.indexOf(name);
  if (bit >= 0) return { bits: [bit], register: null, form: "==", value: 1 };
  let offset = 0;
  for (const one of circuit.cregs) {
    const bits = Array.from({ length: one.size }, (_, k) => offset + k);
    if (one.name === name) return { bits, register: name, form: "==", value: 1 };
    offset += one.size;
  }
  return null;
}
