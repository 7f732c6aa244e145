// Runs the program through the page's own form: first what it costs, then the job, in place.
//
// The form is the one that works without a script; this sends it, and shows the parts of the
// answers (the price, a refusal, the state of the job, its outcomes) beside the circuit.

import { say } from "./words.js";

const FINAL = new Set(["completed", "failed", "cancelled"]);
const FIRST = 400; // milliseconds between two looks at a job
const SLOWEST = 5000;

const wait = (time) => new Promise((resolve) => { setTimeout(resolve, time); });
const html = async (answer) =>
  new DOMParser().parseFromString(await answer.text(), "text/html");

export class Runner {
  constructor(form, place, state, result) {
    Object.assign(this, { form, place, state, result, priced: "", busy: false, watched: "" });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#asked(event.submitter?.value ?? "run");
    });
  }

  async #asked(act) {
    if (this.busy) return;
    this.busy = true;
    this.form.setAttribute("aria-busy", "true");
    try {
      // Nothing runs before its price was seen.
      const wanted = this.#filled("").toString();
      const known = this.priced === wanted;
      await (act === "run" && known ? this.#run() : this.#estimate(wanted, act === "run"));
    } catch {
      this.#tell(say("no-answer"));
    } finally {
      this.busy = false;
      this.form.removeAttribute("aria-busy");
    }
  }

  #filled(act) {
    const filled = new URLSearchParams(new FormData(this.form));
    filled.set("act", act);
    if (!act) filled.delete("csrf");
    return filled;
  }

  #send(act) {
    return fetch(this.form.action, { method: "POST", body: this.#filled(act),
      headers: { Accept: "text/html" } });
  }

  async #estimate(wanted, runs) {
    this.#tell(say("asking"));
    const answer = await this.#send("estimate");
    const found = await html(answer);
    const price = found.querySelector('[aria-labelledby="estimate"]');
    if (answer.redirected || !price) return this.#refused(answer, found);
    this.priced = wanted;
    this.#tell("");
    price.removeAttribute("role");
    this.#show(price);
    if (runs) this.#offer();
    return undefined;
  }

  #offer() {
    const button = document.createElement("button");
    Object.assign(button, { textContent: say("run-now"), name: "act", value: "run" });
    button.setAttribute("form", this.form.id);
    this.place.append(button);
    button.focus();
  }

  async #run() {
    this.#tell(say("sending"));
    const answer = await this.#send("run");
    const job = /^\/jobs\/(\w+)$/.exec(new URL(answer.url).pathname)?.[1];
    if (!answer.redirected || !job) {
      this.#refused(answer, await html(answer));
      return;
    }
    this.#show();
    this.watched = job;
    this.#watch(job);
  }

  // Why it was refused, as the page of the form would say it.
  #refused(answer, found) {
    this.priced = "";
    this.#tell("");
    if (answer.redirected) {
      const link = Object.assign(document.createElement("a"), { href: answer.url,
        textContent: say("log-in") });
      this.#show(link);
      return;
    }
    const why = found.querySelector("main [role=alert]") ?? found.querySelector("main");
    const shown = document.createElement("div");
    shown.className = "notice bad";
    shown.append(...why.childNodes);
    this.#show(shown);
  }

  async #watch(job) {
    let pause = FIRST;
    while (this.watched === job) {
      await wait(pause);
      if (document.hidden) continue;
      try {
        if (await this.#look(job)) return;
        pause = Math.min(pause * 1.2, SLOWEST);
      } catch {
        pause = Math.min(pause * 2, SLOWEST);
      }
    }
  }

  async #look(job) {
    const answer = await fetch(`/jobs/${job}/live`, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const ended = FINAL.has(answer.headers.get("X-Job-State"));
    const fresh = (await html(answer)).querySelector(".live-inner");
    if (this.watched !== job) return true;
    if (fresh.textContent !== this.state.textContent) this.state.replaceChildren(fresh);
    if (ended) await this.#outcome(job);
    return ended;
  }

  // The parts of the job's page that say what came out.
  async #outcome(job) {
    const page = await html(await fetch(`/jobs/${job}`, { headers: { Accept: "text/html" } }));
    const parts = ["outcomes", "values"].map((id) =>
      page.querySelector(`[aria-labelledby="${id}"]`)).filter(Boolean);
    const link = Object.assign(document.createElement("a"), { href: `/jobs/${job}`,
      textContent: say("open-job") });
    const last = document.createElement("p");
    last.append(link);
    this.result.replaceChildren(...parts.map((one) => document.adoptNode(one)));
    this.#show(last);
  }

  #show(...parts) {
    this.place.replaceChildren(...parts.map((one) => document.adoptNode(one)));
  }

  #tell(text) {
    this.state.textContent = text;
  }
}
