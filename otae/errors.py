"""Every error that this product raises on purpose, as one tree.

    OtaeError
    ├── CannotStart                 a process refuses to run and says why
    ├── NotOffered                  known to the field, deliberately not built
    ├── StaleState                  the row has left the expected state
    ├── DatabaseAway                the database cannot answer at the moment; asking again helps
    ├── DatabaseDamaged             what the database holds cannot be read any more
    └── Refusal                     one clear "no", with a stable code
        ├── Unreadable              the bytes cannot be understood
        │   ├── TooLarge            over a cap of bytes, depth or items
        │   ├── PlistUnreadable
        │   ├── MessageUnreadable   a CMS message
        │   ├── RequestUnreadable   a PKCS#10 request
        │   └── CheckinUnreadable   a check-in or command answer
        ├── Untrusted               the bytes are understood and not believed
        │   ├── SignatureMissing
        │   ├── SignatureInvalid
        │   ├── SignerUntrusted
        │   ├── AlgorithmRefused
        │   └── EnvelopeUnreadable  the same for every failed decryption
        ├── NotAllowed              believed, and against the rules
        │   ├── ChallengeUnknown · ChallengeUsed · ChallengeExpired
        │   ├── DeviceMismatch · DeviceTaken · DeviceUnknown · PlatformRefused · MacTooOld
        │   ├── ModelRefused · SerialRefused · SerialUnlisted · OwnershipRefused · TooManyMacs · PersonDisabled
        │   ├── CertificateRevoked · CertificateMismatch · CertificateUnknown · AuthorityUnknown
        │   ├── SessionExpired · SessionClosed
        │   ├── ApprovalMissing · ApprovalDeclined · ApprovalUnknown · ApprovalOwn
        │   ├── InvitationRevoked · InvitationExpired · InvitationReplaced · InvitationRedeemed
        │   ├── InvitationFailed · InvitationNotEnded · InvitationUnknown
        │   ├── GoCodeUnknown · ObjectionUnknown
        │   ├── TooManyInvitations · SelfServiceOff
        │   ├── TopicMismatch · KeyRefused · MessageTypeRefused
        │   ├── InvitationOnly · NotReady · ModeOff · AddressRefused
        │   ├── SigninFailed · SlowDown · Busy · SetupLinkUnknown · PasswordLinkUnknown
        │   ├── BounceUnknown
        │   ├── DirectoryUnavailable · PersonAmbiguous · GroupAmbiguous
        │   └── BeyondRole · OwnRole · LastAdministrator
        └── InputRefused            an administrator's form or command, field by field

A refusal is raised where it is noticed and caught once, in `web.failures`. A ``code`` never changes its meaning: it is
the first word of a Mac's answer, it is recorded in the timeline, and docs/operations.md explains it. The module is
longer than 450 lines because it holds every refusal with its words and its advice.
"""

from collections.abc import Mapping
from math import ceil
from typing import ClassVar, Final

from otae.translatable import N_, NN_, joined

#: A longer wait is said in minutes.
LONGEST_IN_SECONDS: Final = 90


class OtaeError(Exception):
    """Root of every error this product raises on purpose."""


class CannotStart(OtaeError):
    """A process refuses to run. The message names cause and remedy, and is printed to standard error."""


class NotOffered(OtaeError):
    """A feature known in the field that this product deliberately does not have."""


class StaleState(OtaeError):
    """A compare-and-set changed no row: the row had left the expected state."""


class DatabaseAway(OtaeError):
    """The database cannot answer at the moment, for reasons outside this code. The message is one line, no secret."""


class DatabaseDamaged(OtaeError):
    """The content of the database cannot be read any more. The message is one line that says what to do."""


class Refusal(OtaeError):
    """A request is refused, with a stable code.

    Attributes:
        code: stable, lower case with hyphens.
        words: one sentence for the person, without protocol terms and secrets.
        advice: what an administrator can do about it.
        again: whether repeating the same request can help.
        detail: for the timeline and the log; never a secret, cut to 500 characters.
        support_code: set where the refusal is recorded; "" until then.
    """

    code: ClassVar[str] = "refused"
    words: str = N_("This did not work.")
    advice: ClassVar[str] = N_("Look at the timeline for the step before.")
    again: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.words)
        self.detail = detail[:500]
        self.support_code = ""


class Unreadable(Refusal):
    """The bytes cannot be parsed; nothing in them was used."""

    code = "unreadable"
    words = N_("The message could not be read.")
    advice = N_("The sender is no Mac, or something between it and the server changed the message.")


class TooLarge(Unreadable):
    """More bytes, depth or items than this endpoint accepts."""

    code = "too-large"
    words = N_("The message is larger than allowed.")
    advice = N_("No Mac sends this much. Look at who sent it.")


class PlistUnreadable(Unreadable):
    """Not a property list this product accepts."""

    code = "plist-unreadable"


class MessageUnreadable(Unreadable):
    """Not a CMS message (RFC 5652) this product accepts."""

    code = "message-unreadable"


class RequestUnreadable(Unreadable):
    """Not a certification request (RFC 2986)."""

    code = "request-unreadable"


class CheckinUnreadable(Unreadable):
    """A property list, but no check-in or command answer."""

    code = "checkin-unreadable"


class Untrusted(Refusal):
    """The message was parsed, and its origin is not proven."""

    code = "untrusted"
    words = N_("This Mac could not be recognised.")
    advice = N_("Start again from the invitation link on the same Mac.")


class SignatureMissing(Untrusted):
    """The message carries no signature where one is required."""

    code = "signature-missing"
    advice = N_("A proxy may drop the Mdm-Signature header: let it pass unchanged.")


class SignatureInvalid(Untrusted):
    """The signature, or a digest that it covers, does not match the content."""

    code = "signature-invalid"
    advice = N_("Something between the Mac and the server changes the message, or it was forged.")


class SignerUntrusted(Untrusted):
    """The signature is valid, and made with a certificate that this step does not accept."""

    code = "signer-untrusted"
    advice = N_("Only Apple's device certificate (first) and the certificate issued here (then) may speak for a Mac.")


class AlgorithmRefused(Untrusted):
    """The message uses an algorithm that is not accepted here."""

    code = "algorithm-refused"
    advice = N_("See the server properties mac.sha1 and scep.des3.")


class EnvelopeUnreadable(Untrusted):
    """The envelope could not be decrypted; the same for every reason, so that an attacker cannot tell them apart."""

    code = "envelope-unreadable"
    advice = N_("The Mac used an older certificate of this server: start again from the invitation link.")


class NotAllowed(Refusal):
    """The message is parsed and authentic, and against the rules of this step."""

    code = "not-allowed"


class ChallengeUnknown(NotAllowed):
    """No such challenge was issued for this purpose, or the message has none."""

    code = "challenge-unknown"
    words = N_("This profile does not belong to an open sign-in.")
    advice = N_("Have the person sign in again and install the newly downloaded profile.")


class ChallengeUsed(NotAllowed):
    """The challenge has been used already."""

    code = "challenge-used"
    words = N_("This profile has been used already.")
    advice = N_("A profile works once. Have the person sign in again and install the newly downloaded profile.")


class ChallengeExpired(NotAllowed):
    """The challenge has expired."""

    code = "challenge-expired"
    words = N_("This profile is too old.")
    advice = N_("Have the person sign in again and install the newly downloaded profile.")


class DeviceMismatch(NotAllowed):
    """Another Mac than the one this session, invitation or certificate is bound to."""

    code = "device-mismatch"
    words = N_("This enrollment belongs to another Mac.")
    advice = N_("Compare the serial number with the invitation's; invite again for the right Mac.")


class DeviceTaken(NotAllowed):
    """The Mac is enrolled for another person."""

    code = "device-taken"
    words = N_("This Mac is enrolled for somebody else.")
    advice = N_("Release the device under Devices, then let the person try again.")


class DeviceUnknown(NotAllowed):
    """There is no enrollment of this device."""

    code = "device-unknown"
    words = N_("This Mac is not enrolled here.")
    advice = N_("Remove the profile on the Mac and enroll it again.")


class PlatformRefused(NotAllowed):
    """The device identifies itself as an iPhone, an iPad or another product that is not a Mac."""

    code = "platform-refused"
    words = N_("This is for a Mac. Open the invitation link in Safari on the Mac that is to be enrolled.")
    advice = N_("The profile was installed on a device that is no Mac; the invitation still works on the right one.")


class MacTooOld(NotAllowed):
    """The Mac runs an older macOS than server property macos.minimum.version allows."""

    code = "mac-too-old"
    words = N_("The macOS on this Mac is too old to enroll. Update it, then start again.")
    advice = N_("Have the person update macOS; the server property macos.minimum.version says which is enough.")


class ModelRefused(NotAllowed):
    """Server property macos.refused.models names this kind of Mac."""

    code = "model-refused"
    words = N_("Macs of this model are not enrolled here.")
    advice = N_("The server property macos.refused.models names the model: take it off, or use another Mac.")


class SerialRefused(NotAllowed):
    """The serial number is on the list of Macs that may not enroll."""

    code = "serial-refused"
    words = N_("This Mac may not be enrolled here.")
    advice = N_("Its serial number is on the list of refused Macs (Serial numbers): take it off, or use another Mac.")


class SerialUnlisted(NotAllowed):
    """Server property macos.company.serials asks for a Mac of the organization, and the serial number is not listed."""

    code = "serial-unlisted"
    words = N_("This Mac is not on the list of the organization's Macs.")
    advice = N_("Add its serial number to the organization's Macs (Serial numbers), or invite as employee-owned.")


class OwnershipRefused(NotAllowed):
    """Server property enrollment.employee is off, and the Mac is to be the person's own."""

    code = "employee-owned"
    words = N_("Only Macs of the organization are enrolled here.")
    advice = N_("The server property enrollment.employee is off: invite as corporate, or set it to true.")


class TooManyMacs(NotAllowed):
    """The person has as many enrolled Macs as server property enrollment.macs allows."""

    code = "too-many-macs"
    words = N_("You have as many Macs here as are allowed.")
    advice = N_(
        "Unenroll a Mac that the person no longer has, invite for the serial number of one of theirs, or raise the "
        "server property enrollment.macs."
    )


class PersonDisabled(NotAllowed):
    """The person was disabled or deleted, here or in their directory."""

    code = "person-disabled"
    words = N_("This account may not enroll a Mac any more.")
    advice = N_("The user is disabled, here or in the directory. Enable the user, then have them sign in again.")


class CertificateRevoked(NotAllowed):
    """The certificate was issued here, and is revoked or expired for longer than the grace period."""

    code = "certificate-revoked"
    words = N_("The certificate of this Mac is no longer valid.")
    advice = N_("Enroll the Mac again.")


class CertificateMismatch(NotAllowed):
    """The certificate was issued here for another session, purpose or Mac."""

    code = "certificate-mismatch"
    words = N_("The certificate belongs to another enrollment.")
    advice = N_("Somebody may try to pass one Mac off as another: look at both timelines.")


class AuthorityUnknown(NotAllowed):
    """No certificate authority here has this name."""

    code = "authority-unknown"
    words = N_("There is no such certificate authority here.")
    advice = N_("The address of a revocation list stands in the certificates it is for: compare it.")


class CertificateUnknown(NotAllowed):
    """A certificate was asked for that was not issued to the sender, or is never given out."""

    code = "certificate-unknown"
    words = N_("There is no such certificate.")
    advice = N_("The sender is no Mac: Macs ask for a new certificate instead.")


class SessionExpired(NotAllowed):
    """The enrollment session has expired."""

    code = "session-expired"
    words = N_("The sign-in was too long ago.")
    advice = N_("Have the person sign in again.")


class SessionClosed(NotAllowed):
    """The enrollment session was ended, or has already passed the requested step."""

    code = "session-closed"
    words = N_("This enrollment has ended.")
    advice = N_("Have the person sign in again.")


class ApprovalMissing(NotAllowed):
    """The mode needs an approval, and nobody has given one, or it no longer holds."""

    code = "approval-missing"
    words = N_("Somebody has to approve this enrollment first. Sign in again to ask for it, or wait for the decision.")
    advice = N_("Approve it under Approvals; if nothing waits there, have the person sign in again.")
    again = True


class ApprovalDeclined(NotAllowed):
    """Somebody declined the enrollment."""

    code = "approval-declined"
    words = N_("This enrollment was declined.")
    advice = N_("An administrator can still approve it under Approvals.")


class ApprovalUnknown(NotAllowed):
    """The link to a request for approval does not work, or not any more."""

    code = "approval-unknown"
    words = N_("This link does not work: the request was decided or has ended.")
    advice = N_("The person signs in again, which asks anew, or an administrator decides under Approvals.")


class ApprovalOwn(NotAllowed):
    """Somebody tried to decide on their own enrollment."""

    code = "approval-own"
    words = N_("Nobody decides on their own enrollment. Somebody else has to do it.")
    advice = N_("Another administrator decides.")


class InvitationRevoked(NotAllowed):
    """An administrator withdrew the invitation."""

    code = "invitation-revoked"
    words = N_("This invitation was withdrawn.")
    advice = N_("Send a new invitation if this was not meant.")


class InvitationExpired(NotAllowed):
    """The invitation has expired."""

    code = "invitation-expired"
    words = N_("This invitation has expired.")
    advice = N_("Resend the invitation.")


class InvitationRedeemed(NotAllowed):
    """A Mac was enrolled with the invitation already."""

    code = "invitation-redeemed"
    words = N_("This invitation has been used already.")
    advice = N_("Send a new invitation for another Mac.")


class InvitationNotEnded(NotAllowed):
    """Only an invitation that has ended can be deleted."""

    code = "invitation-not-ended"
    words = N_("This invitation has not ended yet.")
    advice = N_("Revoke it first; one that a Mac is being enrolled with can be deleted when that has ended.")


class InvitationFailed(NotAllowed):
    """The invitation failed: its PIN has no try left, or its link could not be delivered."""

    code = "invitation-failed"
    words = N_("This invitation no longer works after too many wrong entries.")
    advice = N_("Resend the invitation: the person gets a new PIN.")


class InvitationReplaced(NotAllowed):
    """The link is from an earlier mail; a newer link has replaced it."""

    code = "invitation-replaced"
    words = N_("A newer link has taken the place of this one.")
    advice = N_("The person opens the link in the newer mail; resend the invitation if there is none.")


class InvitationUnknown(NotAllowed):
    """There is no such invitation."""

    code = "invitation-unknown"
    words = N_("This link is not known here.")
    advice = N_("Check that the whole link was opened; resend the invitation.")


class TooManyInvitations(NotAllowed):
    """The person has as many live invitations of their own making as they may have."""

    code = "too-many-invitations"
    words = N_("You have two open invitations already. Use one of them, or withdraw it first.")
    advice = N_("People have at most two open invitations of their own making: invite them, or revoke one.")


class SelfServiceOff(NotAllowed):
    """The server property selfservice.enable is off."""

    code = "self-service-off"
    words = N_("The page with your Macs and invitations is not offered here.")
    advice = N_("Set the server property selfservice.enable to true.")


class GoCodeUnknown(NotAllowed):
    """The code entered at /go opens no invitation; the refusal never says why."""

    code = "go-code-unknown"
    words = N_(
        "This code does not work. Those of eight letters work once and for 15 minutes: have a new one shown, and enter "
        "that."
    )
    advice = N_("The person mistyped or was too slow, or somebody guesses.")
    again = True


class ObjectionUnknown(NotAllowed):
    """The link with which somebody objects to an identity confirmed at the desk does not work, or not any more."""

    code = "objection-unknown"
    words = N_("This link no longer works.")
    advice = N_("It works once, and ends when the identity is confirmed anew: look at the invitation's timeline.")


class TopicMismatch(NotAllowed):
    """The check-in names another push topic."""

    code = "topic-mismatch"
    words = N_("This Mac belongs to another server.")
    advice = N_("The Mac carries the profile of another installation: remove it first.")


class KeyRefused(NotAllowed):
    """The key in the certification request is too weak or of the wrong type."""

    code = "key-refused"
    words = N_("The key of this Mac is not accepted.")
    advice = N_("Only RSA keys of 2048 bits or more are accepted.")


class MessageTypeRefused(NotAllowed):
    """A SCEP message type (RFC 8894 §3.2.1.2) that is not answered here."""

    code = "message-type-refused"
    words = N_("This kind of request is not answered here.")
    advice = N_("The sender is no Mac: Macs send PKCSReq alone.")


class InvitationOnly(NotAllowed):
    """The server property macos.otae.enable is off and no mailed link was followed."""

    code = "invitation-only"
    words = N_("Enrollment here is by invitation. Please open the link in your invitation mail.")
    advice = N_("Invite the person, or set the server property macos.otae.enable to true.")


class NotReady(NotAllowed):
    """Something that the step needs is missing: the push certificate, our own certificates, or a key on this server."""

    code = "not-ready"
    words = N_("Enrollment is not ready yet. Please ask your IT department.")
    advice = N_("Import the push certificate under Settings.")


class ModeOff(NotAllowed):
    """The enrollment mode is known and not switched on."""

    code = "mode-off"
    words = N_("This way of signing in is switched off.")
    advice = N_("Choose one of the modes that are on.")


class AddressRefused(NotAllowed):
    """The host resolves only to addresses that this server never connects to, or not with these settings."""

    code = "address-refused"
    words = N_("This server does not connect to that address.")
    advice = N_("Name a host that is neither link-local nor this machine; see OTAE_ALLOW_PRIVATE.")


class BounceUnknown(NotAllowed):
    """A bounced mail was sent to an address that is not a return address signed here."""

    code = "bounce-unknown"
    words = N_("This mail came to no return address of this server.")
    advice = N_("Hand in the mail of mail.bounce.domain alone, with the header that says where it arrived.")


class SigninFailed(NotAllowed):
    """Name, password or PIN is wrong; the refusal never says which."""

    code = "signin-failed"
    words = N_("That did not match. Check what you entered and try again.")
    advice = N_("The person mistyped, or somebody guesses.")
    again = True


class SlowDown(NotAllowed):
    """Too many failures: the attempt has to wait. ``seconds``: for how long."""

    code = "slow-down"
    words: str = N_("Too many attempts. Please wait a little and try again.")
    advice = N_("Failures count per account and network; the wait ends by itself, or by Unlock on the user's page.")
    again = True

    def __init__(self, seconds: int, detail: str = "") -> None:
        super().__init__(detail)
        self.seconds = seconds
        self.words = self._words()

    def _words(self) -> str:
        """Return how long to wait."""
        if self.seconds <= LONGEST_IN_SECONDS:
            return NN_(
                "Too many attempts. Please try again in %(num)d second.",
                "Too many attempts. Please try again in %(num)d seconds.",
                self.seconds,
            )
        return NN_(
            "Too many attempts. Please try again in %(num)d minute.",
            "Too many attempts. Please try again in %(num)d minutes.",
            ceil(self.seconds / 60),
        )


class Busy(SlowDown):
    """Too many sign-ins at this moment, from this network or altogether; nothing was checked or counted."""

    code = "busy"
    words = N_("Many people are signing in right now. Please try again in a few seconds.")
    advice = N_("It passes by itself; a flood comes from one network, which the access log names.")

    def _words(self) -> str:
        return type(self).words


class SetupLinkUnknown(NotAllowed):
    """The setup link does not work, or not any more."""

    code = "setup-link-unknown"
    words = N_("This setup link no longer works.")
    advice = N_("A setup link works once and for 24 hours: make another with `otae admin create NAME --setup-link`.")


class DirectoryUnavailable(NotAllowed):
    """A directory does not answer, or not correctly; nothing was decided, and nothing counts as a failure."""

    code = "directory-unavailable"
    words = N_("The directory is not available right now. Please try again in a few minutes.")
    advice = N_("Test the connection under Settings, LDAP: it says which step does not work.")
    again = True


class PersonAmbiguous(NotAllowed):
    """Several people of a directory have this name or address."""

    code = "person-ambiguous"
    words = N_("Several people are called this.")
    advice = N_("Name the person by user name; see that the base for users holds each user name once.")


class GroupAmbiguous(NotAllowed):
    """Several groups of a directory have this name."""

    code = "group-ambiguous"
    words = N_("Several groups are called this.")
    advice = N_("Give one of the groups another name, or narrow the base for groups.")


class PasswordLinkUnknown(NotAllowed):
    """The password link does not work, or not any more."""

    code = "password-link-unknown"
    words = N_("This link no longer works.")
    advice = N_("It works once and for 24 hours: ask whoever sent it for another.")


class BeyondRole(NotAllowed):
    """An administrator tries to give, take or change more than their own role allows."""

    code = "beyond-role"
    words = N_("Your role does not allow as much as this takes or gives.")
    advice = N_("Nobody gives a permission they do not have: ask an administrator whose role has it.")


class OwnRole(NotAllowed):
    """An administrator tries to change their own role, or to disable or remove themselves."""

    code = "own-role"
    words = N_("Nobody changes their own role, and nobody disables or removes themselves.")
    advice = N_("Ask another administrator.")


class LastAdministrator(NotAllowed):
    """The change would leave no administrator with a local password and the role ADMIN."""

    code = "last-administrator"
    words = N_("This is the last administrator with a password of this server who may do everything.")
    advice = N_("Give another administrator the role ADMIN first.")


class InputRefused(Refusal):
    """Entries are refused. ``fields``: what to do about each, by field name; "" is the whole form."""

    code = "input-refused"
    words = N_("Please check the entries.")
    advice = N_("Each field says what is missing.")
    again = True

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" if name else text for name, text in fields.items()))
        self.fields = dict(fields)

    @property
    def reasons(self) -> str:
        """The texts of all fields as one."""
        return joined(self.fields.values())
