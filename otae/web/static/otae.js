// What pages of the console cannot say in HTML, besides page.js. Everything works without it, only less smoothly.

// Times are shown in this browser's zone, unless the account has one: the server learns it with the next page.
document.cookie = `__Host-otae-zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; Path=/; Secure; SameSite=Lax; Max-Age=31536000`;

// <button data-exact-times> shows every time in full, as its tooltip says it; this browser remembers it.
const exact = () => { try { return localStorage.getItem("otae-exact-times") === "true"; } catch { return false; } };
const setExact = (on) => {
  document.documentElement.toggleAttribute("data-exact", on);
  for (const button of document.querySelectorAll("[data-exact-times]")) {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(on));
  }
};
setExact(exact());
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-exact-times]")) return;
  const on = !document.documentElement.hasAttribute("data-exact");
  try { localStorage.setItem("otae-exact-times", String(on)); } catch { /* a browser that keeps nothing still switches */ }
  setExact(on);
});

// A button that asks shows the server's question (otae/web/questions.py) in a dialog: one named "ask", and one with
// data-asks-if="name" when a check box of that name is checked. When no question comes, the browser sends the form, and
// shows what the server says.
document.addEventListener("submit", async (event) => {
  const { target: form, submitter: button } = event;
  const only = button?.dataset.asksIf;
  if (!button || !(only ? form.querySelector(`[name="${only}"]:checked`) : button.name === "ask")) return;
  event.preventDefault();
  if (form.dataset.asking) return;
  form.dataset.asking = "yes";
  const dialog = document.getElementById("dialog");
  const address = button.getAttribute("formaction") ?? form.action;
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: new URLSearchParams(new FormData(form, button)),
      headers: { "HX-Request": "true" },
      redirect: "manual",
    });
    dialog.innerHTML = answer.ok ? await answer.text() : "";
  } catch { /* the browser says it when it sends the form */ }
  delete form.dataset.asking;
  if (!dialog.querySelector("[data-question]")) {
    const pressed = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
    form.append(pressed);
    form.action = address;
    form.submit();
    return;
  }
  dialog.onclose = () => {
    dialog.replaceChildren();
    (button.isConnected ? button : document.getElementById(button.id))?.focus();
  };
  dialog.showModal();
}, true);
document.addEventListener("click", (event) => {
  const closes = event.target.closest("dialog [data-close]");
  if (!closes) return;
  event.preventDefault();
  closes.closest("dialog").close();
});

// <form data-copies> puts what its address answers on the clipboard; when that fails it is sent, and shows it. The text
// is promised to the clipboard at once: some browsers take nothing after the click is over.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-copies]");
  if (!form || !navigator.clipboard) return;
  event.preventDefault();
  const button = event.submitter;
  const text = fetch(form.action, { method: "POST", headers: { Accept: "text/plain" } }).then((answer) => {
    if (!answer.ok || !answer.headers.get("Content-Type").startsWith("text/plain")) throw new Error("no text");
    return answer.text();
  });
  try {
    if (window.ClipboardItem) {
      const blob = text.then((copied) => new Blob([copied], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await text);
    }
    button.textContent = button.dataset.copied;
    say(button.textContent);
  } catch {
    form.submit();
  }
});

// <button data-print> prints the page.
document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
});

// <button data-copy="text"> puts its text on the clipboard and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const said = button.textContent;
  button.textContent = button.dataset.copied;
  say(button.textContent);
  setTimeout(() => { button.textContent = said; }, 2000);
});

// <form data-frame-button="id"> shows while one types what that button shows in its frame. The frame is a new one each
// time, so that the browser's Back does not walk through every letter.
for (const form of document.querySelectorAll("form[data-frame-button]")) {
  const button = document.getElementById(form.dataset.frameButton);
  const show = () => {
    const frame = document.getElementsByName(button.formTarget)[0];
    const fresh = frame.cloneNode();
    fresh.removeAttribute("src");
    frame.replaceWith(fresh);
    form.requestSubmit(button);
  };
  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 500);
  });
  if (form.dataset.written) show();
}

// The bar below a list says how many rows are selected. "All on this page" and "all that match" check every row, and a
// row that is unchecked takes them back.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-selects]");
  if (!form) return;
  const rows = [...form.querySelectorAll('[name="id"]')];
  const scopes = [...form.querySelectorAll('[name="scope"]')];
  if (event.target.name === "scope") {
    for (const other of scopes) if (other !== event.target) other.checked = false;
    for (const row of rows) row.checked = event.target.checked;
  } else {
    for (const scope of scopes) scope.checked = false;
  }
  const bar = form.querySelector("[data-selected]");
  const all = scopes.find((scope) => scope.checked && scope.value === "all");
  const number = all ? bar.dataset.selected : String(rows.filter((row) => row.checked).length);
  bar.textContent = bar.dataset.words.replace("{}", number);
});

// <code data-insert> of a form becomes a button that puts its text where the cursor was last.
let written = null;
document.addEventListener("focusin", ({ target }) => {
  if (target.matches("form:has([data-insert]) :is(input, textarea)")) written = target;
});
for (const code of document.querySelectorAll("[data-insert]")) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm" });
  button.addEventListener("click", () => {
    const field = written ?? code.closest("form").querySelector("textarea");
    field.setRangeText(code.textContent, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  code.replaceWith(button);
  button.append(code);
}
