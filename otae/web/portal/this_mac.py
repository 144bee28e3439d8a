"""What browser and macOS the person has, as far as they are told: how to install a profile differs between them."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from otae.enrollment.allowed_devices import major_of
from otae.web.client_address import browser_name

_VERSION: Final = re.compile(r'"([0-9]{1,3})(?:\.[0-9]{1,4}){0,3}"')


@dataclass(frozen=True)
class ThisMac:
    """The person's browser, "" when not known, and the major version of macOS, None when not known.

    Both are claims: rely on them nowhere.
    """

    browser: str
    macos: int | None

    @property
    def profiles_are_in(self) -> str:
        """Where its settings list profiles: "general" (15 and newer), "privacy" (13, 14), "preferences" (older).

        It is "" where the version is not known.
        """
        if self.macos is None:
            return ""
        return "general" if self.macos >= 15 else "privacy" if self.macos >= 13 else "preferences"


def this_mac(request: Request, build: str = "") -> ThisMac:
    """Return what is known of the Mac on which a page is opened.

    Args:
        build: The build that the Mac itself has named, such as "22A380"; "" when it has not.
    """
    headers = request.headers
    hint = _VERSION.fullmatch(headers.get("sec-ch-ua-platform-version", ""))
    hinted = int(hint[1]) if hint and headers.get("sec-ch-ua-platform") == '"macOS"' else None
    return ThisMac(browser_name(headers.get("user-agent", "")[:400]), major_of(build) or hinted)
