// The page's texts in the reader's language; the page brings them along.

const texts = new Map(
  [...document.getElementById("composer-words").content.querySelectorAll("[data-key]")]
    .map((one) => [one.dataset.key, one.textContent]),
);
const mirrored = document.dir === "rtl";

// The text `key` with {names} filled in. Names and formulas keep their own direction.
export function say(key, values = {}) {
  return texts.get(key).replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name]?.key ? say(values[name].key) : String(values[name] ?? "");
    return mirrored ? `\u2068${value}\u2069` : value;
  });
}

export const has = (key) => texts.has(key);
