"""MDM commands to a Mac, and its answers (ServerURL).

https://developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from otae.apple import plist
from otae.apple.fields import COMMAND_UUID, UDID, USER_ID, Fields
from otae.errors import CheckinUnreadable

DEVICE_QUERIES = (
    "UDID",
    "SerialNumber",
    "DeviceName",
    "OSVersion",
    "BuildVersion",
    "ModelName",
    "Model",
    "ProductName",
    "IsAppleSilicon",
    "IsSupervised",
    "HostName",
    "LocalHostName",
)

_LONGEST_CHAIN = 32
# macOS 10.11 repeats the RequestType of the command; later ones do not.
_ANSWER_HEAD = frozenset({"Status", "UDID", "CommandUUID", "ErrorChain", "UserID", "NotOnConsole", "RequestType"})


class Status(StrEnum):
    """The Status of an answer; every value but IDLE and NOT_NOW ends the command."""

    IDLE = "Idle"
    ACKNOWLEDGED = "Acknowledged"
    ERROR = "Error"
    COMMAND_FORMAT_ERROR = "CommandFormatError"
    NOT_NOW = "NotNow"


@dataclass(frozen=True, slots=True)
class CommandError:
    """One entry of an ErrorChain; ``description``: in English if the Mac sent that, else in its language."""

    code: int
    domain: str
    description: str


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """A Mac's request to ServerURL: that it is idle, or the result of one command.

    ``command_uuid``: "" for IDLE only; ``user_id``: "" on the device channel; ``results``: every further key
    (SecurityInfo, QueryResponses, ProfileList, …) as the Mac sent it.
    """

    udid: str
    status: Status
    command_uuid: str = ""
    error_chain: tuple[CommandError, ...] = ()
    user_id: str = ""
    results: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def parse_status(data: bytes) -> CommandAnswer:
    """Read the body of a PUT to ServerURL (XML, at most 1 MiB).

    Raises:
        TooLarge, PlistUnreadable: as `plist.loads`.
        CheckinUnreadable: an unknown Status, a missing key or a wrong type.
    """
    message = plist.loads(data)
    fields = Fields(message)
    try:
        status = Status(fields.required_text("Status", longest=64))
    except ValueError:
        raise CheckinUnreadable("an unknown Status") from None
    read_uuid = fields.form if status is Status.IDLE else fields.required_form
    return CommandAnswer(
        udid=fields.required_form("UDID", UDID),
        status=status,
        command_uuid=read_uuid("CommandUUID", COMMAND_UUID),
        error_chain=_error_chain(message.get("ErrorChain", [])),
        user_id=fields.form("UserID", USER_ID),
        results=MappingProxyType({key: value for key, value in message.items() if key not in _ANSWER_HEAD}),
    )


def user_approved(answer: CommandAnswer) -> bool | None:
    """Return whether a user approved the enrollment, from a SecurityInfo answer; None when it does not say."""
    security = answer.results.get("SecurityInfo")
    management = security.get("ManagementStatus") if isinstance(security, dict) else None
    approved = management.get("UserApprovedEnrollment") if isinstance(management, dict) else None
    return approved if isinstance(approved, bool) else None


def profile_identifiers(answer: CommandAnswer) -> tuple[str, ...]:
    """Return the profiles' PayloadIdentifiers in a ProfileList answer, in the Mac's order."""
    profiles = answer.results.get("ProfileList")
    if not isinstance(profiles, list):
        return ()
    found = (profile.get("PayloadIdentifier") for profile in profiles if isinstance(profile, dict))
    return tuple(identifier for identifier in found if isinstance(identifier, str))


def command(uuid: str, request_type: str, **keys: object) -> bytes:
    """Return a command as a property list; ``keys``: further keys of the command, by Apple's names."""
    return plist.dumps({"CommandUUID": uuid, "Command": {"RequestType": request_type, **keys}})


def security_info(uuid: str) -> bytes:
    """Return the command SecurityInfo: FileVault, firewall, whether a user approved the enrollment."""
    return command(uuid, "SecurityInfo")


def device_information(uuid: str, queries: Sequence[str] = DEVICE_QUERIES) -> bytes:
    """Return the command DeviceInformation for the values named in ``queries``."""
    return command(uuid, "DeviceInformation", Queries=list(queries))


def profile_list(uuid: str) -> bytes:
    """Return the command ProfileList: which profiles are installed."""
    return command(uuid, "ProfileList")


def certificate_list(uuid: str) -> bytes:
    """Return the command CertificateList: which certificates are installed."""
    return command(uuid, "CertificateList")


def install_profile(uuid: str, profile: bytes) -> bytes:
    """Return the command InstallProfile; ``profile``: signed or not."""
    return command(uuid, "InstallProfile", Payload=profile)


def remove_profile(uuid: str, identifier: str) -> bytes:
    """Return the command RemoveProfile for the profile with this PayloadIdentifier."""
    return command(uuid, "RemoveProfile", Identifier=identifier)


def _error_chain(chain: object) -> tuple[CommandError, ...]:
    if not isinstance(chain, list) or len(chain) > _LONGEST_CHAIN:
        raise CheckinUnreadable("ErrorChain is no short array")
    return tuple(_command_error(link) for link in chain)


def _command_error(link: object) -> CommandError:
    if not isinstance(link, dict):
        raise CheckinUnreadable("a link of ErrorChain is no dictionary")
    code = link.get("ErrorCode")
    if not isinstance(code, int) or isinstance(code, bool):
        raise CheckinUnreadable("ErrorCode is no integer")
    fields = Fields(link)
    english = fields.display_text("USEnglishDescription", longest=500)
    words = english or fields.display_text("LocalizedDescription", longest=500)
    return CommandError(code, fields.display_text("ErrorDomain") or "unknown", words)
