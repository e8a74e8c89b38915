"""The machine's addresses: what certificates must name, peers be told and people type.

Reads the interface list and the host name; sends nothing.
"""

import ipaddress
import socket

import ifaddr

from config import Settings

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def machine_addresses() -> list[IPAddress]:
    """Give the addresses other machines may reach us at, IPv4 first; neither loopback nor link-local ones."""
    found: set[IPAddress] = set()
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            found.add(ipaddress.ip_address(text.partition("%")[0]))
    # A link-local address needs the asker's own interface name, so it can stand in no URL or candidate.
    usable = [address for address in found if not (address.is_loopback or address.is_link_local)]
    return sorted(usable, key=lambda address: (address.version, int(address)))


def host_names() -> list[str]:
    """Give the names this machine answers to, `localhost` first."""
    names = ["localhost"]
    for name in (socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local"):
        plain = name.lower().rstrip(".")
        letters = plain.replace("-", "").replace(".", "")
        if plain not in names and letters.isascii() and letters.isalnum() and len(plain) <= 253:
            names.append(plain)
    return names


def reachable(bind: str) -> list[IPAddress]:
    """Give the machine's addresses that a socket bound to `bind` answers on, loopback not included."""
    address = ipaddress.ip_address(bind)
    if not address.is_unspecified:
        return [] if address.is_loopback else [address]
    return [own for own in machine_addresses() if address.version == 6 or own.version == 4]


def page_urls(settings: Settings) -> list[str]:
    """Give the base URLs of the node's page, this machine's first: `https://localhost:8443`, `https://192.0.2.2:8443`."""
    http = settings.http
    scheme = "https" if http.tls else "http"
    bound = ipaddress.ip_address(http.host)
    hosts = ["localhost"] if bound.is_unspecified or bound == ipaddress.ip_address("127.0.0.1") else []
    if bound.is_loopback and not hosts:
        hosts = [_in_url(bound)]
    hosts += [_in_url(address) for address in reachable(http.host)]
    return [f"{scheme}://{host}:{http.port}" for host in hosts]


def _in_url(address: IPAddress) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
