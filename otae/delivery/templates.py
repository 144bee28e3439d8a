"""What the messages say until an administrator says it differently: three messages, each as text and as HTML.

No style sheet is honoured by every mail reader, so each element carries its own style; the colours hold on light and
on dark.
"""

from otae.store.models import NotificationTemplate

#: The name of the default template of each kind.
DEFAULT_NAMES = {
    "url": "Enrollment invitation",
    "pin": "Enrollment PIN",
    "confirmation": "Enrollment confirmation",
}

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>@TITLE@</title>
</head>
<body style="margin:0;padding:24px 12px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
font-size:16px;line-height:1.5">
<table role="presentation" align="center" cellpadding="0" cellspacing="0" style="max-width:560px;width:100%">
<tr><td style="padding:0 8px">
<p style="margin:0 0 20px;font-weight:600;opacity:.75">${server.name}</p>
<h1 style="margin:0 0 16px;font-size:24px;line-height:1.25">@TITLE@</h1>
<p style="margin:0 0 16px">Hello ${user.displayname},</p>
@BODY@
<p style="margin:28px 0 0;padding-top:16px;border-top:1px solid #8888;font-size:14px;opacity:.85">\
Questions, or you did not expect this message? Please ask ${support.contact}.</p>
</td></tr>
</table>
</body>
</html>
"""

#: Short names for what the three bodies repeat.
_PARTS = {
    "@P@": '<p style="margin:0 0 16px">',
    "@SMALL@": '<p style="margin:0 0 16px;font-size:14px;opacity:.85">',
    "@FINGERPRINT@": '<span style="font-family:ui-monospace,Menlo,Consolas,monospace">${root.fingerprint}</span>',
}

_URL_HTML = """@P@You are invited to enroll your Mac with ${server.name}. It takes a few minutes. \
Open this message on the Mac itself.</p>
<p style="margin:24px 0"><a href="${enrollment.url}" style="display:inline-block;padding:12px 28px;\
border-radius:8px;background-color:#1f5fbf;color:#ffffff;text-decoration:none;font-weight:600">Enroll this Mac</a></p>
@P@If the button does nothing, open this address:<br>
<a href="${enrollment.url}" style="color:#3b82f6;word-break:break-all">${enrollment.url}</a></p>
@P@You sign in as <strong>${user.loginname}</strong> with: ${enrollment.mode}.<br>
This invitation works until ${enrollment.expires}.</p>
@SMALL@To check that you reach the right place, compare the fingerprint (SHA-256) of its root certificate:<br>
@FINGERPRINT@</p>"""

_URL_TEXT = """Hello ${user.displayname},

You are invited to enroll your Mac with ${server.name}. It takes a few minutes.
Open this address on the Mac itself:

${enrollment.url}

You sign in as ${user.loginname} with: ${enrollment.mode}.
This invitation works until ${enrollment.expires}.

To check that you reach the right place, compare the fingerprint (SHA-256) of
its root certificate:
${root.fingerprint}

Questions, or you did not expect this message? Please ask ${support.contact}.
"""

_PIN_HTML = """@P@This is your PIN to enroll your Mac. The invitation itself comes in a message of its own.</p>
<p style="margin:24px 0;font-size:30px;font-weight:600;letter-spacing:.12em;\
font-family:ui-monospace,Menlo,Consolas,monospace">${enrollment.pin}</p>
@P@You sign in as <strong>${user.loginname}</strong> with: ${enrollment.mode}.<br>
The PIN works until ${enrollment.expires}. Nobody will ever ask you for it by phone or mail.</p>
@SMALL@Fingerprint (SHA-256) of the root certificate:<br>
@FINGERPRINT@</p>"""

_PIN_TEXT = """Hello ${user.displayname},

This is your PIN to enroll your Mac. The invitation itself comes in a message of
its own.

    ${enrollment.pin}

You sign in as ${user.loginname} with: ${enrollment.mode}.
The PIN works until ${enrollment.expires}. Nobody will ever ask you for it by
phone or mail.

Fingerprint (SHA-256) of the root certificate:
${root.fingerprint}

Questions, or you did not expect this message? Please ask ${support.contact}.
"""

_CONFIRMATION_HTML = """@P@Your Mac is now enrolled with ${server.name}. There is nothing left to do.</p>
@P@If you did not enroll a Mac, please say so at once: ${support.contact}.</p>
@SMALL@Fingerprint (SHA-256) of the root certificate:<br>
@FINGERPRINT@</p>"""

_CONFIRMATION_TEXT = """Hello ${user.displayname},

Your Mac is now enrolled with ${server.name}. There is nothing left to do.

If you did not enroll a Mac, please say so at once: ${support.contact}.

Fingerprint (SHA-256) of the root certificate:
${root.fingerprint}
"""


def _framed(title: str, body: str) -> str:
    page = _FRAME.replace("@TITLE@", title).replace("@BODY@", body)
    for short, long in _PARTS.items():
        page = page.replace(short, long)
    return page


#: Kind → subject, text, HTML.
DEFAULTS = {
    "url": ("${server.name}: enroll your Mac", _URL_TEXT, _framed("Enroll your Mac", _URL_HTML)),
    "pin": ("${server.name}: your PIN to enroll your Mac", _PIN_TEXT, _framed("Your PIN", _PIN_HTML)),
    "confirmation": (
        "${server.name}: your Mac is enrolled",
        _CONFIRMATION_TEXT,
        _framed("Your Mac is enrolled", _CONFIRMATION_HTML),
    ),
}


async def ensure_templates() -> None:
    """Store the three default templates where they are missing; what an administrator changed stays."""
    for kind, (subject, text, html) in DEFAULTS.items():
        values = {"kind": kind, "subject": subject, "text": text, "html": html, "system": True}
        await NotificationTemplate.get_or_create(defaults=values, name=DEFAULT_NAMES[kind])


async def list_templates(kind: str | None = None) -> list[NotificationTemplate]:
    """Return the templates of ``kind``, or all, the default ones first."""
    rows = NotificationTemplate.all() if kind is None else NotificationTemplate.filter(kind=kind)
    return await rows.order_by("kind", "-system", "name")


async def default_template(kind: str) -> NotificationTemplate:
    """Return the default template of ``kind``, made again should somebody have removed it."""
    found = await NotificationTemplate.filter(kind=kind, system=True).first()
    if found is None:
        await ensure_templates()
        found = await NotificationTemplate.get(name=DEFAULT_NAMES[kind])
    return found
