"""Who asks: a person, an endpoint or a token of the file, told apart and each held to what it may."""

from __future__ import annotations

import time

import pytest
from aiohttp.test_utils import make_mocked_request

from config import Token
from dispatch.acts import endpoints, people
from dispatch.acts.signin import LOGIN_US, Begin, End
from dispatch.codes import digest, join
from dispatch.permissions import Permissions
from dispatch.records import Credential
from dispatch.tables import Tables
from signaling.auth.proofs import Proofs
from signaling.auth.tokens import LASTS_US, Claims, Key, Tokens
from signaling.http.access import Access, EndpointIdentity, PersonIdentity, TokenIdentity
from signaling.http.problem import Problem
from tests.dispatch.acts import state as directory
from tests.dispatch.acts.state import CAMERA, CHIEF, CLERK, DRONE, OFFICER, State, with_password

FILE_TOKEN = "a-token-with.two.dots"
SECRET = "secret-of-the-camera"


class House:
    """People, a camera with a code, tokens, and the access to them, on the machine's clock."""

    def __init__(self) -> None:
        self.now_us = time.time_ns() // 1000
        self.state = State(directory.peopled(Tables()), now_us=self.now_us)
        self.tokens = Tokens([Key(id="k", secret=b"k" * 32, made_us=0)], "node")
        for person in (CHIEF, OFFICER, CLERK):
            with_password(self.state.tables, person)
        self.state.do(endpoints.Credential(endpoint=CAMERA, secret=digest(SECRET)))
        file = [Token(name="all", secret=FILE_TOKEN, verbs=("watch",))]
        proofs = Proofs(self.state.tables, self.tokens)
        self.access = Access(file, proofs, Permissions(self.state.tables))

    def signed_in(self, person: str, now_us: int = 0) -> str:
        login = self.state.do(Begin(person=person, secret="s", credential="kept"))
        return self.tokens.issue(Claims(person, login), now_us or self.now_us)[0]


@pytest.fixture
def house() -> House:
    return House()


def test_each_kind_of_proof_is_told_apart(house: House) -> None:
    for bearer, kind, who in (
        (FILE_TOKEN, TokenIdentity, "token:all"),
        (join(CAMERA, SECRET), EndpointIdentity, f"endpoint:{CAMERA}"),
        (house.signed_in(OFFICER), PersonIdentity, f"person:{OFFICER}"),
    ):
        identity = house.access.of_bearer(bearer)
        assert isinstance(identity, kind) and identity.who == who


def test_person_publishes_and_watches_what_its_roles_reach(house: House) -> None:
    officer, clerk = (house.access.of_bearer(house.signed_in(person)) for person in (OFFICER, CLERK))
    assert officer is not None and clerk is not None
    assert officer.allows("watch", DRONE) and officer.allows("publish", f"{OFFICER}.camera")
    assert clerk.allows("watch", CAMERA) and not clerk.allows("publish", CAMERA)
    assert not officer.allows("publish", f"{CHIEF}.camera") and not officer.allows("watch", "of-the-node")


def test_roles_are_read_as_they_are_now(house: House) -> None:
    officer = house.access.of_bearer(house.signed_in(OFFICER))
    assert officer is not None and officer.allows("watch", DRONE)
    house.state.do(people.SetRoles(person=OFFICER, roles=()))
    assert not officer.allows("watch", DRONE)
    house.state.do(people.Disable(person=OFFICER))
    assert not officer.allows("publish", f"{OFFICER}.camera")


def test_endpoint_publishes_its_own_source_and_nothing_else(house: House) -> None:
    camera = house.access.of_bearer(join(CAMERA, SECRET))
    assert camera is not None and camera.allows("publish", CAMERA)
    assert not camera.allows("watch", CAMERA) and not camera.allows("publish", DRONE)
    assert not camera.allows("publish", f"{CAMERA}.more")


def test_code_of_an_endpoint_ends_with_it(house: House) -> None:
    code = join(CAMERA, SECRET)
    house.state.do(endpoints.Disable(endpoint=CAMERA))
    assert house.access.of_bearer(code) is None
    house.state.do(endpoints.Enable(endpoint=CAMERA))
    assert house.access.of_bearer(code) is not None
    house.state.do(endpoints.Credential(endpoint=CAMERA, secret=digest("another")))
    assert house.access.of_bearer(code) is None
    house.state.do(endpoints.Credential(endpoint=CAMERA, secret=""))
    assert house.access.of_bearer(join(CAMERA, "another")) is None


def test_who_was_let_in_may_no_more_once_its_proof_has_ended(house: House) -> None:
    device, person = house.access.of_bearer(join(CAMERA, SECRET)), house.access.of_bearer(house.signed_in(OFFICER))
    assert device is not None and person is not None
    assert device.allows("publish", CAMERA) and person.allows("watch", DRONE)
    (login,) = house.state.tables.logins
    house.state.do(endpoints.Credential(endpoint=CAMERA, secret=digest("another")))
    house.state.do(End(login=login.id))
    assert not device.allows("publish", CAMERA) and not person.allows("watch", DRONE)


@pytest.mark.parametrize(
    "bearer",
    ["", ".", f"{CAMERA}.", f"{CAMERA}.wrong", f"{DRONE}.{SECRET}", f"{CAMERA}.{digest(SECRET)}", f"{OFFICER}.kept",
     "a.b.c", "x" * 5000, "\udcff\udcff.\udcff.\udcff"],
)  # fmt: skip
def test_proof_of_nobody_proves_nothing(house: House, bearer: str) -> None:
    assert house.access.of_bearer(bearer) is None


def test_hash_of_a_password_is_no_code_of_its_person(house: House) -> None:
    house.state.tables.credentials.put(Credential(id=OFFICER, secret=digest("code")))
    assert house.access.of_bearer(join(OFFICER, "code")) is None


def test_token_that_ran_out_says_so_and_one_of_another_login_does_not(house: House) -> None:
    with pytest.raises(Problem) as refused:
        house.access.of_bearer(house.signed_in(OFFICER, house.now_us - LASTS_US))
    assert refused.value.code == "token-expired" and "WWW-Authenticate" in refused.value.headers
    login = house.state.do(Begin(person=OFFICER, secret="s", credential="kept"))
    stolen, _ = house.tokens.issue(Claims(CHIEF, login), house.now_us)
    assert house.access.of_bearer(stolen) is None
    house.state.now_us = house.now_us - LOGIN_US
    assert house.access.of_bearer(house.signed_in(OFFICER)) is None, "its login has run out"


def test_person_is_needed_where_one_is(house: House) -> None:
    def request(bearer: str) -> object:
        return make_mocked_request("GET", "/", headers={"Authorization": f"Bearer {bearer}"})

    assert house.access.person(request(house.signed_in(OFFICER))).person == OFFICER  # type: ignore[arg-type]
    for bearer in (FILE_TOKEN, join(CAMERA, SECRET)):
        with pytest.raises(Problem) as refused:
            house.access.person(request(bearer))  # type: ignore[arg-type]
        assert refused.value.code == "person-needed"


def test_node_without_people_knows_tokens_only(house: House) -> None:
    access = Access([Token(name="all", secret=FILE_TOKEN, verbs=("watch",))])
    assert access.of_bearer(FILE_TOKEN) is not None
    assert access.of_bearer(house.signed_in(OFFICER)) is None and access.of_bearer(join(CAMERA, SECRET)) is None
