"""The enrollment modes: a row for each, with the factors that it asks for, its texts and its default values.

This table is all that names a mode: forms, commands, login page, messages and rehearsals read the rows. Administrators
change the values of a mode (`invitations.mode_values`), never its factors.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from otae.translatable import N_

#: The mode that the invitation form offers first, until an administrator chooses another.
DEFAULT: Final = "two_factor"
#: The only mode that needs no invitation.
SELF_START: Final = "username_password"
#: The mode of the sample values in a template's preview.
SAMPLE: Final = "high_security"
#: Who has to approve before a Mac is enrolled: nobody, an administrator, or the person's manager.
NO_APPROVAL, BY_ADMINISTRATOR, BY_MANAGER = "none", "administrator", "manager"
APPROVALS: Final = (NO_APPROVAL, BY_ADMINISTRATOR, BY_MANAGER)
_DAY: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Mode:
    """One enrollment mode.

    ``title``: its name on pages. ``sign_in``: what a person signs in with, as mails say it.
    ``token``: usable only through the invitation's link. ``identification``: asks for the user name.
    ``authentication``: asks for the password. ``secret``: asks for a PIN of ``pin_length`` digits, or letters and
    digits (``pin_letters``); ``max_tries`` wrong ones are allowed through the link, and as many at the login page.
    ``valid_for``: validity of an invitation, None for no end. ``enabled``: invitations may be made in it.
    ``self_service``: people may invite themselves in it, on their own page. ``approval``: one of APPROVALS.
    ``defaultable``: may be the default mode. ``templates``: id of the template by kind, for invitations that name none.
    """

    name: str
    title: str
    sign_in: str
    token: bool = False
    identification: bool = False
    authentication: bool = False
    secret: bool = False
    valid_for: timedelta | None = _DAY
    max_tries: int = 3
    pin_length: int = 8
    pin_letters: bool = False
    enabled: bool = True
    self_service: bool = False
    defaultable: bool = False
    approval: str = NO_APPROVAL
    templates: dict[str, str] = field(default_factory=dict, hash=False)

    def end(self, now: datetime) -> datetime | None:
        """Return the end of an invitation that is made now, None for no end."""
        return now + self.valid_for if self.valid_for else None


#: Every enrollment mode by its name, in the order of lists.
MODES: Final[dict[str, Mode]] = {
    mode.name: mode
    for mode in (
        Mode(
            "username_password",
            N_("User name + Password"),
            N_("your user name and password"),
            identification=True,
            authentication=True,
            valid_for=None,
            max_tries=0,
            pin_length=0,
            defaultable=True,
        ),
        Mode(
            "two_factor",
            N_("Two Factor"),
            N_("your user name, password and PIN"),
            identification=True,
            authentication=True,
            secret=True,
            defaultable=True,
        ),
        Mode(
            "username_pin",
            N_("User name + PIN"),
            N_("your user name and PIN"),
            identification=True,
            secret=True,
            defaultable=True,
        ),
        Mode(
            "high_security",
            N_("High Security"),
            N_("your password and PIN, and the link in the invitation"),
            token=True,
            identification=True,
            authentication=True,
            secret=True,
        ),
        Mode(
            "invitation_url",
            N_("Invitation URL"),
            N_("only the link in the invitation"),
            token=True,
            max_tries=0,
            pin_length=0,
            enabled=False,
        ),
        Mode(
            "invitation_url_pin",
            N_("Invitation URL + PIN"),
            N_("the link in the invitation and your PIN"),
            token=True,
            secret=True,
            enabled=False,
        ),
        Mode(
            "invitation_url_password",
            N_("Invitation URL + Password"),
            N_("the link in the invitation and your password"),
            token=True,
            authentication=True,
            pin_length=0,
            enabled=False,
        ),
    )
}


def has_pin(name: str) -> bool:
    """Return whether the mode called ``name`` asks for a PIN; False for an unknown one."""
    return name in MODES and MODES[name].secret
