// <button type="button" hidden data-passkey="get" data-options="…" data-field="credential"> asks the browser for a
// passkey ("create": for a new one), puts its answer into that field of its form, and sends the form. Where browsers have
// no passkeys the button stays hidden.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (found) => found.map((each) => ({ ...each, id: bytes(each.id) }));

async function askedFor(kind, options) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (kind === "create") {
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = listed(options.excludeCredentials ?? []);
  } else {
    publicKey.allowCredentials = listed(options.allowCredentials ?? []);
  }
  const made = await navigator.credentials[kind]({ publicKey });
  const response = { clientDataJSON: text(made.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) response[name] = text(made.response[name]);
  }
  return { id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} };
}

for (const button of document.querySelectorAll("button[data-passkey]")) {
  button.hidden = !window.PublicKeyCredential;
  button.addEventListener("click", async () => {
    const { form, dataset } = button;
    if (dataset.passkey === "create" && !form.reportValidity()) return;
    const problem = document.getElementById(button.getAttribute("aria-describedby"));
    problem.hidden = true;
    button.disabled = true;
    try {
      form.elements[dataset.field].value = JSON.stringify(await askedFor(dataset.passkey, JSON.parse(dataset.options)));
      form.submit();
    } catch {
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
