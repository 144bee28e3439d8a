"""Signing in to a mail server by NTLM, which Microsoft's programs call secure password authentication (MS-SMTPNTLM)."""

import base64

import aiosmtplib
import spnego

from otae.delivery.mail.smtp_auth import DONE, NEXT


async def sign_in(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    r"""Sign in on a connection that was greeted.

    NTLM does not send the password, but what it sends can be attacked by guessing: use TLS all the same.

    Args:
        username: "NAME", "DOMAIN\NAME" or "NAME@DOMAIN".

    Raises:
        SMTPAuthenticationError: The server refused; with its answer.
        SMTPException: The server offers no NTLM, or its answer is no NTLM message.
    """
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    if "NTLM" not in client.esmtp_extensions.get("auth", "").upper().split():
        raise aiosmtplib.SMTPException("the server offers no NTLM")
    context = begin(username, password)
    token = next_token(context, None)
    answer = await client.execute_command(b"AUTH", b"NTLM")
    if answer.code == NEXT:
        answer = await client.execute_command(base64.b64encode(token))
    if answer.code == NEXT:
        answer = await client.execute_command(base64.b64encode(next_token(context, answer.message)))
    if answer.code != DONE:
        raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)


def begin(username: str, password: str) -> spnego.ContextProxy:
    """Return the context that makes the tokens of one sign-in."""
    options = spnego.NegotiateOptions.use_ntlm
    return spnego.client(username, password, protocol="ntlm", service="smtp", options=options)


def next_token(context: spnego.ContextProxy, challenge: str | None) -> bytes:
    """Return the next token to send; SMTPException when the challenge is no NTLM token.

    ``challenge``: the server's last token in base64, None at first.
    """
    try:
        return context.step(None if challenge is None else base64.b64decode(challenge, validate=True)) or b""
    except Exception as error:  # the library lets KeyError, OverflowError and struct.error out of what it cannot read
        raise aiosmtplib.SMTPException("the server's NTLM cannot be read") from error
