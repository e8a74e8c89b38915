"""Who shows an access token or an endpoint's code: looked up as things are now, so that what was ended is over at once.

No I/O; reads the tables, and the clock only as an argument.
"""

from __future__ import annotations

from dispatch import codes
from dispatch.acts.signin import lasting
from dispatch.permissions import Actor
from dispatch.tables import Tables
from signaling.auth.tokens import TokenRefused, Tokens


class Proofs:
    """Answers from the tables as they are now."""

    def __init__(self, tables: Tables, tokens: Tokens) -> None:
        self._tables = tables
        self._tokens = tokens

    def person(self, token: str, now_us: int) -> Actor:
        """Return who shows an access token. Raises TokenRefused, also when the login or the person is gone."""
        claims = self._tokens.read(token, now_us)
        login = lasting(self._tables, claims.login, now_us)
        if login is None or login.person != claims.person:
            raise TokenRefused("the login is over")
        return Actor(login.person, login.id)

    def lasts(self, actor: Actor, now_us: int) -> bool:
        """Tell whether the sign-in that somebody acts through is still there."""
        login = lasting(self._tables, actor.login, now_us)
        return login is not None and login.person == actor.person

    def endpoint(self, code: str) -> str | None:
        """Return the endpoint that shows `id.secret`, None when the code is nobody's or the endpoint disabled."""
        identifier, secret = codes.split(code) or ("", "")
        endpoint = self._tables.endpoints.find(identifier)
        credential = self._tables.credentials.find(identifier) if endpoint is not None else None
        # Compared even where there is none, so that timing does not tell which endpoints exist.
        proved = codes.matches(secret, credential.secret if credential else "-")
        return endpoint.id if proved and endpoint is not None and not endpoint.disabled else None
