"""fanout.locust_plugin.distributed: outboxes and links, without processes or sockets."""

from __future__ import annotations

import random
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanout.locust_plugin.distributed import _outbox
from fanout.locust_plugin.distributed._clocks import better, offset_of
from fanout.locust_plugin.distributed._link import MOST_RESEND_S, WINDOW, Link
from fanout.locust_plugin.distributed._outbox import Outbox


class Channel:
    """Two links, and a channel between them that loses, repeats and delays messages as `chance` decides."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.is_perfect = False
        self.received: list[int] = []
        self.answered: list[int] = []
        self.now_s = 0.0
        self.on_way: list[tuple[Link, Any]] = []
        self.one = Link(lambda message: self.carry(self.other, message), lambda line: self.answered.append(line["n"]))
        self.other = Link(lambda message: self.carry(self.one, message), lambda line: self.received.append(line["n"]))

    def carry(self, to: Link, message: Any) -> None:
        copies = 1 if self.is_perfect else self.chance.choice([0, 0, 1, 1, 1, 2])
        for _ in range(copies):
            at = len(self.on_way) if self.is_perfect else self.chance.randint(0, len(self.on_way))
            self.on_way.insert(at, (to, message))

    def step(self) -> None:
        self.now_s += 0.3
        for link in (self.one, self.other):
            link.tick(self.now_s)
        for to, message in self.take_on_way():
            to.take(message)

    def take_on_way(self) -> list[tuple[Link, Any]]:
        there, self.on_way = self.on_way, []
        return there

    def close(self) -> None:
        self.one.close()
        self.other.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_each_line_arrives_once_and_in_order_whatever_the_channel_does(chance: random.Random, lines: int) -> None:
    with closing(Channel(chance)) as channel:  # also if hypothesis gives up on an example
        for number in range(lines):
            channel.one.post({"n": number}, is_urgent=chance.random() < 0.5)
            if chance.random() < 0.3:
                channel.other.post({"n": number})
            if chance.random() < 0.5:
                channel.step()
            assert channel.received == list(range(len(channel.received)))
        channel.is_perfect = True
        for _ in range(200):
            channel.step()
        assert channel.received == list(range(lines))
        assert channel.answered == sorted(set(channel.answered))
        assert channel.one.unacknowledged == channel.other.unacknowledged == 0


def test_a_peer_that_is_away_gets_one_batch_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanout.locust_plugin.distributed._link.BATCH_BYTES", 100)
    sent: list[Any] = []
    link = Link(sent.append, lambda _: None)
    for number in range(1000):
        link.post({"n": number})
    assert len(sent) == WINDOW
    for step in range(1, 601):
        link.tick(step / 10)
    assert len(sent) <= WINDOW + 60 / MOST_RESEND_S + 3
    assert all(message["first"] == 0 for message in sent[WINDOW:])
    assert link.unacknowledged == 1000
    link.close()


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"next": -1},
        {"next": "1"},
        {"next": 7},
        {"next": 0, "first": 0},
        {"next": 0, "first": 0, "lines": "text"},
        {"next": 0, "first": 0, "lines": b"nothing\n"},
        {"next": 0, "first": 0, "lines": b"[]\n"},
        {"next": 0, "first": 0, "lines": b"[" * 100_000 + b"\n"},
        {"next": 0, "first": 0, "lines": b"\xff\n"},
    ],
    ids=str,
)
def test_a_message_that_is_none_is_refused(message: Any) -> None:
    link = Link(lambda _: None, lambda _: None)
    with pytest.raises(ValueError):
        link.take(message)
    link.close()


def test_lines_are_read_again_from_the_first_that_is_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outbox, "SEGMENT_BYTES", 30)  # about four lines a file
    outbox = Outbox()
    for number in range(20):
        outbox.append(f"line {number}".encode())

    def rest() -> list[bytes]:
        lines = b""
        while batch := outbox.read(16):
            assert batch.lines.count(b"\n") == batch.count
            lines += batch.lines
        return lines.split(b"\n")[:-1]

    everything = [f"line {number}".encode() for number in range(20)]
    assert rest() == everything
    assert outbox.read(16) is None
    outbox.acknowledge(7)
    outbox.rewind()
    assert rest() == everything[20 - outbox.unacknowledged :]
    assert 13 <= outbox.unacknowledged <= 15
    outbox.acknowledge(20)
    assert outbox.unacknowledged == 0 and rest() == []
    outbox.append(b"x" * 1000)
    assert rest() == [b"x" * 1000]
    outbox.close()


def test_what_does_not_fit_on_the_disk_leaves_no_part_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox()
    outbox.append(b"one")
    file = outbox._last.file
    write = file.write

    class Full:
        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

        def write(self, data: bytes) -> int:
            if len(data) > 3:
                return write(data[:3])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(outbox._last, "file", Full())
    with pytest.raises(OSError, match="No space"):
        outbox.append(b"two and more")
    monkeypatch.undo()
    outbox.append(b"three")
    batch = outbox.read(100)
    assert batch is not None and batch.lines == b"one\nthree\n"
    outbox.close()


def test_an_offset_is_half_of_the_way_there_and_back_and_the_shortest_way_counts() -> None:
    slow, quick = offset_of(100.0, 105.5, 101.0), offset_of(200.0, 205.01, 200.02)
    assert [slow.ahead_ms, slow.error_ms] == pytest.approx([5000, 500])
    assert better(slow, quick) is better(None, quick) is better(quick, slow) is quick
    assert quick.is_off and not offset_of(100.0, 100.06, 100.1).is_off
