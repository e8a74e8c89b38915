"""Combinations of settings that each key alone allows."""

from typing import Any

import msgspec
import pytest

from config import ConfigError, Settings
from config.check import check

SECRET = "sixteen-characters"


def settings_with(**sections: dict[str, Any]) -> Settings:
    """Give default settings with some values replaced."""
    settings = Settings()
    for name, values in sections.items():
        section = msgspec.structs.replace(getattr(settings, name), **values)
        settings = msgspec.structs.replace(settings, **{name: section})
    return settings


def test_defaults_hold() -> None:
    check(Settings(), str)


@pytest.mark.parametrize(
    ("sections", "key", "says"),
    [
        ({"http": {"host": "localhost"}}, "http.host", "is not an IP address"),
        ({"media": {"bind": "eth0"}}, "media.bind", "is not an IP address"),
        (
            {"media": {"advertised_addresses": ("example.org",)}},
            "media.advertised_addresses",
            "peers can reach",
        ),
        ({"media": {"advertised_addresses": ("0.0.0.0",)}}, "media.advertised_addresses", "peers can reach"),
        ({"media": {"advertised_addresses": ("ff02::1",)}}, "media.advertised_addresses", "peers can reach"),
        (
            {"media": {"bind": "0.0.0.0", "advertised_addresses": ("2001:db8::1",)}},
            "media.advertised_addresses",
            "give an IPv4 address",
        ),
        ({"http": {"certificate": "/a"}}, "http.certificate", "needs http.key"),
        ({"http": {"key": "/a"}}, "http.key", "needs http.certificate"),
        ({"http": {"tls": False, "certificate": "/a", "key": "/b"}}, "http.tls", "must be true"),
        ({"http": {"allowed_origins": ("*", "https://a.example")}}, "http.allowed_origins", "stand alone"),
        ({"http": {"trusted_proxies": ("proxy.example",)}}, "http.trusted_proxies", "network of a proxy"),
        ({"http": {"trusted_proxies": ("10.0.0.1", "10.0.0.1/8")}}, "http.trusted_proxies", "'10.0.0.1/8'"),
        ({"http": {"trusted_proxies": ("::/0",)}}, "http.trusted_proxies", "not every address"),
        ({"media": {"port": 65535, "threads": 2}}, "media.port", "at most 65534"),
        ({"media": {"tcp_port": 65535, "threads": 2}}, "media.tcp_port", "at most 65534"),
        ({"media": {"tcp_port": 443, "threads": 2}, "http": {"port": 444}}, "media.tcp_port", "444 is http.port"),
        ({"media": {"port": 8443}}, "media.port", "media.tcp to false"),
        ({"turn": {"urls": ("turn:a.example:0",), "secret": SECRET}}, "turn.urls", "from 1 to 65535"),
        ({"turn": {"urls": ("turn:a.example:65536",), "secret": SECRET}}, "turn.urls", "from 1 to 65535"),
        ({"turn": {"urls": ("turn:[1.2.3.4]",), "secret": SECRET}}, "turn.urls", "no valid host"),
        ({"turn": {"urls": ("turns:a.example?transport=udp",), "secret": SECRET}}, "turn.urls", "goes over tcp"),
        ({"turn": {"urls": ("turn:a.example",)}}, "turn.secret", "goes with turn:"),
        ({"turn": {"urls": ("stun:a.example",), "secret": SECRET}}, "turn.secret", "turn.urls"),
        ({"limits": {"max_viewers": 4000}}, "media.max_transports", "at least"),
    ],
)
def test_impossible_combination_names_the_key_and_the_way_out(
    sections: dict[str, dict[str, Any]], key: str, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check(settings_with(**sections), lambda name: f"origin of {name}")
    assert caught.value.key == key
    assert str(caught.value).startswith(f"origin of {key}: {key}: ") and says in str(caught.value)


@pytest.mark.parametrize(
    "sections",
    [
        {"media": {"port": 65535}},
        {"media": {"port": 19990, "threads": 10}},
        {"media": {"port": 8443, "tcp": False}},
        {"media": {"port": 8443, "tcp_port": 8444}},
        {"media": {"bind": "127.0.0.1", "advertised_addresses": ("203.0.113.7",)}},
        {"media": {"advertised_addresses": ("203.0.113.7", "2001:db8::1")}},
        {"turn": {"urls": ("stun:a.example",)}},
        {"turn": {"urls": ("turns:[2001:db8::1]:443?transport=tcp", "turn:192.0.2.1?transport=udp"), "secret": SECRET}},
        {"http": {"tls": False}},
        {"http": {"allowed_origins": ("*",)}},
        {"http": {"trusted_proxies": ("127.0.0.1", "10.0.0.0/8", "fd00::/8")}},
        {"limits": {"max_sources": 1096, "max_viewers": 3000}},
    ],
)
def test_value_at_the_edge_of_a_rule_is_taken(sections: dict[str, dict[str, Any]]) -> None:
    check(settings_with(**sections), str)
