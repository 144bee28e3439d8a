"""Directories: LDAP servers and Active Directory domains that people and groups come from."""

from tortoise import fields

from otae.store.models.base import Row


class DirectoryServer(Row):
    """One directory. `domain`: its name, in lower case; `alias`: a second name that people may sign in with.

    `kind`: "ldap" or "active-directory". `search_by`: the attribute with the user name ("uid", "sAMAccountName",
    "userPrincipalName", "mail"). `security`: "none", "starttls" or "ldaps"; `ca_pem`: the authorities that the server's
    certificate must lead to, "" for those of the system. `bind_password_sealed`: purpose "directory.password".
    `lockout_limit`: wrong passwords after which an account is not tried for `lockout_minutes`, 0 for no limit.
    `attributes`: further attributes that become properties of its people, with spaces between them.
    `answered_at`: when it last answered the clock's check; `trouble`: why the last check failed, "" when it did not.
    """

    domain = fields.CharField(max_length=100, unique=True)
    alias = fields.CharField(max_length=100, default="")
    kind = fields.CharField(max_length=20)
    primary_host = fields.CharField(max_length=253)
    secondary_host = fields.CharField(max_length=253, default="")
    port = fields.IntField(default=389)
    security = fields.CharField(max_length=10, default="starttls")
    ca_pem = fields.TextField(default="")
    bind_name = fields.CharField(max_length=500, default="")
    bind_password_sealed = fields.BinaryField(null=True)
    user_base = fields.CharField(max_length=500)
    group_base = fields.CharField(max_length=500)
    search_by = fields.CharField(max_length=40, default="uid")
    lockout_limit = fields.IntField(default=0)
    lockout_minutes = fields.IntField(default=1)
    global_catalog_port = fields.IntField(default=0)
    global_catalog_base = fields.CharField(max_length=500, default="")
    attributes = fields.CharField(max_length=500, default="", db_default="")
    timeout = fields.IntField(default=5)
    is_default = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    answered_at = fields.DatetimeField(null=True)
    trouble = fields.CharField(max_length=200, default="", db_default="")

    class Meta:
        table = "directory_server"
