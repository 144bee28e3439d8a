"""Fingerprints of every default text that a release has shipped: a template with one of them was never edited."""

import hashlib
from collections.abc import Mapping
from typing import Final

from otae.delivery.texts import default_texts
from otae.delivery.texts.default_texts import Wording

#: Kind → the fingerprints of its default mails, oldest first. A change of a default text adds its fingerprint, as
#: `fingerprint` returns it, and keeps the others; a test checks that it is there.
MAILS: Final[Mapping[str, tuple[str, ...]]] = {
    "url": (
        "51c8cfdc41f0728ca22ef9551192c261",
        "181f084f227ffce51a2f5fb8b7c283f7",
        "a25bfc610cd77e4f16b0802ea3749c0c",
        "73b9e6d2cb9254f477578bc6f94aafbf",
        "3ef6e49f282cd3d04631cdd3f10d1bf8",
        "6c11dabe11b31874ab48b06adfff0257",
        "24c226160658a2551c3adb7c954d1e2f",
    ),
    "pin": (
        "b312e4729717f5c9787055e3e5b73e5c",
        "b03b1f9fa8799b71fd27f053045433a9",
        "014c963a62b3fa5ecf6c9c74e3a4355d",
        "8deb017a337b5194487d147e30717092",
        "f85836964aa128aa582420fe154c3c27",
    ),
    "confirmation": (
        "fcd4edfdfa1065cf74029716df9a4c86",
        "1a190c590cd995ea83b5b88026634acd",
        "7a494b61e69a666c77b44c7b86bee6f5",
        "12c0194f860d62a21fd26f3b30771e22",
    ),
    "reminder": (
        "1b1034c95662ba1b5632f44efa476a3d",
        "7f7249198b40307e704592ae48c8737b",
        "655e6a04cf33b594de89c15149f488b8",
        "148832f1a2546f7a5a0f802d36f14ec2",
        "bd17dc03fdbe381170512125e7235bee",
        "e786e4085096f31ae77c57dc78ca9377",
    ),
    "revoked": (
        "3949bb45c92b306e6171e462fb8ed2bd",
        "b65ed8b2d46def658ea237a2911fb8e2",
        "83a77985ef166310c9a2111f31c4656e",
    ),
    "expired": (
        "eb47efadeb78055a2e99df7086ed636e",
        "390afe0ccaba095d7ef1ce0903f399c9",
        "47c7056cb7743087c6fc8ef87969af25",
    ),
    "approved": (
        "32e3e758e5301927a7af4b3b6e2bc0a7",
        "1c994e1f6bcf1bfa78d438e8f4e82bca",
        "c7370dd3c4a7ac4bd791bdd105fb079b",
        "abcd920416e7dfbfe6d0fdb3d0c753ce",
    ),
    "approval": ("f458e2c779023a2c4f4f9c516502c47a", "c20fcd8c92ac4c81375e105ec7daad79"),
    "manager": ("89cdda605bd8f75f5b6349cb748c494d",),
    "identity": ("b26c431a674dafc0669cf936dd29d7e5", "06c288b23b5bae387d446b2bea58d1ed"),
    "notice": (
        "db77044ab6279f5552b4dae723516146",
        "0ffe746043f84442bd6dbb62910a92d7",
        "e77efa468026a1cf6b4a2a69ef6de5d5",
        "23bc1337219424803abea7b74292af60",
        "842f21e38de95b6d74248a88d972dae2",
    ),
    "objection": ("c65282dd2d3df671bbc5ec860ad3647b", "bfb8c3ad629aa7d9d7a0f91e5f9be1f5"),
    "trouble": (
        "3aa0aa15d3dc2bdefac28a1e60dcdfc5",
        "478b5682c68b8bbb9b87dd99ce6361ab",
        "e090ac966c02a6f2398ead08280fa249",
        "1adf35d0116b07417d1185480c77e692",
        "ae672621e71d1ee10254a132a9e37620",
    ),
}
#: The same for text messages.
TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "url": ("78f5aac87003cbf7e4c6cfc46f311bdb",),
    "pin": ("8c09a101b88faa7dae975019f4cfc416",),
    "confirmation": ("fd920cd0e3e17ee631ffbe982d6b5e9d",),
    "reminder": ("d5c9a53a002e450974a19756abe163d2",),
    "revoked": ("34ee917f5469ec8d9437c02d9c9f8090",),
    "expired": ("d470cd3dc0adede4268324c3e7613b88",),
    "approved": ("9bf24bf0c6b94836a00ac2fd933f2aef",),
    "identity": ("8f19484c98ca574cb504ed9605f0c321",),
}


def was_shipped(kind: str, wording: Wording) -> bool:
    """Return whether ``wording`` is or was the English default of ``kind``, even if it has no text message."""
    default = default_texts.default_wording(kind)
    sms_shipped = wording.sms in {"", default.sms} or fingerprint(wording.sms) in TEXTS.get(kind, ())
    return sms_shipped and (wording == default or mail_fingerprint(wording) in MAILS[kind])


def mail_fingerprint(wording: Wording) -> str:
    """Return the fingerprint of a wording's subject, text and HTML."""
    return fingerprint(wording.subject, wording.text, wording.html)


def fingerprint(*parts: str) -> str:
    """Return a fingerprint of texts: 128 bits of SHA-256 in hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
