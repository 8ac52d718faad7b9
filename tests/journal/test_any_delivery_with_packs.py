"""The same as any delivery, while readings are packed in between."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from fieldstation.batch import decode
from fieldstation.batch.packed import encode_packed
from fieldstation.journal.packs import Sizes

from .conftest import LAYOUT
from .test_any_delivery import SINK, Delivery


class PackedDelivery(Delivery):
    """Packs of one to five readings."""

    @rule(loose=st.integers(0, 6), again=st.booleans())
    def pack(self, loose: int, again: bool) -> None:
        before = self.journal.after(0, 10_000)
        while self.journal.pack([SINK], loose, Sizes(1, 5)) and again:
            pass
        assert self.journal.after(0, 10_000) == before
        assert self.journal.recent(10_000) == before[::-1]

    @precondition(lambda self: self.sealed is None)
    @rule(most=st.integers(1, 12), fresh=st.booleans())
    def seal_as_it_is(self, most: int, fresh: bool) -> None:
        first = self.journal.seal(SINK, most, fresh=fresh, packed=True)
        if first is None:
            return
        self.sealed = self.journal.seal(SINK, 1)
        assert self.sealed is not None
        kept = first.kept
        if first.packed is not None:
            kept = decode(encode_packed(first.packed), {LAYOUT.id: LAYOUT}).readings
            assert first.count <= most
        assert kept == self.sealed.kept
        assert not {one.sequence for one in kept} & self.told

    @rule()
    def the_ledger_adds_up(self) -> None:
        rows = self.journal.ledger(SINK, 0, 99_999)
        assert all(row.adds_up for row in rows)
        assert sum(row.stored for row in rows) == len(self.owner)
        assert sum(row.waiting for row in rows) == len(self.owner) - len(self.told)


PackedDelivery.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)  # fmt: skip
TestPackedDelivery = PackedDelivery.TestCase
