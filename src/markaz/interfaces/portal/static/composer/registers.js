// How many qubits and classical bits there are, register by register.

import { addBits, resize } from "./edits.js";
import { say } from "./words.js";

function button(text, label, press) {
  const made = Object.assign(document.createElement("button"), { type: "button",
    className: "small plain", textContent: text, title: label });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", press);
  return made;
}

export class Registers {
  constructor(place, composer) {
    Object.assign(this, { place, composer });
  }

  show() {
    const { circuit } = this.composer;
    const focused = this.place.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label") : "";
    const rows = [...this.#list("q", circuit.qregs), ...this.#list("c", circuit.cregs)];
    this.place.replaceChildren(...rows);
    for (const one of this.place.querySelectorAll("button")) {
      if (one.getAttribute("aria-label") === focused) one.focus();
    }
  }

  #list(kind, registers) {
    const rows = registers.map(({ name, size }, number) => {
      const row = document.createElement("span");
      row.className = "cq-register";
      row.dir = "ltr";
      const label = document.createElement("code");
      label.textContent = `${name}[${size}]`;
      const by = (step, key) => button(step < 0 ? "−" : "+", say(key, { name }), () =>
        this.composer.edit((now) => resize(now, kind, number, size + step), key, { name }));
      row.append(by(-1, kind === "q" ? "fewer-qubits" : "fewer-bits"), label,
        by(1, kind === "q" ? "more-qubits" : "more-bits"));
      return row;
    });
    if (registers.length) return rows;
    return [button("+ c", say("new-bits"), () => this.composer.edit(addBits, "new-bits"))];
  }
}
