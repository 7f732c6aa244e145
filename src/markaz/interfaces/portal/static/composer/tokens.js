// Tokens of OpenQASM 2 and 3, each with its place and the comments before it.

const TOKEN = new RegExp([
  String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)`,
  String.raw`(?<name>[\p{L}_][\p{L}\p{N}_]*)`,
  String.raw`(?<number>0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|`
    + String.raw`(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?)`,
  String.raw`(?<string>"[^"\n]*"|'[^'\n]*')`,
  String.raw`(?<hardware>\$\d+)`,
  String.raw`(?<symbol>->|==|!=|<=|>=|&&|\|\||\*\*|<<|>>|\+\+|[-+*/%<>=!&|^~(){}[\];:,.@#])`,
].join("|"), "uy");

// What stops a program from being shown: `key` and `values` say why, in words.js.
export class Problem extends Error {
  constructor(kind, key, values, at) {
    super(key);
    Object.assign(this, { kind, key, values, at });
  }
}

export function place(text, at) {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return { line, column: at - before.lastIndexOf("\n"), at };
}

// All tokens; the last is of the kind "end". Each has the comments that stand before it, and
// whether they begin on the line where the token before ends.
export function tokens(text) {
  const found = [];
  let comments = [];
  let at = 0;
  let ended = -1; // where the last token did
  for (;;) {
    while (/\s/.test(text[at] ?? "")) at += 1;
    if (at >= text.length) break;
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) throw new Problem("error", "character", { found: text[at] }, at);
    const [kind, value] = Object.entries(match.groups).find(([, one]) => one !== undefined);
    if (kind === "comment") {
      const beside = ended >= 0 && !text.slice(ended, at).includes("\n");
      comments.push({ text: value, beside });
    } else {
      found.push({ kind, text: value, at, comments });
      comments = [];
      ended = at + value.length;
    }
    at += match[0].length;
  }
  found.push({ kind: "end", text: "", at: text.length, comments });
  return found;
}

// Walks over tokens; every complaint of a parser goes through it.
export class Reader {
  constructor(text) {
    this.all = tokens(text);
    this.number = 0;
  }

  get token() { return this.all[this.number]; }

  next() {
    const { token } = this;
    if (token.kind !== "end") this.number += 1;
    return token;
  }

  is(text) { return this.token.text === text && this.token.kind !== "string"; }

  accept(text) {
    const there = this.is(text);
    if (there) this.next();
    return there;
  }

  need(text) {
    if (!this.is(text)) this.expected(text, this.token);
    return this.next();
  }

  name() {
    if (this.token.kind !== "name") this.expected("name", this.token);
    return this.next().text;
  }

  whole() {
    const minus = this.accept("-");
    const { token } = this;
    const text = token.text.replaceAll("_", "");
    if (token.kind !== "number" || !/^(\d+|0[xob][\da-f]+)$/i.test(text)) {
      if (token.kind === "name") this.unshown("name", { name: token.text }, token);
      this.expected("whole", token);
    }
    this.next();
    return minus ? -Number(text) : Number(text);
  }

  fail(key, values, token) { throw new Problem("error", key, values, token.at); }

  unshown(key, values, token) { throw new Problem("unshown", key, values, token.at); }

  expected(what, token) {
    const words = { name: "a-name", number: "a-number", whole: "a-whole", gate: "a-gate" };
    const found = token.kind === "end" ? "" : token.text.slice(0, 30);
    const key = token.kind === "end" ? "ended" : "expected";
    this.fail(key, { what: what in words ? { key: words[what] } : what, found }, token);
  }
}
