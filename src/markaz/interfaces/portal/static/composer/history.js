// What was before, as texts: both views write them, so that both can take them back.

const MOST = 300;
const TOGETHER = 1000; // milliseconds in which typing counts as one change

export class History {
  constructor(text) {
    this.past = [];
    this.now = text;
    this.future = [];
    this.typed = -Infinity;
  }

  put(text, typing = false) {
    if (text === this.now) return;
    const time = performance.now();
    const together = typing && time - this.typed < TOGETHER;
    if (!together) this.past.push(this.now);
    if (this.past.length > MOST) this.past.shift();
    this.typed = typing ? time : -Infinity;
    this.now = text;
    this.future = [];
  }

  // What is typed from now on is another change.
  rest() {
    this.typed = -Infinity;
  }

  // The text before (`by` -1) or after; null if there is none.
  go(by) {
    const [from, to] = by < 0 ? [this.past, this.future] : [this.future, this.past];
    if (!from.length) return null;
    to.push(this.now);
    this.now = from.pop();
    this.typed = -Infinity;
    return this.now;
  }
}
