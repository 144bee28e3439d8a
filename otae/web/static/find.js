// The search over the page: the button or the "/" key opens it, arrow keys choose, Enter opens, Escape closes.

const finder = document.getElementById("find");
const stored = (name, otherwise) => { try { return JSON.parse(localStorage.getItem(name)) ?? otherwise; } catch { return otherwise; } };
const store = (name, value) => { try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* it works without */ } };

// What was opened is remembered in this browser by kind and id; nothing of what it says. Signing out forgets it.
document.addEventListener("click", (event) => {
  const key = event.target.closest("[data-find]")?.dataset.find;
  if (key) store("otae-finds", [key, ...stored("otae-finds", []).filter((each) => each !== key)].slice(0, 8));
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-sign-out]")) store("otae-finds", []);
});

if (finder) {
  const input = finder.querySelector("[name=q]");
  const list = finder.querySelector("[data-finds]");
  const keyed = finder.querySelector("[data-find-key]");
  let asked = new AbortController();
  let waiting = 0;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const chosen = () => list.querySelector("[aria-selected=true]");
  const choose = (option) => {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    input.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  };

  // A newer question ends an older one. Whoever was signed out meanwhile is led to sign in.
  const ask = async () => {
    asked.abort();
    asked = new AbortController();
    const text = input.value.trim();
    const query = new URLSearchParams(text ? { q: text } : stored("otae-finds", []).map((key) => ["recent", key]));
    try {
      const answer = await fetch(`${list.dataset.finds}?${query}`, { headers: { "HX-Request": "true" }, signal: asked.signal });
      if (answer.headers.has("HX-Redirect")) { location.assign(`${list.dataset.finds}?${query}`); return; }
      if (!answer.ok) return;
      list.innerHTML = await answer.text();
      input.setAttribute("aria-expanded", String(options().length > 0));
      finder.querySelector("[data-found]").textContent = list.firstElementChild.dataset.said;
      choose(options()[0]);
    } catch { /* a newer question, or the server is away: Enter leads to the page of the search */ }
  };
  const open = () => {
    if (finder.open) return;
    finder.showModal();
    input.select();
    ask();
  };

  // What was found for an earlier text is never opened by Enter: not what is shown, nor what is still on its way.
  input.addEventListener("input", () => {
    asked.abort();
    choose(null);
    clearTimeout(waiting);
    waiting = setTimeout(ask, 120);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const all = options();
      choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
      event.preventDefault();
    } else if (event.key === "Enter" && chosen()) {
      chosen().click();
      event.preventDefault();
    }
  });
  finder.addEventListener("click", (event) => { if (event.target === finder) finder.close(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-find-open]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  keyed.checked = stored("otae-find-key", true);
  keyed.addEventListener("change", () => store("otae-find-key", keyed.checked));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
    if (event.key !== "/" || typing || !keyed.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    open();
  });
}
