"""Signing in to a mail server by a password or an OAuth token (RFC 4954, RFC 4616), in the dialects servers speak."""

import base64
import json
from collections.abc import Sequence

import aiosmtplib

#: The server waits for the next response, took the last one, or knows no such form of the command.
NEXT, DONE, SYNTAX = 334, 235, 501
#: Ways to sign in by a password, the first that a server offers first.
WAYS = ("cram-md5", "plain", "login")


async def by_password(client: aiosmtplib.SMTP, username: str, password: str) -> None:
    """Sign in on a line that was greeted, by each way that the server offers until one succeeds.

    Raises SMTPAuthenticationError with the server's last answer, and SMTPException when it offers none of WAYS.
    """
    await _greet(client)
    plain = _coded(f"\0{username}\0{password}")
    answer = None
    for way in (way for way in WAYS if way in client.server_auth_methods):
        if way == "plain":
            answer = await _either_form(client, b"PLAIN", [plain])
        elif way == "login":
            answer = await _either_form(client, b"LOGIN", [_coded(username), _coded(password)])
        else:
            answer = await _by_cram_md5(client, username, password)
        if answer.code == DONE:
            return
    if answer is None:
        raise aiosmtplib.SMTPException("the server offers no way to sign in that is known here")
    raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)


async def by_token(client: aiosmtplib.SMTP, username: str, token: str) -> None:
    """Sign in by XOAUTH2, as Google and Microsoft have it; raises as `by_password`.

    What the server says is wrong with the token, a line of JSON, stands behind its answer.
    """
    await _greet(client)
    if "xoauth2" not in client.server_auth_methods:
        raise aiosmtplib.SMTPException("the server offers no XOAUTH2")
    said = _coded(f"user={username}\1auth=Bearer {token}\1\1")
    answer = await client.execute_command(b"AUTH", b"XOAUTH2", said)
    if answer.code == SYNTAX:
        answer = await client.execute_command(b"AUTH", b"XOAUTH2")
        if answer.code == NEXT:
            answer = await client.execute_command(said)
    why = ""
    if answer.code == NEXT:
        why = _status_in(answer.message)
        answer = await client.execute_command(b"")
    if answer.code != DONE:
        raise aiosmtplib.SMTPAuthenticationError(answer.code, f"{answer.message} {why}".strip())


async def _greet(client: aiosmtplib.SMTP) -> None:
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()


async def _by_cram_md5(client: aiosmtplib.SMTP, username: str, password: str) -> aiosmtplib.SMTPResponse:
    try:
        return await client.auth_crammd5(username, password)
    except aiosmtplib.SMTPAuthenticationError as error:
        return aiosmtplib.SMTPResponse(error.code, error.message)


async def _either_form(
    client: aiosmtplib.SMTP, mechanism: bytes, responses: Sequence[bytes]
) -> aiosmtplib.SMTPResponse:
    """Give ``responses`` one after the other, the first with the command; on 501 once more, each when asked for."""
    answer = await client.execute_command(b"AUTH", mechanism, responses[0])
    left = list(responses[1:])
    if answer.code == SYNTAX or (answer.code == NEXT and _asks_for_name(answer.message)):
        # The second kind of server ignores what comes with the command and asks for the name all the same.
        if answer.code == SYNTAX:
            answer = await client.execute_command(b"AUTH", mechanism)
        left = list(responses)
    while answer.code == NEXT and left:
        answer = await client.execute_command(left.pop(0))
    if answer.code == NEXT:
        answer = await client.execute_command(b"*")
    return answer


def _asks_for_name(challenge: str) -> bool:
    return _decoded(challenge).lower().startswith("user")


def _status_in(challenge: str) -> str:
    """Return the status in what a server says of a token, "" where there is none."""
    try:
        said = json.loads(_decoded(challenge))
    except (ValueError, RecursionError):
        return ""
    return f"(status {str(said['status'])[:40]})" if isinstance(said, dict) and "status" in said else ""


def _coded(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _decoded(challenge: str) -> str:
    try:
        return base64.b64decode(challenge).decode("utf-8", "replace")
    except ValueError:
        return ""
