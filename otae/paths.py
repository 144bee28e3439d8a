"""Every address of this server, once: what the routes answer, what pages link to and what messages name.

`otae/web/routes.py` says who may use each of them, and which function answers.
"""

import re
from urllib.parse import quote, urlencode

_PARAMETER = re.compile(r"\{[^}]*\}")


class UrlPath(str):
    """A path as the route table takes it, with parameters in braces; without any it is the address itself."""

    __slots__ = ()

    def __call__(self, *values: object, **query: object) -> str:
        """Return the address with ``values`` in the place of the parameters and ``query`` behind it, both encoded.

        Args:
            values: One for each parameter, in their order.
            query: Empty values are left out.

        Raises:
            TypeError: There are more or fewer values than parameters.
        """
        path = _PARAMETER.sub("%s", self) % tuple(quote(str(value), safe="") for value in values)
        encoded = urlencode({name: value for name, value in query.items() if value})
        return f"{path}?{encoded}" if encoded else path


#: The folder of the static files.
STATIC = UrlPath("/static")

# Endpoints of Macs, of monitoring and of the mail server
OTA = UrlPath("/zdm/macos/otae/device")
SCEP = UrlPath("/scep")
CHECKIN = UrlPath("/mdm/checkin")
CONNECT = UrlPath("/mdm/connect")
CRL = UrlPath("/crl/{issuer}.crl")
BOUNCE = UrlPath("/mail/bounce")
ALIVE = UrlPath("/healthz")
READY = UrlPath("/readyz")
METRICS = UrlPath("/metrics")

# The portal
START = UrlPath("/")
INVITATION_LINK = UrlPath("/zdm/su")
LOGIN = UrlPath("/zdm/macos/otae/login")
NOT_YOU = UrlPath("/zdm/macos/otae/not-you")
OPENED = UrlPath("/zdm/macos/otae/opened")
NEW_LINK = UrlPath("/zdm/macos/otae/new-link")
ROOT = UrlPath("/zdm/macos/otae/root")
PASSWORD = UrlPath("/zdm/macos/otae/password")
INSTALL = UrlPath("/zdm/macos/otae/install")
PROFILE = UrlPath("/zdm/macos/otae/profile")

# The console: signing in, the dashboard and one's own account
CONSOLE = UrlPath("/admin")
CONSOLE_SETUP = UrlPath("/admin/setup")
CONSOLE_SIGN_IN = UrlPath("/admin/sign-in")
CONSOLE_SIGN_OUT = UrlPath("/admin/sign-out")
CONSOLE_CONFIRM = UrlPath("/admin/confirm")
CONSOLE_ELSEWHERE = UrlPath("/admin/{path:path}")
REHEARSAL = UrlPath("/admin/rehearsal")
ACCOUNT = UrlPath("/admin/account")
ACCOUNT_PASSWORD = UrlPath("/admin/account/password")
ACCOUNT_BROWSERS_END = UrlPath("/admin/account/browsers/end")
ACCOUNT_BROWSER_END = UrlPath("/admin/account/browsers/{id:uuid}/end")

# Manage
INVITATIONS = UrlPath("/admin/invitations")
INVITATION_ADD = UrlPath("/admin/invitations/add")
INVITATION_PEOPLE = UrlPath("/admin/invitations/people")
INVITATIONS_MANY = UrlPath("/admin/invitations/many")
INVITATION = UrlPath("/admin/invitations/{id:uuid}")
INVITATION_CHANGES = UrlPath("/admin/invitations/{id:uuid}/changes")
INVITATION_RESEND = UrlPath("/admin/invitations/{id:uuid}/resend")
INVITATION_EXTEND = UrlPath("/admin/invitations/{id:uuid}/extend")
INVITATION_SHOW_LINK = UrlPath("/admin/invitations/{id:uuid}/link")
INVITATION_REVOKE = UrlPath("/admin/invitations/{id:uuid}/revoke")
GROUP_INVITATIONS = UrlPath("/admin/group-invitations")
GROUP_INVITATION_ADD = UrlPath("/admin/group-invitations/add")
GROUP_INVITATION_GROUPS = UrlPath("/admin/group-invitations/groups")
GROUP_INVITATION_UPLOAD = UrlPath("/admin/group-invitations/csv/upload")
GROUP_INVITATION = UrlPath("/admin/group-invitations/{id:uuid}")
GROUP_INVITATION_MAIL = UrlPath("/admin/group-invitations/{id:uuid}/mail/{number:int}")
GROUP_INVITATION_EXPORT = UrlPath("/admin/group-invitations/{id:uuid}/export")
GROUP_INVITATION_START = UrlPath("/admin/group-invitations/{id:uuid}/start")
GROUP_INVITATION_PAUSE = UrlPath("/admin/group-invitations/{id:uuid}/pause")
GROUP_INVITATION_RESUME = UrlPath("/admin/group-invitations/{id:uuid}/resume")
GROUP_INVITATION_CANCEL = UrlPath("/admin/group-invitations/{id:uuid}/cancel")
DEVICES = UrlPath("/admin/devices")
DEVICE = UrlPath("/admin/devices/{udid}")
DEVICE_RELEASE = UrlPath("/admin/devices/{udid}/release")
USERS = UrlPath("/admin/users")
USER_ADD = UrlPath("/admin/users/add")
USERS_EXPORT = UrlPath("/admin/users/export/{kind}")
USER = UrlPath("/admin/users/{id:uuid}")
USER_EDIT = UrlPath("/admin/users/{id:uuid}/edit")
USER_DISABLE = UrlPath("/admin/users/{id:uuid}/disable")
USER_ENABLE = UrlPath("/admin/users/{id:uuid}/enable")
USER_UNLOCK = UrlPath("/admin/users/{id:uuid}/unlock")
USER_PASSWORD_LINK = UrlPath("/admin/users/{id:uuid}/password-link")
USER_REMOVE = UrlPath("/admin/users/{id:uuid}/remove")
IMPORT_UPLOAD = UrlPath("/admin/users/import/upload")
IMPORT = UrlPath("/admin/users/imports/{id:uuid}")
IMPORT_START = UrlPath("/admin/users/imports/{id:uuid}/start")
IMPORT_CANCEL = UrlPath("/admin/users/imports/{id:uuid}/cancel")
IMPORT_RESULT = UrlPath("/admin/users/imports/{id:uuid}/result")
GROUPS = UrlPath("/admin/groups")
GROUP = UrlPath("/admin/groups/{id:uuid}")
GROUP_REMOVE = UrlPath("/admin/groups/{id:uuid}/remove")
GROUP_MEMBERS = UrlPath("/admin/groups/{id:uuid}/members")
GROUP_MEMBER_REMOVE = UrlPath("/admin/groups/{id:uuid}/members/{person:uuid}/remove")

# Settings
NOTIFICATION_SERVERS = UrlPath("/admin/notification-servers")
SMTP_SERVER_ADD = UrlPath("/admin/notification-servers/add")
SMTP_SERVER = UrlPath("/admin/notification-servers/{id:uuid}")
SMTP_SERVER_TEST = UrlPath("/admin/notification-servers/{id:uuid}/test")
SMTP_SERVER_ACTIVATE = UrlPath("/admin/notification-servers/{id:uuid}/activate")
SMTP_SERVER_REMOVE = UrlPath("/admin/notification-servers/{id:uuid}/remove")
SMS_SERVER_CHOOSE = UrlPath("/admin/notification-servers/sms/add")
SMS_SERVER_ADD = UrlPath("/admin/notification-servers/sms/add/{gateway}")
SMS_SERVER = UrlPath("/admin/notification-servers/sms/{id:uuid}")
SMS_SERVER_TEST = UrlPath("/admin/notification-servers/sms/{id:uuid}/test")
SMS_SERVER_ACTIVATE = UrlPath("/admin/notification-servers/sms/{id:uuid}/activate")
SMS_SERVER_REMOVE = UrlPath("/admin/notification-servers/sms/{id:uuid}/remove")
CARRIERS = UrlPath("/admin/notification-servers/carriers")
CARRIERS_RESTORE = UrlPath("/admin/notification-servers/carriers/restore")
CARRIER = UrlPath("/admin/notification-servers/carriers/{id:uuid}")
CARRIER_REMOVE = UrlPath("/admin/notification-servers/carriers/{id:uuid}/remove")
DIRECTORIES = UrlPath("/admin/directories")
DIRECTORY_ADD = UrlPath("/admin/directories/add/upload")
DIRECTORY = UrlPath("/admin/directories/{id:uuid}")
DIRECTORY_CHANGE = UrlPath("/admin/directories/{id:uuid}/upload")
DIRECTORY_TEST = UrlPath("/admin/directories/{id:uuid}/test")
DIRECTORY_MAKE_DEFAULT = UrlPath("/admin/directories/{id:uuid}/default")
DIRECTORY_REMOVE = UrlPath("/admin/directories/{id:uuid}/remove")
MODES = UrlPath("/admin/enrollment-modes")
MODE = UrlPath("/admin/enrollment-modes/{name}")
PROPERTIES = UrlPath("/admin/properties")
PROPERTY = UrlPath("/admin/properties/{name}")
PROPERTY_RESET = UrlPath("/admin/properties/{name}/reset")
BRANDING = UrlPath("/admin/branding")
BRANDING_TEXT = UrlPath("/admin/branding/texts/{kind}/{language}")
PUSH = UrlPath("/admin/push")
PUSH_UPLOAD = UrlPath("/admin/push/upload")
CERTIFICATES = UrlPath("/admin/certificates")
CERTIFICATES_ROTATE = UrlPath("/admin/certificates/rotate")
ISSUED_CERTIFICATES = UrlPath("/admin/certificates/issued")
ISSUED_CERTIFICATE = UrlPath("/admin/certificates/issued/{id:uuid}")
ISSUED_CERTIFICATE_REVOKE = UrlPath("/admin/certificates/issued/{id:uuid}/revoke")
ROOT_KEY = UrlPath("/admin/certificates/root-key")
ROOT_KEY_EXPORT = UrlPath("/admin/certificates/root-key/export")
ROOT_KEY_REMOVE = UrlPath("/admin/certificates/root-key/remove/upload")
ROOT_KEY_RETURN = UrlPath("/admin/certificates/root-key/return/upload")
SIGNER_UPLOAD = UrlPath("/admin/certificates/signer/upload")
SIGNER_REMOVE = UrlPath("/admin/certificates/signer/remove")
TLS_UPLOAD = UrlPath("/admin/certificates/tls/upload")
TLS_REMOVE = UrlPath("/admin/certificates/tls/remove")
TEMPLATES = UrlPath("/admin/templates")
TEMPLATE = UrlPath("/admin/templates/{id:uuid}")
TEMPLATE_PREVIEW = UrlPath("/admin/templates/{id:uuid}/preview")
TEMPLATE_PREVIEW_HTML = UrlPath("/admin/templates/{id:uuid}/preview/html")
TEMPLATE_SEND = UrlPath("/admin/templates/{id:uuid}/send")
TEMPLATE_SEND_SMS = UrlPath("/admin/templates/{id:uuid}/send/sms")
TEMPLATE_SENT = UrlPath("/admin/templates/{id:uuid}/sent/{job:uuid}")
TEMPLATE_RESTORE = UrlPath("/admin/templates/{id:uuid}/restore")
TEMPLATE_CLONE = UrlPath("/admin/templates/{id:uuid}/clone")
TEMPLATE_TRANSLATE = UrlPath("/admin/templates/{id:uuid}/languages")
TEMPLATE_TRANSLATION_REMOVE = UrlPath("/admin/templates/{id:uuid}/languages/remove")
TEMPLATE_RENAME = UrlPath("/admin/templates/{id:uuid}/rename")
TEMPLATE_REMOVE = UrlPath("/admin/templates/{id:uuid}/remove")
CAUGHT_MAILS = UrlPath("/admin/mail")
CAUGHT_MAIL = UrlPath("/admin/mail/{id:uuid}")
CAUGHT_MAIL_HTML = UrlPath("/admin/mail/{id:uuid}/html")
ADMINISTRATORS = UrlPath("/admin/administrators")
SETUP_LINK_WITHDRAW = UrlPath("/admin/administrators/links/{id:uuid}/withdraw")
ADMINISTRATOR = UrlPath("/admin/administrators/{id:uuid}")
ADMINISTRATOR_DISABLE = UrlPath("/admin/administrators/{id:uuid}/disable")
ADMINISTRATOR_ENABLE = UrlPath("/admin/administrators/{id:uuid}/enable")
ADMINISTRATOR_REMOVE = UrlPath("/admin/administrators/{id:uuid}/remove")
ROLES = UrlPath("/admin/roles")
ROLE_ASSIGNMENTS = UrlPath("/admin/roles/assignments")
ROLE_ASSIGNMENT_REMOVE = UrlPath("/admin/roles/assignments/{id:uuid}/remove")
ROLE_ADD = UrlPath("/admin/roles/add")
ROLE_GROUPS = UrlPath("/admin/roles/groups")
BUILT_IN_ROLE = UrlPath("/admin/roles/built-in/{name}")
ROLE = UrlPath("/admin/roles/{id:uuid}")
ROLE_REMOVE = UrlPath("/admin/roles/{id:uuid}/remove")
AUDIT = UrlPath("/admin/audit")
