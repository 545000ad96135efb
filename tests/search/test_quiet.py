import threading
import time

from autoai4eo.search.quiet import Quiet


def test_who_measures_is_alone_and_who_works_waits(tmp_path):
    steps = []
    measuring = threading.Event()
    stop = threading.Event()

    def work():
        quiet = Quiet(tmp_path)
        with quiet.working():
            while not stop.is_set():
                quiet.give_way()
                steps.append(measuring.is_set())
                time.sleep(0.001)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    measurer = Quiet(tmp_path)
    for _ in range(5):
        with measurer.alone():
            measuring.set()
            time.sleep(0.05)
            measuring.clear()
        before = len(steps)
        while len(steps) < before + 3:  # and then they go on
            time.sleep(0.001)
    stop.set()
    for worker in workers:
        worker.join()
    assert len(steps) > 15 and not any(steps)


def test_a_worker_measures_in_the_middle_of_its_work(tmp_path):
    mine, other = Quiet(tmp_path), Quiet(tmp_path)
    came = []

    def measure():
        with other.alone():
            came.append(time.monotonic())

    with mine.working():
        with mine.alone():
            pass
        waits = threading.Thread(target=measure)
        waits.start()
        time.sleep(0.1)
        assert not came  # mine works again
        while not came:
            mine.give_way()
            time.sleep(0.001)
        waits.join()


def test_giving_way_costs_next_to_nothing(tmp_path):
    quiet = Quiet(tmp_path)
    with quiet.working():
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(1000):
                quiet.give_way()
            times.append((time.perf_counter() - begin) / 1000)
    assert min(times) < 1e-4  # seconds; a batch takes some thousandths
