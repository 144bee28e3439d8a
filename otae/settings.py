"""The settings, read once from environment variables and frozen.

Every variable may be given as ``NAME_FILE`` instead: its value is then the content of that file, without the last line
end. docs/operations.md lists the same variables; a test compares the two.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from otae.errors import CannotStart
from otae.hostnames import HostRefused, ascii_host
from otae.server_urls import LOCAL_HOSTS, database_address, redis_address


class Settings(BaseSettings):
    """The settings of an installation, as its operator sets them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    home: Path = Field(Path("var"), validation_alias="OTAE_HOME", description="Folder for SQLite and the key file.")
    database_url: SecretStr | None = Field(
        None, validation_alias="DATABASE_URL", description="postgres://… ; absent: SQLite in OTAE_HOME."
    )
    redis_url: SecretStr | None = Field(
        None, validation_alias="REDIS_URL", description="redis://… or rediss://… ; absent: the worker runs in `serve`."
    )
    database_connections: int | None = Field(
        None,
        validation_alias="OTAE_DATABASE_CONNECTIONS",
        ge=2,
        le=200,
        description="Most connections of this process to PostgreSQL; by default 2 web, 2 worker, 1 clock and a command "
        "fit into 20.",
    )
    public_url: str = Field(
        "https://localhost:8443",
        validation_alias="PUBLIC_URL",
        description="Origin that people and Macs reach; required with PORT or DATABASE_URL.",
    )
    port: int | None = Field(
        None,
        validation_alias="PORT",
        ge=1,
        le=65535,
        description="Speak plain HTTP here, behind a router that does TLS.",
    )
    listen: str | None = Field(
        None,
        validation_alias="OTAE_HOST",
        description="Address to listen on; 0.0.0.0 with PORT or a PUBLIC_URL that is not localhost, else 127.0.0.1.",
    )
    hops: int | None = Field(
        None,
        validation_alias="OTAE_TRUSTED_HOPS",
        ge=0,
        le=8,
        description="How many proxies in front append to X-Forwarded-For; 1 with PORT, else 0.",
    )
    master_keys: SecretStr | None = Field(
        None,
        validation_alias="OTAE_MASTER_KEYS",
        description="Keys of `otae keys generate`, comma-separated; first seals, all open. Required with DATABASE_URL.",
    )
    allow_private: bool = Field(
        default=False,
        validation_alias="OTAE_ALLOW_PRIVATE",
        description="1 lets administrators point hooks and gateways at private addresses.",
    )
    metrics_token: SecretStr | None = Field(
        None, validation_alias="OTAE_METRICS_TOKEN", description="Bearer that opens /metrics; absent: 404."
    )
    bounce_token: SecretStr | None = Field(
        None,
        validation_alias="OTAE_BOUNCE_TOKEN",
        description="Bearer with which mail that came back is handed in at /mail/bounce; absent: 404.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="OTAE_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR."
    )
    extra_device_ca_file: Path | None = Field(
        None,
        validation_alias="OTAE_EXTRA_DEVICE_CA_FILE",
        description="Labs only: PEM file of further authorities accepted as makers of Macs.",
    )
    scep_allow_des: bool = Field(
        default=False,
        validation_alias="OTAE_SCEP_ALLOW_DES",
        description="Tests only: accept single DES from third-party SCEP clients.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values only from `load`, and not from the process's environment, so that tests are isolated."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from ``environ``. Raises CannotStart with a line that names the variable and the remedy."""
        names = {str(field.validation_alias) for field in cls.model_fields.values()}
        values = {name: environ[name] for name in names if environ.get(name)}
        for name in names:
            if path := environ.get(f"{name}_FILE"):
                try:
                    values[name] = Path(path).read_text().rstrip("\r\n")
                except OSError as error:
                    raise CannotStart(f"{name}_FILE: {path} cannot be read ({error.strerror})") from error
                except UnicodeDecodeError as error:
                    raise CannotStart(f"{name}_FILE: {path} holds no text in UTF-8") from error
        try:
            settings = cls(**values)  # type: ignore[arg-type]  # pydantic parses the strings
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            words = first["msg"].removeprefix("Value error, ")
            if first["type"] != "value_error":  # the library's own words; the value of a file may be a secret
                words = f"must be {cls._taken_by(name)}"
                words += "" if environ.get(f"{name}_FILE") else f", not {str(first['input'])[:40]!r}"
            raise CannotStart(f"{name}: {words}" if name else words) from None
        if "PUBLIC_URL" not in values and (settings.port or settings.database_url):
            raise CannotStart("PUBLIC_URL is required with PORT or DATABASE_URL: set it to the address people open")
        return settings

    @classmethod
    def _taken_by(cls, name: str) -> str:
        """Return a description of the values that the variable ``name`` may have."""
        field = next(each for each in cls.model_fields.values() if each.validation_alias == name)
        if field.annotation is bool:
            return "1 (yes) or 0 (no)"
        least, most = ([getattr(each, word) for each in field.metadata if hasattr(each, word)] for word in ("ge", "le"))
        if least and most:
            return f"a whole number from {least[0]} to {most[0]}"
        return str(field.description).rstrip(".")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            database_address(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        return SecretStr(redis_address(value.get_secret_value())) if value else None

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        form = "must be an https:// origin without a path, such as https://mdm.example.org"
        try:
            parts = urlsplit(value)
        except ValueError:
            raise ValueError(form) from None
        if (
            parts.scheme != "https"
            or not parts.hostname
            or parts.path not in {"", "/"}
            or parts.query
            or parts.username
        ):
            raise ValueError(form)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError("its port must be a whole number from 1 to 65535")
        try:
            host = ascii_host(parts.hostname)
        except HostRefused:
            raise ValueError("its host is no name that can be registered") from None
        host = f"[{host}]" if ":" in host else host
        return f"https://{host}" + (f":{port}" if port not in {None, 443} else "")

    @model_validator(mode="after")
    def _queue_needs_database(self) -> Self:
        if self.redis_url and not self.database_url:
            raise ValueError("REDIS_URL needs DATABASE_URL: separate processes cannot share the embedded database")
        return self

    @property
    def embedded(self) -> bool:
        """Whether everything runs in one process on SQLite."""
        return self.database_url is None

    @property
    def inline_worker(self) -> bool:
        """Whether `serve` runs worker and clock itself."""
        return self.redis_url is None

    @property
    def public_host(self) -> str:
        """Host of PUBLIC_URL, without port, lower case."""
        return str(urlsplit(self.public_url).hostname)

    @property
    def public_port(self) -> int:
        """Port of PUBLIC_URL."""
        return urlsplit(self.public_url).port or 443

    @property
    def trial(self) -> bool:
        """Whether PUBLIC_URL is this machine: a trial installation, with a generated push topic."""
        return self.public_host in LOCAL_HOSTS

    @property
    def host(self) -> str:
        """Address to listen on."""
        if self.listen:
            return self.listen
        return "0.0.0.0" if self.port or not self.trial else "127.0.0.1"  # noqa: S104 - a PaaS router comes from outside

    @property
    def trusted_hops(self) -> int:
        """How many proxies in front of this server are trusted to write X-Forwarded-For."""
        return self.hops if self.hops is not None else (1 if self.port else 0)

    def sealing_keys(self) -> list[bytes]:
        """Return the master keys of the environment; the first one seals, all open.

        Returns:
            The keys, 32 bytes each; empty when the variable is not set.

        Raises:
            CannotStart: a key is malformed.
        """
        if self.master_keys is None:
            return []
        try:
            keys = [
                base64.b64decode(part.strip() + "=" * (-len(part.strip()) % 4), altchars=b"-_", validate=True)
                for part in self.master_keys.get_secret_value().split(",")
            ]
        except binascii.Error:
            keys = [b""]
        if any(len(key) != 32 for key in keys):
            raise CannotStart("OTAE_MASTER_KEYS: each key is base64url of 32 bytes; make one with `otae keys generate`")
        return keys
