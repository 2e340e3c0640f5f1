"""Connections to servers that somebody else named: each goes to an address that was checked."""

from typing import TYPE_CHECKING

from holdfast.kit.egress import Guard

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver


def resolver(guard: Guard) -> "AbstractResolver":
    """What finds the address of a host: only one that the guard has looked at. Addresses themselves do not pass it."""
    import socket
    from ipaddress import ip_address

    from aiohttp.abc import AbstractResolver, ResolveResult

    class Checked(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            address = await guard.address(host, port)
            version = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
            flags = socket.AI_NUMERICHOST
            return [
                ResolveResult(hostname=host, host=address, port=port, family=version, proto=0, flags=flags),
            ]

        async def close(self) -> None:
            pass

    return Checked()
