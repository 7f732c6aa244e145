// Parameters as expressions: read from tokens, with their value and their text.

export const CONSTANTS = {
  pi: Math.PI, "π": Math.PI, tau: 2 * Math.PI, "τ": 2 * Math.PI, euler: Math.E, "ℇ": Math.E,
};
const FUNCTIONS = {
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, arcsin: Math.asin,
  acos: Math.acos, arccos: Math.acos, atan: Math.atan, arctan: Math.atan, exp: Math.exp,
  ln: Math.log, log: Math.log, sqrt: Math.sqrt, abs: Math.abs,
};
const BINDS = { "+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "**": 4 };
const UNARY = 3;
const DEEPEST = 60;

// Whole numbers divide as whole numbers in OpenQASM 3, and as real ones in version 2.
function binary(symbol, a, b, real) {
  const whole = a.whole && b.whole;
  const plain = { "+": a.value + b.value, "-": a.value - b.value, "*": a.value * b.value };
  if (symbol in plain) return { value: plain[symbol], whole };
  if (symbol === "**") return { value: a.value ** b.value, whole: whole && b.value >= 0 };
  if (b.value === 0) return { value: NaN, whole: false };
  if (symbol === "%") return { value: a.value % b.value, whole };
  const value = a.value / b.value;
  return whole && !real ? { value: Math.trunc(value), whole } : { value, whole: false };
}

// Reads an expression from a reader of tokens (see tokens.js); what it gives has `value` and
// `text`. A version 2 expression is written so that version 3 gives it the same value.
export function expression(reader, version) {
  const real = version === 2;
  const start = reader.token;
  const used = [];
  let divided = false; // whether whole numbers were

  const take = () => { used.push(reader.token); return reader.next(); };
  function operand(depth) {
    if (depth > DEEPEST) reader.fail("deep", {}, reader.token);
    const token = reader.token;
    if (token.kind === "symbol" && (token.text === "-" || token.text === "+")) {
      take();
      const inner = term(UNARY, depth + 1);
      return token.text === "-" ? { ...inner, value: -inner.value } : inner;
    }
    if (token.text === "(" && token.kind === "symbol") return bracket(depth);
    if (token.kind === "number") {
      take();
      const clean = token.text.replaceAll("_", "");
      return { value: Number(clean), whole: /^(\d+|0[xob].*)$/i.test(clean) };
    }
    if (token.kind === "name" && Object.hasOwn(FUNCTIONS, token.text)) return call(depth);
    if (token.kind === "name" && Object.hasOwn(CONSTANTS, token.text)) {
      take();
      return { value: CONSTANTS[token.text], whole: false };
    }
    if (token.kind === "name") return reader.unshown("name", { name: token.text }, token);
    return reader.expected("number", token);
  }
  function bracket(depth) {
    take();
    const inner = term(0, depth + 1);
    if (reader.token.text !== ")") reader.expected(")", reader.token);
    take();
    return inner;
  }
  function call(depth) {
    const name = take().text;
    if (reader.token.text !== "(") reader.expected("(", reader.token);
    const value = FUNCTIONS[name](bracket(depth).value);
    return { value, whole: false };
  }
  function term(least, depth) {
    let left = operand(depth);
    for (;;) {
      let symbol = reader.token.kind === "symbol" ? reader.token.text : "";
      if (symbol === "^" && real) symbol = "**";
      const binds = BINDS[symbol];
      if (!binds || binds < least) return left;
      take();
      // Powers group from the right, the others from the left.
      const right = term(symbol === "**" ? binds : binds + 1, depth + 1);
      divided ||= symbol === "/" && left.whole && right.whole;
      left = binary(symbol, left, right, real);
    }
  }

  const found = term(0, 0);
  if (!Number.isFinite(found.value)) reader.fail("value", {}, start);
  return { value: found.value, text: written(used, (token) => inVersion3(token, real, divided)) };
}

// The text of an expression, with the spaces that people write.
function written(tokens, text) {
  let all = "";
  let before = null;
  for (const token of tokens) {
    const unary = !before || (before.kind === "symbol" && before.text !== ")");
    const loose = token.kind === "symbol" && "+-".includes(token.text) && !unary;
    all += loose ? ` ${text(token)} ` : text(token);
    before = token;
  }
  return all;
}

function inVersion3(token, real, divided) {
  if (!real) return token.text;
  if (token.text === "^") return "**";
  if (token.text === "ln") return "log";
  return divided && /^\d+$/.test(token.text) ? `${token.text}.0` : token.text;
}

// The same expression as Python has it with the names of its module math; null where the
// two would give whole numbers different quotients.
export function inPython(text) {
  const names = { "π": "pi", "τ": "tau", euler: "e", "ℇ": "e", arcsin: "asin", arccos: "acos",
    arctan: "atan", ln: "log" };
  if (/\d\)*\s*[/%]\s*[-+(]*\d/.test(text)) return null;
  return text.replace(/(?<![\d.\w])[A-Za-zπτℇ]\w*/g, (name) => names[name] ?? name);
}
