"""Typed settings from a TOML file and the environment.

The leaf of the tree: imports nothing of ours, opens no sockets, starts nothing.
Errors: `ConfigError` is the only one.
"""

from config.errors import ConfigError
from config.load import load, sample_text
from config.settings import Access, Database, Http, Limits, Log, Media, Server, Settings, Webhook
from config.tokens import Token, Verb, load_tokens

__all__ = [
    "Access",
    "ConfigError",
    "Database",
    "Http",
    "Limits",
    "Log",
    "Media",
    "Server",
    "Settings",
    "Token",
    "Verb",
    "Webhook",
    "load",
    "load_tokens",
    "sample_text",
]
