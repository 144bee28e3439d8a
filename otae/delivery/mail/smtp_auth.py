"""SMTP AUTH by password or OAuth token (RFC 4954, RFC 4616), including variants that servers require."""

import base64
import json
from collections.abc import Sequence

import aiosmtplib

#: The server expects the next response, accepted the last one, or does not know this form of the command.
NEXT, DONE, SYNTAX = 334, 235, 501
#: Mechanisms for a password, in the order in which they are tried.
MECHANISMS = ("cram-md5", "plain", "login")


async def by_password(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    """Sign in on a connection that was greeted, by each of MECHANISMS that the server offers until one succeeds.

    Raises:
        SMTPAuthenticationError: All of them were refused; with the server's last answer.
        SMTPException: The server offers none of them.
    """
    await _ehlo(client)
    plain = _encode(f"\0{username}\0{password}")
    answer = None
    for mechanism in (each for each in MECHANISMS if each in client.server_auth_methods):
        if mechanism == "plain":
            answer = await _auth_with_retry(client, b"PLAIN", [plain])
        elif mechanism == "login":
            answer = await _auth_with_retry(client, b"LOGIN", [_encode(username), _encode(password)])
        else:
            answer = await _by_cram_md5(client, username, password)
        if answer.code == DONE:
            return
    if answer is None:
        raise aiosmtplib.SMTPException("the server offers no way to sign in that is known here")
    raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)


async def by_token(client: aiosmtplib.SMTP, username: str, token: str) -> None:
    """Sign in by XOAUTH2, as Google and Microsoft define it; raises as `by_password`.

    When the token is refused, the error's text ends with the status in the server's JSON challenge.
    """
    await _ehlo(client)
    if "xoauth2" not in client.server_auth_methods:
        raise aiosmtplib.SMTPException("the server offers no XOAUTH2")
    response = _encode(f"user={username}\1auth=Bearer {token}\1\1")
    answer = await client.execute_command(b"AUTH", b"XOAUTH2", response)
    if answer.code == SYNTAX:
        answer = await client.execute_command(b"AUTH", b"XOAUTH2")
        if answer.code == NEXT:
            answer = await client.execute_command(response)
    why = ""
    if answer.code == NEXT:
        why = _status_in(answer.message)
        answer = await client.execute_command(b"")
    if answer.code != DONE:
        raise aiosmtplib.SMTPAuthenticationError(answer.code, f"{answer.message} {why}".strip())


async def _ehlo(client: aiosmtplib.SMTP) -> None:
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()


async def _by_cram_md5(client: aiosmtplib.SMTP, username: str, password: str) -> aiosmtplib.SMTPResponse:
    try:
        return await client.auth_crammd5(username, password)
    except aiosmtplib.SMTPAuthenticationError as error:
        return aiosmtplib.SMTPResponse(error.code, error.message)


async def _auth_with_retry(
    client: aiosmtplib.SMTP, mechanism: bytes, responses: Sequence[bytes]
) -> aiosmtplib.SMTPResponse:
    """Send AUTH with the first of ``responses`` as its initial response, then the others, and return the answer.

    When the server answers 501, everything is sent once more, without an initial response.
    """
    answer = await client.execute_command(b"AUTH", mechanism, responses[0])
    left = list(responses[1:])
    if answer.code == SYNTAX or (answer.code == NEXT and _asks_for_name(answer.message)):
        # Some servers ignore the initial response and ask for the user name all the same.
        if answer.code == SYNTAX:
            answer = await client.execute_command(b"AUTH", mechanism)
        left = list(responses)
    while answer.code == NEXT and left:
        answer = await client.execute_command(left.pop(0))
    if answer.code == NEXT:
        answer = await client.execute_command(b"*")
    return answer


def _asks_for_name(challenge: str) -> bool:
    return _decode(challenge).lower().startswith("user")


def _status_in(challenge: str) -> str:
    """Return the status in a server's JSON challenge about a token, "" without one."""
    try:
        details = json.loads(_decode(challenge))
    except (ValueError, RecursionError):
        return ""
    return f"(status {str(details['status'])[:40]})" if isinstance(details, dict) and "status" in details else ""


def _encode(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _decode(challenge: str) -> str:
    try:
        return base64.b64decode(challenge).decode("utf-8", "replace")
    except ValueError:
        return ""
