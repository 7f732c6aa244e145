// Gates that the standard libraries lack, as programs define them.

// name -> its definition in a text
export const DEFINITIONS = {
  sxdg: "gate sxdg a { inv @ sx a; }",
  rxx: "gate rxx(theta) a, b { h a; h b; cx a, b; rz(theta) b; cx a, b; h a; h b; }",
  ryy: "gate ryy(theta) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(theta) b; cx a, b; "
    + "rx(-pi/2) a; rx(-pi/2) b; }",
  rzz: "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }",
};

// Bodies that say what we know, with parameters a0, … and qubits b0, …
const KNOWN = {
  sxdg: ["inv@sx b0;", "s b0;h b0;s b0;"],
  rxx: ["h b0;h b1;cx b0,b1;rz(a0)b1;cx b0,b1;h b1;h b0;",
    "h b0;h b1;cx b0,b1;rz(a0)b1;cx b0,b1;h b0;h b1;"],
  ryy: ["rx(pi/2)b0;rx(pi/2)b1;cx b0,b1;rz(a0)b1;cx b0,b1;rx(-pi/2)b0;rx(-pi/2)b1;",
    "sxdg b0;sxdg b1;cx b0,b1;rz(a0)b1;cx b0,b1;sx b0;sx b1;"],
  rzz: ["cx b0,b1;rz(a0)b1;cx b0,b1;", "cx b0,b1;u1(a0)b1;cx b0,b1;", "cx b0,b1;p(a0)b1;cx b0,b1;"],
};

// Whether the definition that a reader has come to says what its name says to us.
export function isKnown(reader) {
  const name = reader.name();
  const renamed = new Map();
  const list = (end, prefix) => {
    for (let k = 0; !reader.is(end); k += 1) {
      renamed.set(reader.name(), `${prefix}${k}`);
      reader.accept(",");
    }
  };
  if (reader.accept("(")) {
    list(")", "a");
    reader.next();
  }
  list("{", "b");
  reader.next();
  let body = "";
  let before = "";
  while (!reader.is("}") && reader.token.kind !== "end") {
    const { kind, text } = reader.next();
    const between = kind === "name" && before === "name" ? " " : "";
    body += between + (renamed.get(text) ?? text);
    before = kind;
  }
  reader.need("}");
  return KNOWN[name]?.includes(body) ?? false;
}
