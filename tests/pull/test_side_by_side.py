"""Readers on threads: order, errors, early ends, and how much waits."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from listrak_source.pull.extract.parallel import side_by_side


def ours() -> list[threading.Thread]:
    return [
        thread for thread in threading.enumerate() if thread.name.startswith("listrak_") or thread.name == "listrak"
    ]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert ends(lambda: threading.active_count() <= before)


def ends(what: Callable[[], bool]) -> bool:
    """Whether it is so within five seconds."""
    until = time.monotonic() + 5
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    return what()


def counting(name: str, count: int) -> Callable[[], Iterator[tuple[str, int]]]:
    return lambda: iter([(name, number) for number in range(count)])


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_everything_arrives_and_each_reader_keeps_its_order(workers: int) -> None:
    found = list(side_by_side([counting(name, 50) for name in "abcdefgh"], workers))
    assert len(found) == 8 * 50
    for name in "abcdefgh":
        assert [number for who, number in found if who == name] == list(range(50))


def test_no_readers_and_empty_readers() -> None:
    assert list(side_by_side([], 4)) == []
    assert list(side_by_side([counting("a", 0), counting("b", 1)], 4)) == [("b", 0)]


def test_first_error_is_raised_and_stops_the_rest() -> None:
    read: list[int] = []

    def endless() -> Iterator[int]:
        for number in range(1_000_000):
            read.append(number)
            yield number

    def failing() -> Iterator[int]:
        yield -1
        raise LookupError("the first")

    with pytest.raises(LookupError, match="the first"):
        for _ in side_by_side([endless, failing, endless], 2):
            pass
    after = len(read)
    time.sleep(0.05)
    assert len(read) == after < 1_000_000


def test_an_interrupt_while_the_readers_begin_ends_them_too() -> None:
    """13.C18: before, the workers waited to hand over, the interrupted thread waited for them, and nothing ended."""

    def readers() -> Iterator[Callable[[], Iterator[tuple[str, int]]]]:
        for name in "abcdefgh":
            yield counting(name, 50)
        time.sleep(0.05)  # all have begun
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(side_by_side(readers(), 4))


def test_error_before_the_first_item_is_raised_too() -> None:
    def broken() -> Iterator[int]:
        raise LookupError("at once")

    with pytest.raises(LookupError, match="at once"):
        list(side_by_side([broken], 1))


def test_readers_not_begun_are_never_begun_after_an_error() -> None:
    begun = []

    def failing() -> Iterator[int]:
        raise LookupError("stop")
        yield 0

    def later() -> Iterator[int]:
        begun.append(1)
        time.sleep(0.01)
        yield 1

    with pytest.raises(LookupError):
        list(side_by_side([failing, *[later] * 200], 1))
    assert len(begun) < 200


def test_closing_early_stops_the_readers_and_closes_them() -> None:
    closed = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(1)

    results = side_by_side([endless] * 3, 3)
    assert next(results) == 1
    results.close()  # type: ignore[attr-defined]
    assert ends(lambda: not ours())
    assert len(closed) == 3


def test_closing_waits_for_no_reader() -> None:
    """Seen: the garbage collector closed an abandoned pull inside of a thread that was just being started, which held
    the lock that the end of any other thread takes. Neither thread ended.
    """
    asked, answers = threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        asked.set()
        answers.wait(10)
        yield 2

    results = side_by_side([slow], 1)
    assert next(results) == 1
    assert asked.wait(5)
    results.close()  # type: ignore[attr-defined]
    assert ours(), "it still waits for its answer"
    answers.set()
    assert ends(lambda: not ours())


@pytest.mark.parametrize("where", ["a program", "a thread"])
def test_who_keeps_what_is_left_to_the_end_ends(where: str) -> None:
    """Seen: a program took the first load of a pull, kept the rest, and never ended."""
    take = "kept = side_by_side([lambda: iter(range(1_000_000))] * 3, 3); next(kept); print('at its end')"
    if where == "a thread":
        take = f"def take(): {take}; kept_too.append(kept)\nkept_too = []\nthreading.Thread(target=take).start()"
    program = f"import threading\nfrom listrak_source.pull.extract.parallel import side_by_side\n{take}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "at its end\n", "")


def test_a_slow_consumer_holds_the_readers_back() -> None:
    made = []

    def quick() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    results = side_by_side([quick] * 4, 4)
    next(results)
    time.sleep(0.15)
    assert len(made) <= 30, "a few per worker wait, whatever there is to read"
    results.close()  # type: ignore[attr-defined]


def test_never_more_than_workers_at_once() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def busy() -> Iterator[int]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        yield 1
        with lock:
            running -= 1

    assert sum(side_by_side([busy] * 20, 3)) == 20
    assert most == 3


def test_readers_do_run_side_by_side() -> None:
    meet = threading.Barrier(4, timeout=5)

    def waits() -> Iterator[int]:
        yield meet.wait()

    assert sorted(side_by_side([waits] * 4, 4)) == [0, 1, 2, 3]
