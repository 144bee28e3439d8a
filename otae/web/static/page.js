// What the portal's pages and the console's need; without it everything works, only less smoothly.

// Light or dark: what the person chose here, else what the system says. Runs before the page is painted.
const system = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => { try { return localStorage.getItem("otae-theme"); } catch { return null; } };
const setTheme = () => {
  document.documentElement.dataset.bsTheme = chosen() ?? (system.matches ? "dark" : "light");
};
setTheme();
system.addEventListener("change", setTheme);
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-toggle]")) return;
  const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
  try { localStorage.setItem("otae-theme", next); } catch { /* a browser that keeps nothing still switches */ }
  document.documentElement.dataset.bsTheme = next;
});

// <button data-reveal="id"> shows and hides what was typed in a password field.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reveal]");
  if (!button) return;
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  button.title = shown ? button.dataset.show : button.dataset.hide;
  button.setAttribute("aria-label", button.title);
  button.toggleAttribute("data-shown", !shown);
});

// Screen readers say what is put into this place; what stands in a page when it loads, most of them do not say.
const say = (text) => {
  const words = Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: text });
  document.getElementById("said").append(words);
};
document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-note]").remove());

// What a form could not take is read first, after a page load and after a swap.
const focusSummary = () => document.getElementById("summary")?.focus();
document.addEventListener("htmx:after:swap", (event) => {
  if (!event.detail.ctx?.sourceElement?.matches("[data-poll]")) focusSummary();
});

document.addEventListener("DOMContentLoaded", () => {
  focusSummary();
  for (const button of document.querySelectorAll("[data-theme-toggle], [data-reveal], [data-dismiss]")) button.hidden = false;
  const note = document.querySelector("[data-note]");
  if (note) setTimeout(() => document.getElementById("said").append(note), 100);
  // An iPad calls itself a Mac; unlike any Mac it has a touch screen.
  const elsewhere = document.querySelector("[data-not-a-mac]")?.dataset.notAMac;
  if (elsewhere && navigator.maxTouchPoints > 1) location.replace(elsewhere);
  // The page of a link tells that a person's browser opened it: looking at a link alone writes nothing.
  const opened = document.querySelector("[data-opened]")?.dataset.opened;
  if (opened) fetch(opened, { method: "POST", keepalive: true });
});

// Menus close when one clicks elsewhere or presses Escape.
const openMenus = "details:is(.otae-menu, .otae-languages)[open]";
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(openMenus)) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll(openMenus)) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A page that nobody looks at asks for nothing.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.detail.ctx?.sourceElement?.matches("[data-poll]")) event.preventDefault();
});

// Say it when the server does not answer, and stop saying it when it does.
const offline = (away) => {
  const note = document.querySelector("[data-offline]");
  if (note) note.hidden = !away;
};
document.addEventListener("htmx:error", () => offline(true));
document.addEventListener("htmx:response:error", (event) => {
  if ((event.detail.ctx?.response?.status ?? 0) >= 500) offline(true);
});
document.addEventListener("htmx:after:request", (event) => {
  if ((event.detail.ctx?.response?.status ?? 500) < 500) offline(false);
});

// <span data-left="seconds"> counts down from when it is first seen, whatever time the Mac's clock says it is.
const ends = new WeakMap();
const countDown = () => {
  for (const each of document.querySelectorAll("[data-left]")) {
    if (!ends.has(each)) ends.set(each, Date.now() + each.dataset.left * 1000);
    const left = Math.max(0, Math.floor((ends.get(each) - Date.now()) / 1000));
    const [count, unit] = left < 60 ? [left, "second"] : [Math.floor(left / 60), "minute"];
    const format = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "short" });
    each.textContent = format.format(count);
  }
};
setInterval(countDown, 1000);

// Chrome and Edge start no service worker where they do not know the server's certificate, even when the person passed
// their warning: where one starts, nobody has to trust the certificate first.
document.addEventListener("DOMContentLoaded", async () => {
  const probe = document.querySelector("[data-probe]")?.dataset.probe;
  if (!probe) return;
  try {
    await (await navigator.serviceWorker.register(probe)).unregister();
    document.documentElement.dataset.trusted = "";
  } catch { /* it does not know it */ }
});
