"""What sign-ins are counted under, as the throttle calls it."""

from otae.accounts.throttle import AccountKeys
from otae.store.desk import Desk
from otae.store.models import Counter


async def key_of(desk: Desk, door: str, account: str, network: str) -> str:
    """Give the key of an account's failures from one network, "*" for all of them."""
    return f"password:{(await AccountKeys.of(desk)).key(door, account)}:{network}"


async def failures_of(desk: Desk, door: str, account: str, network: str) -> int:
    """Give how many failures are counted there."""
    row = await Counter.get_or_none(key=await key_of(desk, door, account, network))
    return row.failures if row else 0
