// Keeps the state of a job that goes on up to date, and shows the whole page anew at its end.

const place = document.getElementById("live");
const FINAL = new Set(["completed", "failed", "cancelled"]);
const SLOWEST = 20_000;

// Without the parameter that says what was done a moment ago.
function again() {
  location.replace(location.pathname);
}

async function look() {
  const answer = await fetch(place.dataset.live, { headers: { Accept: "text/html" } });
  if (answer.redirected || answer.status === 401) return again();
  if (!answer.ok) throw new Error(String(answer.status));
  if (FINAL.has(answer.headers.get("X-Job-State"))) return again();
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = parsed.querySelector(".live-inner");
  const shown = place.querySelector(".live-inner");
  if (!fresh || fresh.textContent === shown?.textContent) return;
  const open = [...place.querySelectorAll("details")].map((one) => one.open);
  place.replaceChildren(document.adoptNode(fresh));
  place.querySelectorAll("details").forEach((one, at) => { one.open = Boolean(open[at]); });
}

async function keepLooking() {
  let wait = 1000;
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    if (document.hidden) continue;
    try {
      await look();
      wait = Math.min(wait * 1.15, 5000);
    } catch {
      wait = Math.min(wait * 2, SLOWEST);
    }
  }
}

if (place) keepLooking();
