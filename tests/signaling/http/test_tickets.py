"""A ticket is good for one export, an hour, and until the same asker gets the next."""

from dispatch.permissions import Actor
from signaling.http import tickets
from signaling.http.tickets import LASTS_US, Tickets

ANNA = Actor("anna", "login")


def test_ticket_stands_for_its_asker_and_one_export_for_an_hour() -> None:
    held = Tickets()
    ticket, until_us = held.give(ANNA, "x", 5)
    assert until_us == 5 + LASTS_US
    assert held.find(ticket, "x", until_us - 1) == ANNA
    assert held.find(ticket, "x", until_us) is held.find(ticket, "y", 6) is held.find("", "x", 6) is None
    second, _ = held.give(ANNA, "x", 6)
    assert held.find(ticket, "x", 7) is None and held.find(second, "x", 7) == ANNA


def test_oldest_gives_way() -> None:
    held = Tickets()
    first, _ = held.give(ANNA, "0", 0)
    for number in range(1, tickets.MOST + 1):
        last, _ = held.give(ANNA, str(number), 0)
    assert held.find(first, "0", 1) is None and held.find(last, str(tickets.MOST), 1) == ANNA
