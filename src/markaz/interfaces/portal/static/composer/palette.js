// What one can pick: buttons to press or to drag onto the circuit; gates there can be dragged too.

import { CELL } from "./drawing.js";
import { PALETTE } from "./gates.js";
import { say } from "./words.js";

const FAR = 6; // pixels that a pointer moves before it drags

export class Palette {
  constructor(place, composer) {
    this.buttons = PALETTE.map((entry) => this.#button(entry, composer));
    place.append(...this.buttons);
    this.#only(0);
    place.addEventListener("keydown", (event) => this.#key(event));
  }

  #button(entry, composer) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = `cq-pick kind-${entry.kind}`;
    made.dataset.gate = entry.name;
    made.textContent = entry.label;
    made.setAttribute("aria-label", `${entry.label}: ${say(`gate-${entry.name}`)}`);
    made.title = say(`gate-${entry.name}`) + (entry.key ? ` (${entry.key})` : "");
    made.addEventListener("click", () => {
      if (!made.dataset.dragged) composer.placeHere(entry.name);
      delete made.dataset.dragged;
    });
    return made;
  }

  focus() {
    this.buttons.find((one) => one.tabIndex === 0).focus();
  }

  #only(number) {
    this.buttons.forEach((one, k) => { one.tabIndex = k === number ? 0 : -1; });
  }

  #key(event) {
    const at = this.buttons.indexOf(event.target);
    const last = this.buttons.length - 1;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0,
      End: last }[event.key];
    if (to === undefined || at < 0) return;
    const next = Math.min(last, Math.max(0, to));
    this.#only(next);
    this.buttons[next].focus();
    event.preventDefault();
  }
}

// Dragging with a mouse, a pen or a finger, from palette and grid alike.
export class Drag {
  constructor(area, composer) {
    Object.assign(this, { area, composer, held: null });
    area.addEventListener("pointerdown", (event) => this.#down(event));
    area.addEventListener("pointermove", (event) => this.#move(event));
    area.addEventListener("pointerup", (event) => this.#up(event));
    area.addEventListener("pointercancel", () => this.#end());
    area.addEventListener("keydown", (event) => { if (event.key === "Escape") this.#end(); });
  }

  #down(event) {
    if (event.button !== 0 || this.held) return;
    const button = event.target.closest(".cq-pick");
    const from = this.composer.grid.placeOf(event.target);
    const op = from && this.composer.at(from.wire, from.column);
    if (!button && !from) return;
    this.held = { button, from, op, x: event.clientX, y: event.clientY, id: event.pointerId };
  }

  #move(event) {
    const { held } = this;
    if (!held || event.pointerId !== held.id) return;
    if (!held.ghost) {
      if (!held.button && !held.op) return;
      if (Math.hypot(event.clientX - held.x, event.clientY - held.y) < FAR) return;
      this.#begin(event);
    }
    const half = CELL / 2;
    held.ghost.style.transform = `translate(${event.clientX - half}px, ${event.clientY - half}px)`;
    const over = this.#under(event);
    if (over?.cell === held.over) return;
    held.over?.classList.remove("over");
    held.over = over?.cell;
    held.over?.classList.add("over");
  }

  #begin(event) {
    const { held } = this;
    held.ghost = document.createElement("div");
    held.ghost.className = "cq-ghost";
    held.ghost.textContent = held.button?.textContent ?? this.composer.label(held.op);
    document.body.append(held.ghost);
    this.area.setPointerCapture(event.pointerId);
    if (held.button) held.button.dataset.dragged = "yes";
  }

  #under(event) {
    return this.composer.grid.placeOf(document.elementFromPoint(event.clientX, event.clientY));
  }

  #up(event) {
    const { held } = this;
    if (!held) return;
    const target = this.#under(event);
    const dragged = Boolean(held.ghost);
    this.#end();
    if (!target) return;
    if (!dragged) {
      // A tap; not every browser makes a click of one that follows a drag.
      if (held.from) this.composer.grid.focus(target);
      return;
    }
    if (held.button) this.composer.placeAt(held.button.dataset.gate, target.wire, target.column);
    else this.composer.moveTo(held.op, held.from.wire, target.wire, target.column);
  }

  #end() {
    const { held } = this;
    this.held = null;
    held?.ghost?.remove();
    held?.over?.classList.remove("over");
    // A click follows at once, and must not place the gate once more.
    if (held?.button) setTimeout(() => { delete held.button.dataset.dragged; });
  }
}
