"""Which content coding a browser takes."""

import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers

#: An entry of Accept-Encoding (RFC 9110 §12.5.3).
ENTRY: Final = re.compile(r"([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.IGNORECASE)


def best_coding(headers: Headers, offered: Collection[str]) -> str:
    """Return which of the ``offered`` codings, the best one first, the request wants; "" for none of them."""
    entries = [ENTRY.fullmatch(entry.strip()) for entry in ",".join(headers.getlist("accept-encoding")).split(",")]
    weights = {entry[1].lower(): float(entry[2] or 1) for entry in entries if entry}
    wanted = {coding: weights.get(coding, weights.get("*", 0)) for coding in offered}
    best = max(wanted, key=wanted.__getitem__, default="")
    return best if best and wanted[best] > 0 and wanted[best] >= weights.get("identity", 0) else ""
