// A program in the part of an address that no browser sends anywhere.

const NAME = "#c=";
export const MOST_LINK = 8192; // characters
const MOST_TEXT = 1 << 18; // bytes that a link may unfold to

async function through(bytes, stream, most) {
  const writer = stream.writable.getWriter();
  // A reader that stops early makes the writer fail; there is nothing to do about that.
  writer.write(bytes).then(() => writer.close()).catch(() => {});
  const parts = [];
  let length = 0;
  for (const reader = stream.readable.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new RangeError("too long");
    }
    parts.push(value);
  }
  return new Blob(parts).arrayBuffer();
}

// The fragment for a text; null if it is longer than mail and chat let through.
export async function fragment(text) {
  const packed = await through(new TextEncoder().encode(text),
    new CompressionStream("deflate-raw"), MOST_TEXT);
  const letters = Array.from(new Uint8Array(packed), (one) => String.fromCharCode(one));
  const plain = btoa(letters.join(""));
  const found = NAME + plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return found.length <= MOST_LINK ? found : null;
}

// The text in a fragment; null if there is none, or none that can be read.
export async function textIn(hash) {
  if (!hash.startsWith(NAME) || hash.length > MOST_LINK) return null;
  try {
    const plain = atob(hash.slice(NAME.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(plain, (one) => one.charCodeAt(0));
    const found = await through(bytes, new DecompressionStream("deflate-raw"), MOST_TEXT);
    return new TextDecoder("utf-8", { fatal: true }).decode(found);
  } catch {
    return null;
  }
}
