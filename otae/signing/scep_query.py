"""Reads the message of a PKIOperation by GET (RFC 8894 §4.1) from the query string, in the forms that clients use."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from otae.errors import MessageUnreadable, TooLarge
from otae.signing.der import MAX_BYTES

#: MAX_BYTES in base64 with every character percent-encoded, and the operation.
_MAX_QUERY: Final = 3 * 4 * MAX_BYTES // 3 + 1024


def message_from_query(query_string: bytes) -> bytes:
    """Return the pkiMessage in the raw query string of a PKIOperation by GET.

    Clients percent-encode the base64 completely, in part (macOS: only ``=``) or not at all, use the URL-safe alphabet,
    let ``+`` become a space, break lines or omit the padding; all of these are read.

    Raises:
        TooLarge: longer than a message can be.
        MessageUnreadable: not exactly one ``message``, or no base64.
    """
    if len(query_string) > _MAX_QUERY:
        raise TooLarge(f"{len(query_string)} bytes of query")
    pairs = [pair.partition(b"=") for pair in query_string.split(b"&")]
    found = [value for name, _, value in pairs if name == b"message"]
    if len(found) != 1:
        raise MessageUnreadable(f"{len(found)} messages in the query")
    text = unquote_to_bytes(found[0]).translate(bytes.maketrans(b" -_", b"++/"), b"\r\n").rstrip(b"=")
    try:
        message = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise MessageUnreadable("the message in the query is no base64") from error
    if len(message) > MAX_BYTES:
        raise TooLarge(f"{len(message)} bytes, {MAX_BYTES} allowed")
    return message
