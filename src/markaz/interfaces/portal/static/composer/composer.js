// The composer: one program, as a circuit and as text, each following the other.

import { gateName, whole } from "./describe.js";
import { Details } from "./details.js";
import { picture } from "./drawing.js";
import { addControl, measureAll, move, place, remove, removeControl, rewire, shift }
  from "./edits.js";
import { isGate, qubitsOf, shortName } from "./gates.js";
import { Grid } from "./grid.js";
import { History } from "./history.js";
import { layout } from "./layout.js";
import { Drag, Palette } from "./palette.js";
import { Panels } from "./panels.js";
import { qiskit } from "./qiskit.js";
import { read } from "./reading.js";
import { Registers } from "./registers.js";
import { Runner } from "./run.js";
import { fragment, textIn } from "./share.js";
import { Refused } from "./simulator.js";
import { has, say } from "./words.js";
import { write } from "./writing.js";

const KEPT = "markaz-composer"; // in the browser's storage
const PAUSE = 120; // milliseconds after the last key before the text is read
const LARGEST_FILE = 1 << 20;
const NOTHING = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n';

const $ = (id) => document.getElementById(id);
const kept = {
  get: () => { try { return localStorage.getItem(KEPT); } catch { return null; } },
  set: (text) => {
    try { localStorage.setItem(KEPT, text); } catch { /* storage is full or off */ }
  },
};

class Composer {
  constructor() {
    this.text = document.querySelector("#composer textarea[name=program]");
    this.cursor = { wire: 0, column: 0 };
    this.history = new History(this.text.value);
    this.grid = new Grid($("composer-sheet"), this);
    this.palette = new Palette($("composer-palette"), this);
    this.details = new Details($("composer-details"), this);
    this.registers = new Registers($("composer-registers"), this);
    this.panels = new Panels(this);
    new Drag($("composer-circuit"), this);
    const form = $("composer-form");
    if (form) new Runner(form, ...["answer", "state", "outcome"].map((id) => $(`composer-${id}`)));
    this.#listen();
  }

  // What is there.

  at(wire, column) { return this.found.cells.get(`${wire},${column}`) ?? null; }

  get selected() { return this.circuit ? this.at(this.cursor.wire, this.cursor.column) : null; }

  label(op) { return isGate(op) ? shortName(op) : op.name; }

  // From a text: what was typed, loaded or taken back.

  load(text, { typed = false, remembered = true } = {}) {
    if (!typed) this.text.value = text;
    if (remembered) this.history.put(text, typed);
    kept.set(text);
    const { circuit, problem } = read(text);
    this.#problem(problem);
    this.circuit = circuit ?? null;
    if (circuit) this.#show();
  }

  #problem(problem) {
    for (const one of document.querySelectorAll("[data-circuit]")) one.hidden = Boolean(problem);
    $("composer-problem").hidden = !problem;
    this.problem = problem;
    if (!problem) return;
    const { kind, key, line, column } = problem;
    const name = `${kind}-${key}`;
    const why = say(has(name) ? name : "error-expected", problem.values);
    $("composer-problem-text").textContent = `${say("at", { line, column })} ${why} ${
      say(kind === "error" ? "mend" : "only-text")}`;
  }

  #show() {
    this.found = layout(this.circuit);
    this.grid.show();
    this.registers.show();
    this.details.show();
    this.panels.show();
  }

  // From the circuit: `change` gives the new one. What cannot be done is said, and nothing done.

  edit(change, key = "", values = {}) {
    let done;
    try {
      done = change(this.circuit);
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      this.tell(say(`refused-${refused.key}`, refused.values));
      return null;
    }
    this.circuit = done.circuit;
    const text = write(done.circuit);
    this.text.value = text;
    this.history.put(text);
    kept.set(text);
    if (done.op) this.#follow(done.op);
    this.#show();
    const said = done.op ? whole(done.op, this.found.columns.get(done.op), this.circuit) : "";
    this.tell([key && has(`did-${key}`) ? say(`did-${key}`, values) : "", said]
      .filter(Boolean).join(" "));
    return done.op ?? null;
  }

  // The cursor goes where the operation is, on the wire where it was if that has a part of it.
  #follow(op) {
    const column = layout(this.circuit).columns.get(op);
    const wires = qubitsOf(op);
    const wire = wires.includes(this.cursor.wire) ? this.cursor.wire : wires[0];
    this.cursor = { wire, column };
  }

  tell(text) { $("composer-said").textContent = text; }

  go(wire, column) {
    if (this.cursor.wire === wire && this.cursor.column === column) return;
    this.cursor = { wire, column };
    this.grid.mark();
    this.details.show();
  }

  // What keys, buttons and pointers ask for.

  placeAt(name, wire, column) {
    this.cursor = { wire, column };
    this.edit((circuit) => place(circuit, name, wire, column), "placed");
  }

  // Where the cursor is, or behind what is there.
  placeHere(name) {
    const { wire, column } = this.cursor;
    this.placeAt(name, wire, column + (this.selected ? 1 : 0));
  }

  moveTo(op, from, wire, column) {
    this.cursor = { wire, column };
    this.edit((circuit) => move(circuit, op, from, wire, column), "moved");
  }

  moveHere(down, right) {
    const op = this.selected;
    if (!op) return;
    const { wire } = this.cursor;
    if (right) this.edit((circuit) => shift(circuit, op, right), "moved");
    else if (qubitsOf(op).includes(wire) && op.name !== "barrier") {
      this.cursor.wire = wire + down;
      if (!this.edit((circuit) => rewire(circuit, op, wire, wire + down), "moved")) {
        this.cursor.wire = wire;
      }
    }
  }

  changeControls(by) {
    const op = this.selected;
    if (!op || !isGate(op)) return;
    const change = by > 0 ? addControl : removeControl;
    this.edit((circuit) => change(circuit, op), "changed");
  }

  removeHere() {
    const op = this.selected;
    if (!op) return;
    const gate = gateName(op);
    this.edit((circuit) => remove(circuit, op), "removed", { gate });
    this.grid.focus(this.cursor);
  }

  openDetails() {
    if (this.selected) this.details.focus();
    else this.palette.focus();
  }

  isHistoryKey(event) {
    return (event.ctrlKey || event.metaKey) && ["z", "y"].includes(event.key.toLowerCase());
  }

  back(by) {
    const text = this.history.go(by);
    if (text === null) return this.tell(say(by < 0 ? "no-undo" : "no-redo"));
    this.load(text, { remembered: false });
    return this.tell(say(by < 0 ? "undone" : "redone"));
  }

  // Buttons and fields.

  #listen() {
    let timer = 0;
    const readIt = () => {
      clearTimeout(timer);
      if (this.text.value !== this.history.now) this.load(this.text.value, { typed: true });
    };
    this.text.addEventListener("change", () => {
      readIt();
      this.history.rest();
    });
    this.text.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(readIt, PAUSE);
    });
    $("composer").addEventListener("keydown", (event) => this.#key(event));
    const presses = {
      undo: () => this.back(-1), redo: () => this.back(1), clear: () => this.load(NOTHING),
      measure: () => this.edit(measureAll, "measured"), go: () => this.#goToProblem(),
      share: () => this.#share(), qasm: () => this.#save("circuit.qasm", this.text.value),
      python: () => this.#save("circuit.py", this.circuit && qiskit(this.circuit)),
      svg: () => this.#save("circuit.svg", this.circuit && picture(this.circuit)),
    };
    for (const [name, press] of Object.entries(presses)) {
      $(`composer-${name}`).addEventListener("click", press);
    }
    $("composer-file").addEventListener("change", (event) => this.#import(event.target));
    addEventListener("hashchange", () => this.follow());
  }

  #key(event) {
    if (this.isHistoryKey(event) && !event.target.matches("input")) {
      event.preventDefault();
      this.back(event.key.toLowerCase() === "y" || event.shiftKey ? 1 : -1);
    } else if (event.key === "Escape" && $("composer-details").contains(event.target)) {
      this.grid.focus(this.cursor);
    }
  }

  #goToProblem() {
    const { at } = this.problem;
    this.text.focus();
    this.text.setSelectionRange(at, Math.min(at + 1, this.text.value.length));
  }

  async #import(input) {
    const [file] = input.files;
    if (!file) return;
    if (file.size > LARGEST_FILE) return this.tell(say("file-large"));
    const text = (await file.text()).replaceAll("\r\n", "\n");
    input.value = "";
    const { circuit } = read(text);
    // A circuit of version 2 is shown as version 3.
    this.load(circuit ? write(circuit) : text);
    return this.tell(say("did-imported", { name: file.name }));
  }

  #save(name, contents) {
    if (!contents) return this.tell(say("not-shown"));
    const media = name.endsWith("svg") ? "image/svg+xml" : "text/plain";
    const address = URL.createObjectURL(new Blob([contents], { type: media }));
    Object.assign(document.createElement("a"), { href: address, download: name }).click();
    URL.revokeObjectURL(address);
    return this.tell(say("did-saved", { name }));
  }

  async #share() {
    const found = await fragment(this.text.value);
    const field = $("composer-link");
    field.parentElement.hidden = !found;
    if (!found) return this.tell(say("link-long"));
    field.value = location.origin + location.pathname + found;
    field.focus();
    field.select();
    let copied = false;
    try {
      await navigator.clipboard.writeText(field.value);
      copied = true;
    } catch { /* the browser does not let us: it is selected */ }
    return this.tell(say(copied ? "did-copied" : "did-shared"));
  }

  // The circuit of a job; the one before it can be had back by undoing.
  open(text) {
    history.replaceState(null, "", location.pathname + location.hash);
    this.load(text);
    this.tell(say("did-opened"));
  }

  // The circuit that the address brings; the one before it can be had back by undoing.
  async follow() {
    const text = await textIn(location.hash);
    if (location.hash.startsWith("#c=")) history.replaceState(null, "", location.pathname);
    if (text === null) return false;
    this.load(text);
    this.tell(say("did-followed"));
    return true;
  }
}

const composer = new Composer();
const given = "given" in $("composer").dataset ? composer.text.value : null;
for (const one of document.querySelectorAll("[data-script]")) one.hidden = false;
composer.load(kept.get() ?? composer.text.value, { remembered: true });
if (given !== null) composer.open(given);
await composer.follow();
$("composer").dataset.ready = "yes";
