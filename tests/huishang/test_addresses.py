"""Which addresses people, peers and certificates are told of."""

import ipaddress

import msgspec
import pytest

from config import Settings
from huishang.addresses import host_names, machine_addresses, page_urls, reachable


def listening_on(host: str, **http: object) -> Settings:
    """Give default settings with another HTTP address."""
    settings = Settings()
    return msgspec.structs.replace(settings, http=msgspec.structs.replace(settings.http, host=host, **http))


def test_machine_addresses_are_usable_from_elsewhere_and_ipv4_comes_first() -> None:
    found = machine_addresses()
    assert not any(a.is_loopback or a.is_link_local or a.is_unspecified for a in found)
    assert [a.version for a in found] == sorted(a.version for a in found)
    assert len(set(found)) == len(found)


def test_host_names_are_valid_in_a_certificate() -> None:
    names = host_names()
    assert names[0] == "localhost" and len(set(names)) == len(names)
    assert all(name.isascii() and name == name.lower() for name in names)


def test_socket_on_all_ipv4_addresses_is_not_reachable_by_ipv6() -> None:
    assert {a.version for a in reachable("0.0.0.0")} <= {4}
    assert reachable("::") == machine_addresses()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", ["https://localhost:8443"]),
        ("::1", ["https://[::1]:8443"]),
        ("127.0.0.5", ["https://127.0.0.5:8443"]),
        ("192.0.2.9", ["https://192.0.2.9:8443"]),
        ("2001:db8::9", ["https://[2001:db8::9]:8443"]),
    ],
)
def test_page_urls_of_one_address(host: str, expected: list[str]) -> None:
    assert page_urls(listening_on(host)) == expected


def test_page_urls_of_all_addresses_begin_with_this_machine() -> None:
    first, *others = page_urls(listening_on("::", port=9000))
    assert first == "https://localhost:9000"
    assert len(others) == len(machine_addresses())
    assert all(ipaddress.ip_address(u[8:-5].strip("[]")) in machine_addresses() for u in others)


def test_page_urls_without_tls_are_http() -> None:
    assert page_urls(listening_on("127.0.0.1", tls=False)) == ["http://localhost:8443"]
