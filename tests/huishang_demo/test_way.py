"""A way holds what its link lets through until it arrives, and no more of it than a bound."""

from huishang.demo.link import Link, Loss, Shape
from huishang.demo.way import MOST_UNDER_WAY, Way, both

UNIT = ("127.0.0.1", 1)


def test_nothing_arrives_before_its_time_and_all_in_order() -> None:
    way = Way(Link(Shape(delay_s=0.08)))
    for number in range(3):
        way.send((bytes([number]), UNIT), number * 0.01)
    assert way.get_timer() == 0.08
    assert way.arrived(0.0799) == []
    assert [data[0] for data, _ in way.arrived(0.0901)] == [0, 1]
    assert [data[0] for data, _ in way.arrived(1.0)] == [2]
    assert way.get_timer() is None


def test_more_than_the_bound_is_dropped_and_counted() -> None:
    way = Way(Link(Shape(delay_s=10.0)))
    for _ in range(MOST_UNDER_WAY + 5):
        way.send((b"x", UNIT), 0.0)
    assert way.overflowed == 5
    assert len(way.arrived(10.0)) == MOST_UNDER_WAY


def test_there_and_back_do_not_lose_the_same_and_a_seed_loses_it_again() -> None:
    def lost(way: Way) -> list[bool]:
        return [not way.link.send(number, 100) for number in range(500)]

    shape = Shape(loss=Loss(0.1))
    there, back = map(lost, both(shape, 3))
    assert there != back
    assert there == lost(both(shape, 3)[0]) != lost(both(shape, 4)[0])
