from __future__ import annotations

from dataclasses import dataclass

import pytest

from fanout.web.buckets import Buckets


@dataclass
class Count:
    count: int = 0

    def merge(self, later: Count) -> None:
        self.count += later.count


def test_there_is_a_bucket_for_each_interval_without_gaps() -> None:
    buckets = Buckets(Count, 10, 1.0)
    for elapsed_s in (0.0, 0.9, 3.0, 3.5):
        buckets.at(elapsed_s).count += 1
    assert [each.count for each in buckets.all] == [2, 0, 0, 2]
    assert (buckets.width_s, buckets.merges) == (1.0, 0)


def test_a_time_is_shared_among_the_buckets_that_it_is_in() -> None:
    buckets = Buckets(Count, 10, 1.0)
    shares = [share for _, share in buckets.over(0.5, 3.0)]
    assert shares == pytest.approx([0.2, 0.4, 0.4, 0.0])
    assert [share for _, share in buckets.over(3.2, 3.2)] == [1.0]
    assert [bucket for bucket, _ in buckets.over(1.1, 3.5)] == buckets.all[1:]


def test_an_hour_takes_no_more_buckets_than_ten_minutes() -> None:
    buckets = Buckets(Count, 600, 1.0)
    for second in range(3600):
        buckets.at(second + 0.5).count += 1
        assert len(buckets.all) <= 600
    assert (buckets.width_s, buckets.merges) == (8.0, 3)
    assert {each.count for each in buckets.all} == {8}


def test_a_long_silence_merges_as_often_as_it_must() -> None:
    buckets = Buckets(Count, 4, 1.0)
    buckets.at(0.0).count += 1
    buckets.at(3.0).count += 1
    buckets.at(100.0).count += 1
    assert buckets.width_s == 32.0
    assert [each.count for each in buckets.all] == [2, 0, 0, 1]
