// What pages gain with a script: copy buttons, the place of a refusal, the Nastaliq face.

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.nextElementSibling.textContent = "✓";
  });
}

document.querySelector("[data-focus]")?.focus();

// A token in the fragment never leaves the browser: fill it in for whoever followed the link.
const invited = document.querySelector('input[name="invitation"]');
if (invited && /^#mkz_i_\w+$/.test(location.hash)) {
  invited.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}

const later = document.querySelector('meta[name="face"]');
if (later) {
  const load = () => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = later.content;
    document.head.append(sheet);
  };
  if (document.readyState === "complete") load();
  else addEventListener("load", load, { once: true });
}
