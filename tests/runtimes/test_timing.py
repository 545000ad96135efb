"""When a measurement ends."""

from autoai4eo.runtimes import timing


def passes(monkeypatch, seconds):
    """Runs the timing loop over passes that take the given (pretended) times."""
    clock, times = [0.0], iter(seconds)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def run():
        clock[0] += next(times)

    return run


def test_stops_when_the_median_is_steady(monkeypatch):
    run = passes(monkeypatch, [0.1] * 50)
    assert len(timing.timed(run, deadline=100, at_least_s=0.2)) == 10


def test_goes_on_while_the_median_drifts(monkeypatch):
    run = passes(monkeypatch, [0.1 * 0.9**i for i in range(30)] + [0.01] * 100)
    assert 30 < len(timing.timed(run, deadline=100, at_least_s=0.2)) < 130


def test_stops_when_the_budget_is_spent(monkeypatch):
    run = passes(monkeypatch, [0.1, 0.2] * 4 + [0.4] * 100)
    assert len(timing.timed(run, deadline=1.45, at_least_s=0.2)) == 9
    run = passes(monkeypatch, [5.0] * 50)
    assert len(timing.timed(run, deadline=1.0, at_least_s=0.2)) == 3


def test_a_late_start_still_times_its_share(monkeypatch):
    run = passes(monkeypatch, [0.01] * 200)
    assert 30 <= len(timing.timed(run, deadline=0.0, at_least_s=0.3)) <= 32


def test_the_spread_is_that_of_the_medians_of_five_parts(monkeypatch):
    steady = timing.time_passes(passes(monkeypatch, [0.1] * 50), 100, 0.2)
    assert steady.spread_ms < 1e-6 and round(steady.median_ms) == 100
    drifting = [0.1] * 3 + [0.1 + 0.001 * (i // 4) for i in range(20)] + [0.1] * 100
    found = timing.time_passes(passes(monkeypatch, drifting), 2.0, 2.0)
    assert 1.9 < found.spread_ms < 2.1
