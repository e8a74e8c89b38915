"""A journal that is made longer holds real entries of other objects, about the same people."""

from itertools import islice

from benchmarks.consultation.timeline import copies

OLD = b"01" + b"A" * 24
NEW = [b"01B%d" % number + b"B" * 22 for number in range(3)]
RECORDS = [b'[{"id":"%s","object":"consultation:%s","actor":"%s"}]' % (NEW[0], NEW[1], OLD), b'[{"id":"%s"}]' % NEW[2]]


def test_copies_differ_in_what_is_new_and_in_nothing_else() -> None:
    made = list(islice(copies(RECORDS, b"01B"), 40))
    assert all(len(records) == len(RECORDS) for records in made)
    assert len({record for records in made for record in records}) == 40 * len(RECORDS)
    for records in made:
        assert [len(record) for record in records] == [len(record) for record in RECORDS]
        assert OLD in records[0]
        assert not any(new in record for new in NEW for record in records)
