"""Signing in to a mail server by NTLM, which Microsoft's programs call secure password authentication (MS-SMTPNTLM)."""

import base64

import aiosmtplib
import spnego

#: The server waits for the next token, or took the last one (RFC 4954 §4, §6).
NEXT, DONE = 334, 235


async def sign_in(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    r"""Sign in on a line that was greeted. ``username``: "NAME", "DOMAIN\NAME" or "NAME@DOMAIN".

    Raises SMTPAuthenticationError with the server's answer, and SMTPException when it offers no NTLM or answers with
    something else. Neither end sends the password; what is sent can be guessed at, so that TLS is wanted all the same.
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
    """Return one sign-in, from its first token to its last."""
    options = spnego.NegotiateOptions.use_ntlm
    return spnego.client(username, password, protocol="ntlm", service="smtp", options=options)


def next_token(context: spnego.ContextProxy, told: str | None) -> bytes:
    """Return our next token, given the one that the server ``told`` in base64, None at first.

    Raises SMTPException for what is no token.
    """
    try:
        return context.step(None if told is None else base64.b64decode(told, validate=True)) or b""
    except Exception as error:  # the library lets KeyError, OverflowError and struct.error out of what it cannot read
        raise aiosmtplib.SMTPException("the server's NTLM cannot be read") from error
