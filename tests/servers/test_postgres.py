"""The PostgreSQL of the tests is a real one, speaks TLS and gives empty databases."""

import ssl
import subprocess

import asyncpg  # type: ignore[import-untyped] # asyncpg carries no types
import pytest

from tests.servers.postgres import PostgresServer, bundled_binaries, running, unprivileged_user

pytestmark = pytest.mark.anyio


async def test_a_fresh_database_is_empty_and_reached_over_tls(postgres: PostgresServer, postgres_url: str) -> None:
    if not postgres.tls:
        pytest.skip("the bundled PostgreSQL knows no TLS")
    context = ssl.create_default_context(cafile=str(postgres.ca_file))
    connection = await asyncpg.connect(postgres_url, ssl=context)
    try:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


async def test_clear_text_is_turned_away(postgres: PostgresServer) -> None:
    if not postgres.tls:
        pytest.skip("the bundled PostgreSQL knows no TLS")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(postgres.url(), ssl="disable")


def test_two_fresh_databases_do_not_see_each_other(postgres: PostgresServer) -> None:
    one, two = postgres.fresh(), postgres.fresh()
    assert one != two
    postgres.run_sql("CREATE TABLE only_here (id int)", one.rpartition("/")[2])
    assert postgres.run_sql("SELECT to_regclass('only_here') IS NULL", two.rpartition("/")[2]) == "t"
    postgres.drop(one)
    postgres.drop(two)


@pytest.mark.cannot_exist
def test_the_bundled_server_stands_in_where_none_is_installed() -> None:
    binaries, user = bundled_binaries(), unprivileged_user()
    if binaries is None:
        pytest.skip("nothing is bundled for this Python")
    if (
        user
        and subprocess.run(["setpriv", f"--reuid={user}", "test", "-x", binaries / "postgres"], check=False).returncode
    ):
        pytest.skip("the tests run as root from a folder that other users may not enter")
    with running(binaries) as server:
        assert server.run_sql("SELECT 1", server.fresh().rpartition("/")[2]) == "1"
        assert not server.tls
