"""The default texts of messages in English: as text, as HTML and as a text message."""

from dataclasses import dataclass
from typing import Final, Self

from otae.delivery.texts.mail_layout import page

#: The name of the default template of each kind.
DEFAULT_NAMES: Final = {
    "url": "Enrollment invitation",
    "pin": "Enrollment PIN",
    "confirmation": "Enrollment confirmation",
    "reminder": "Enrollment reminder",
    "revoked": "Invitation withdrawn",
    "expired": "Invitation expired",
    "notice": "Invitation failed",
    "trouble": "Mail server refuses everything",
}


@dataclass(frozen=True)
class Wording:
    """The texts of a message, with macros: ``text`` and ``html`` of the same mail, and ``sms`` of the text message."""

    subject: str
    text: str
    html: str
    sms: str = ""

    @classmethod
    def of(cls, subject: str, text: str, html: str, sms: str = "") -> Self:
        """Return the wording that a browser sent, with line ends as LF."""
        return cls(subject.strip(), _lines(text), _lines(html), _lines(sms).strip())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


_URL_HTML = """@P@You are invited to enroll your Mac with ${server.name}. It takes a few minutes. \
Open this message on the Mac itself.</p>
@NOTE@
@BUTTON@
@P@You sign in as <strong>${user.loginname}</strong> with: ${enrollment.mode}.<br>
This invitation works until ${enrollment.expires}.</p>
@SMALL@To check that you reach the right place, compare the fingerprint (SHA-256) of its root certificate:<br>
@FINGERPRINT@</p>"""

_URL_TEXT = """Hello ${user.displayname},

You are invited to enroll your Mac with ${server.name}. It takes a few minutes.
Open this address on the Mac itself:

${enrollment.url}

${invitation.note}

You sign in as ${user.loginname} with: ${enrollment.mode}.
This invitation works until ${enrollment.expires}.

To check that you reach the right place, compare the fingerprint (SHA-256) of
its root certificate:
${root.fingerprint}

Questions, or you did not expect this message? Please ask ${support.contact}.
"""

_PIN_HTML = """@P@This is your PIN to enroll your Mac. The invitation itself comes in a message of its own.</p>
@PIN@
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


_REMINDER_HTML = """@P@You were invited to enroll your Mac with ${server.name}, and it still waits. \
It takes a few minutes. Open this message on the Mac itself.</p>
@NOTE@
@BUTTON@
@P@You sign in as <strong>${user.loginname}</strong> with: ${enrollment.mode}. \
What you were sent before to sign in with stays good.<br>
This invitation works until ${enrollment.expires}.</p>
@SMALL@To check that you reach the right place, compare the fingerprint (SHA-256) of its root certificate:<br>
@FINGERPRINT@</p>"""

_REMINDER_TEXT = """Hello ${user.displayname},

You were invited to enroll your Mac with ${server.name}, and it still waits. It
takes a few minutes. Open this address on the Mac itself:

${enrollment.url}

${invitation.note}

You sign in as ${user.loginname} with: ${enrollment.mode}.
What you were sent before to sign in with stays good.
This invitation works until ${enrollment.expires}.

To check that you reach the right place, compare the fingerprint (SHA-256) of
its root certificate:
${root.fingerprint}

Questions, or you did not expect this message? Please ask ${support.contact}.
"""

_REVOKED_HTML = """@P@Your invitation to enroll a Mac with ${server.name} was withdrawn. \
Its link and PIN no longer work. There is nothing for you to do.</p>"""

_REVOKED_TEXT = """Hello ${user.displayname},

Your invitation to enroll a Mac with ${server.name} was withdrawn. Its link and
PIN no longer work. There is nothing for you to do.

Questions, or you did not expect this message? Please ask ${support.contact}.
"""

_EXPIRED_HTML = """@P@Your invitation to enroll a Mac with ${server.name} has expired. \
Its link and PIN no longer work.</p>
@P@If you still want to enroll, open the link in that invitation once more: the page it leads to says how to get a \
new one.</p>"""

_EXPIRED_TEXT = """Hello ${user.displayname},

Your invitation to enroll a Mac with ${server.name} has expired. Its link and PIN
no longer work.

If you still want to enroll, open the link in that invitation once more: the
page it leads to says how to get a new one.

Questions, or you did not expect this message? Please ask ${support.contact}.
"""

_NOTICE_HTML = """@P@The invitation of <strong>${user.displayname}</strong> (${user.loginname}) failed.</p>
@P@What happened: ${failure.reason}</p>
@P@What to do: correct the mail address or whatever else is named above, then send the invitation again on its \
page:<br>
<a href="${invitation.page}" style="color:inherit;word-break:break-all">${invitation.page}</a></p>"""

_NOTICE_TEXT = """The invitation of ${user.displayname} (${user.loginname}) failed.

What happened: ${failure.reason}

What to do: correct the mail address or whatever else is named above, then send
the invitation again on its page:

${invitation.page}

You get this message because you sent the invitation.
"""


_TROUBLE_HTML = """@P@The notification server refuses what ${server.name} sends through it: ${failure.reason}</p>
@P@The invitations wait, and nothing is lost. What to do: correct its settings, such as the sender's address or the \
sign-in, and test them:<br>
<a href="${failure.page}" style="color:inherit;word-break:break-all">${failure.page}</a></p>"""

_TROUBLE_TEXT = """The notification server refuses what ${server.name} sends through it:

${failure.reason}

The invitations wait, and nothing is lost. What to do: correct its settings,
such as the sender's address or the sign-in, and test them:

${failure.page}

You get this message because you sent an invitation.
"""


def _framed(title: str, body: str, greeting: str = "Hello ${user.displayname},", foot: str = "") -> str:
    foot = foot or "Questions, or you did not expect this message? Please ask ${support.contact}."
    button = ("Enroll this Mac", "If the button does nothing, open this address:")
    return page(title, body, greeting=greeting, foot=foot, button=button)


def _to_administrator(title: str, body: str) -> str:
    return _framed(title, body, "", "You get this message because you sent the invitation.")


#: Kind → the wording of its default template.
DEFAULTS: Final = {
    "url": Wording(
        "${server.name}: enroll your Mac",
        _URL_TEXT,
        _framed("Enroll your Mac", _URL_HTML),
        "${server.name}: enroll your Mac. Open this on the Mac: ${enrollment.url}",
    ),
    "pin": Wording(
        "${server.name}: your PIN to enroll your Mac",
        _PIN_TEXT,
        _framed("Your PIN", _PIN_HTML),
        "${server.name}: your PIN to enroll your Mac is ${enrollment.pin}. Nobody will ever ask you for it.",
    ),
    "confirmation": Wording(
        "${server.name}: your Mac is enrolled",
        _CONFIRMATION_TEXT,
        _framed("Your Mac is enrolled", _CONFIRMATION_HTML),
        "${server.name}: your Mac is enrolled. Was it not you? Say so at once: ${support.contact}",
    ),
    "reminder": Wording(
        "${server.name}: your Mac still waits to be enrolled",
        _REMINDER_TEXT,
        _framed("Your Mac still waits", _REMINDER_HTML),
        "${server.name}: your Mac still waits to be enrolled. Open this on the Mac: ${enrollment.url}",
    ),
    "revoked": Wording(
        "${server.name}: your invitation was withdrawn",
        _REVOKED_TEXT,
        _framed("Invitation withdrawn", _REVOKED_HTML),
        "${server.name}: your invitation to enroll a Mac was withdrawn. Questions: ${support.contact}",
    ),
    "expired": Wording(
        "${server.name}: your invitation has expired",
        _EXPIRED_TEXT,
        _framed("Invitation expired", _EXPIRED_HTML),
        "${server.name}: your invitation to enroll a Mac has expired. Questions: ${support.contact}",
    ),
    "notice": Wording(
        "${server.name}: the invitation of ${user.loginname} failed",
        _NOTICE_TEXT,
        _to_administrator("An invitation failed", _NOTICE_HTML),
    ),
    "trouble": Wording(
        "${server.name}: a notification server refuses every message",
        _TROUBLE_TEXT,
        _to_administrator("A notification server refuses every message", _TROUBLE_HTML),
    ),
}
