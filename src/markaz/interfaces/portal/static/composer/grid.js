// The circuit as a grid of cells over its picture: for keys, pointers and screen readers.

import { cell } from "./describe.js";
import { CELL, draw } from "./drawing.js";
import { PALETTE } from "./gates.js";
import { qubitCount } from "./layout.js";
import { namesOf } from "./writing.js";

const LEAST_COLUMNS = 5;
const NAME = 70; // pixels of the names at the wires
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function part(role, kind, text = "") {
  const made = document.createElement("div");
  if (role) made.setAttribute("role", role);
  made.className = kind;
  made.textContent = text;
  return made;
}

export class Grid {
  constructor(sheet, composer) {
    Object.assign(this, { sheet, composer });
    sheet.addEventListener("keydown", (event) => this.#key(event));
    sheet.addEventListener("focusin", (event) => {
      const at = this.placeOf(event.target);
      if (at) composer.go(at.wire, at.column);
    });
    sheet.addEventListener("click", (event) => {
      const at = this.placeOf(event.target);
      if (at) this.focus(at);
    });
  }

  // The wire and column of the cell that an element is in; null for none.
  placeOf(target) {
    const found = target?.closest?.("[data-column]");
    if (!found || !this.sheet.contains(found)) return null;
    return { wire: Number(found.dataset.wire), column: Number(found.dataset.column), cell: found };
  }

  cellAt({ wire, column }) {
    return this.sheet.querySelector(`[data-wire="${wire}"][data-column="${column}"]`);
  }

  focus(at) {
    this.cellAt(at)?.focus();
  }

  show() {
    const { circuit, found, cursor } = this.composer;
    const had = this.sheet.contains(document.activeElement);
    const room = Math.floor((this.sheet.clientWidth - NAME) / CELL);
    const columns = Math.max(LEAST_COLUMNS, room, found.count + 1);
    cursor.wire = Math.min(cursor.wire, qubitCount(circuit) - 1);
    cursor.column = Math.min(cursor.column, columns - 1);
    this.columns = columns;
    const rows = namesOf(circuit.qregs).map((name, wire) => this.#row(name, wire));
    const classical = circuit.cregs.map((one) => {
      const row = part("", "cq-classical");
      row.setAttribute("aria-hidden", "true");
      row.append(part("", "cq-name", `${one.name} ${one.size}`));
      return row;
    });
    this.sheet.setAttribute("aria-rowcount", rows.length);
    this.sheet.setAttribute("aria-colcount", columns + 1);
    this.sheet.replaceChildren(draw(circuit, found, columns), ...rows, ...classical);
    this.sheet.style.setProperty("--columns", columns);
    this.sheet.style.setProperty("--cell", `${CELL}px`);
    this.mark();
    if (had) this.focus(cursor);
  }

  #row(name, wire) {
    const { circuit, found } = this.composer;
    const row = part("row", "cq-row");
    const header = part("rowheader", "cq-name", name);
    row.append(header);
    for (let column = 0; column < this.columns; column += 1) {
      const op = found.cells.get(`${wire},${column}`);
      const made = part("gridcell", op ? "cq-cell full" : "cq-cell");
      Object.assign(made.dataset, { wire, column });
      made.tabIndex = -1;
      made.setAttribute("aria-label", cell(op, wire, column, circuit));
      row.append(made);
    }
    return row;
  }

  // Show where the cursor is.
  mark() {
    this.sheet.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
    for (const one of this.sheet.querySelectorAll('[tabindex="0"]')) one.tabIndex = -1;
    const there = this.cellAt(this.composer.cursor);
    there.tabIndex = 0;
    there.setAttribute("aria-selected", "true");
  }

  #key(event) {
    const { composer } = this;
    if (event.altKey || composer.isHistoryKey(event) || event.ctrlKey || event.metaKey) return;
    const done = this.#does(keyOf(event), event);
    if (done) event.preventDefault();
  }

  #does(key, event) {
    const { composer } = this;
    if (key in STEPS) return this.#step(STEPS[key], event.shiftKey);
    const { wire, column } = composer.cursor;
    const last = this.columns - 1;
    const jumps = { Home: [wire, 0], End: [wire, Math.min(last, composer.found.count)],
      PageUp: [0, column], PageDown: [qubitCount(composer.circuit) - 1, column] };
    if (key in jumps) return this.#to(...jumps[key]);
    if (key === "Delete" || key === "Backspace") return composer.removeHere() || true;
    if (key === "Enter" || key === "F2" || key === " ") return composer.openDetails() || true;
    if (key === "+" || key === "=") return composer.changeControls(1) || true;
    if (key === "-") return composer.changeControls(-1) || true;
    const entry = PALETTE.find((one) => one.key === key)
      ?? PALETTE.find((one) => one.key && one.key === key.toLowerCase());
    return entry ? composer.placeHere(entry.name) || true : false;
  }

  #step([down, right], moves) {
    const { composer } = this;
    if (moves) return composer.moveHere(down, right) || true;
    return this.#to(composer.cursor.wire + down, composer.cursor.column + right);
  }

  #to(wire, column) {
    const rows = qubitCount(this.composer.circuit);
    const at = { wire: Math.min(rows - 1, Math.max(0, wire)),
      column: Math.min(this.columns - 1, Math.max(0, column)) };
    this.focus(at);
    return true;
  }
}

// The key in Latin letters, whatever the keyboard writes.
function keyOf({ key, code, shiftKey }) {
  if (key.length > 1 || key.charCodeAt(0) < 128) return key;
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  if (letter) return shiftKey ? letter : letter.toLowerCase();
  return /^Digit(\d)$/.exec(code)?.[1] ?? key;
}

