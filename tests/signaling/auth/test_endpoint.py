"""The doors of signing in over HTTP: cookies, other sites, bodies."""

from __future__ import annotations

import asyncio
import json
from http.cookies import SimpleCookie

import pytest

from dispatch import codes
from signaling.auth.endpoint import COOKIE, MAX_BODY_BYTES, welcome_link
from tests.dispatch.acts.state import CAMERA, CHIEF, CLERK, LOCAL, OFFICER
from tests.signaling.auth.front import OWN, PASSWORD, SESSION, Front, cookie_of, token_of
from tests.signaling.http.asking import problem


async def test_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(front: Front) -> None:
    answer = await front.enter()
    morsel = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert COOKIE.startswith("__Secure-")
    assert morsel["httponly"] and morsel["secure"] and morsel["samesite"] == "Strict"
    assert morsel["path"] == "/api/v1/session" and not morsel["domain"]
    assert 6 * 86_400 < int(morsel["max-age"]) <= 7 * 86_400
    assert answer.headers["Cache-Control"] == "no-store"
    assert morsel.value not in answer.body.decode() and token_of(answer) not in answer.headers["Set-Cookie"]


async def test_answer_says_who_is_signed_in_and_nothing_secret(front: Front) -> None:
    body = json.loads((await front.enter()).body)
    assert body["person"]["id"] == OFFICER and body["person"]["login"] == "officer"
    assert set(body) == {"token", "expires_us", "login", "login_until_us", "person", "consultation"}
    assert not any("secret" in key for key in [*body, *body["person"]])


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site", "X_Huishang": "1"},
        {"Origin": "https://evil.example", "X_Huishang": "1"},
    ],
)
async def test_page_of_another_site_can_use_no_cookie_and_sign_nobody_in(front: Front, headers: dict[str, str]) -> None:
    cookie = cookie_of(await front.enter())
    logins = len(front.coordinator.tables.logins)
    for method, path in (("POST", f"{SESSION}/refresh"), ("DELETE", SESSION)):
        assert problem(await front.ask(method, path, cookie=cookie, **headers), 403) == "origin-foreign"
    assert problem(await front.enter(**headers), 403) == "origin-foreign"
    assert len(front.coordinator.tables.logins) == logins


async def test_cookie_alone_is_not_enough(front: Front) -> None:
    cookie = cookie_of(await front.enter())
    for method, path in (("POST", f"{SESSION}/refresh"), ("DELETE", SESSION)):
        assert problem(await front.ask(method, path, cookie=cookie), 403) == "origin-foreign"
        answer = await front.ask(method, path, cookie=cookie, X_Huishang="0")
        assert problem(answer, 403) == "origin-foreign"


async def test_own_page_shows_itself_by_its_header_or_by_the_browsers(front: Front) -> None:
    cookie = cookie_of(await front.enter())
    proxied = {"Sec_Fetch_Site": "same-origin", "Origin": "https://node.example"}
    for headers in (OWN, {"Sec_Fetch_Site": "same-origin"}, {"Origin": front.url}, proxied):
        answer = await front.ask("POST", f"{SESSION}/refresh", cookie=cookie, **headers)
        assert token_of(answer)


async def test_signing_out_ends_the_login_and_takes_the_cookie_back(front: Front) -> None:
    answer = await front.enter()
    token, cookie = token_of(answer), cookie_of(answer)
    out = await front.ask("DELETE", SESSION, cookie=cookie, **OWN)
    assert out.status == 204
    morsel = SimpleCookie(out.headers["Set-Cookie"])[COOKIE]
    assert morsel.value == "" and morsel["max-age"] == "0" and morsel["path"] == "/api/v1/session" and morsel["secure"]
    assert problem(await front.who(token), 401) == "unauthorized"
    assert problem(await front.refresh(cookie), 401) == "session-over"
    assert front.journal.entries("login.end")[0].actor == OFFICER
    for again in (cookie, "", "nonsense"):
        assert (await front.ask("DELETE", SESSION, cookie=again, **OWN)).status == 204


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body-malformed"),
        (b"{", 400, "body-malformed"),
        (b"[]", 422, "body-invalid"),
        (b'{"login": 7}', 422, "body-invalid"),
        (b'{"login": null}', 422, "body-invalid"),
        (b'{"login": "\\ud800"}', 400, "body-malformed"),
        (b'{"login": "\xff"}', 400, "body-malformed"),
        (b'{"more": ' + b"[" * 2000, 400, "body-malformed"),
        (b'{"login": "' + b"x" * 257 + b'"}', 422, "body-invalid"),
        (b'{"password": "' + b"x" * 1025 + b'"}', 422, "body-invalid"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "body-too-large"),
        (b"{}", 401, "signin-refused"),
        (b'{"unknown": 1, "login": "officer", "password": ""}', 401, "signin-refused"),
    ],
)
async def test_body_that_is_none_is_refused(front: Front, body: bytes, status: int, code: str) -> None:
    assert problem(await front.ask("POST", SESSION, body), status) == code


async def test_form_of_another_site_is_no_json(front: Front) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = await front.ask("POST", SESSION, b'{"login": "officer"}', Content_Type=kind)
        assert problem(answer, 415) == "unsupported-media-type"


async def test_browser_that_calls_itself_anything_is_noted_in_what_can_be_written(front: Front) -> None:
    body = json.dumps({"login": "officer", "password": PASSWORD}).encode()
    host = front.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    head = f"POST {SESSION} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    agent = b"User-Agent: \xff\xfe" + "会\u202e".encode() + b"x" * 4000
    writer.write(head.encode() + agent + b"\r\nContent-Type: application/json\r\n\r\n" + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    (begun,) = front.journal.entries("login.begin")
    assert begun.params["device"].startswith("??会x") and len(begun.params["device"]) <= 120
    assert begun.origin.ip == "127.0.0.1" and len(begun.origin.device) == 120


async def test_no_access_token_no_way_to_what_needs_a_person(front: Front) -> None:
    for method, path in (
        ("POST", f"{SESSION}/password"),
        ("POST", "/api/v1/welcomes"),
        ("PUT", f"/api/v1/people/{CLERK}/password"),
        ("PUT", f"/api/v1/endpoints/{CAMERA}/credential"),
    ):
        assert problem(await front.ask(method, path, {}), 401) == "unauthorized"
        assert problem(await front.ask(method, path, {}, token="a-token-of-the-file-1"), 403) == "person-needed"


async def test_administrator_makes_links_passwords_and_codes_of_devices(front: Front) -> None:
    chief = token_of(await front.enter("chief"))
    link = json.loads((await front.ask("POST", "/api/v1/welcomes", {"person": CLERK}, token=chief)).body)["welcome"]
    assert token_of(await front.ask("POST", SESSION, {"welcome": link}))
    answer = await front.ask("PUT", f"/api/v1/people/{CLERK}/password", {"password": "another-horse"}, token=chief)
    assert answer.status == 204 and token_of(await front.enter("clerk", "another-horse"))
    answer = await front.ask("PUT", f"/api/v1/endpoints/{CAMERA}/credential", token=chief)
    code = json.loads(answer.body)["credential"]
    assert answer.status == 201 and codes.split(code) is not None
    assert (await front.who(code)).body.decode() == f"endpoint:{CAMERA}"


async def test_who_may_not_administer_makes_none_of_them(front: Front) -> None:
    officer = token_of(await front.enter())
    for method, path, body in (
        ("POST", "/api/v1/welcomes", {"person": CLERK}),
        ("POST", "/api/v1/welcomes", {"person": ""}),
        ("PUT", f"/api/v1/people/{LOCAL}/password", {"password": "another-horse"}),
        ("PUT", f"/api/v1/endpoints/{CAMERA}/credential", None),
    ):
        assert problem(await front.ask(method, path, body, token=officer), 403) == "forbidden"
    answer = await front.ask("PUT", f"/api/v1/people/{CHIEF}/password", {"password": "short"}, token=officer)
    assert problem(answer, 403) == "forbidden", "what is wrong with a value is told to who may set it"


async def test_who_may_not_set_a_password_costs_no_hash(front: Front) -> None:
    officer = token_of(await front.enter())
    computed = front.passwords.computed
    for person in (LOCAL, CHIEF):
        answer = await front.ask(
            "PUT", f"/api/v1/people/{person}/password", {"password": "another-horse"}, token=officer
        )
        assert problem(answer, 403) == "forbidden"
    assert front.passwords.computed == computed


async def test_own_password_is_not_set_without_the_old_one(front: Front) -> None:
    chief = token_of(await front.enter("chief"))
    answer = await front.ask("PUT", f"/api/v1/people/{CHIEF}/password", {"password": "another-horse"}, token=chief)
    assert problem(answer, 409) == "password-own"
    assert token_of(await front.enter("chief", PASSWORD))


def test_link_keeps_its_code_from_servers_and_referrers() -> None:
    link = welcome_link("https://192.0.2.1:8443/", "id.code")
    assert link == "https://192.0.2.1:8443/#welcome=id.code"
