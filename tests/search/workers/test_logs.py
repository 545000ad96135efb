"""The logs of workers, of however many commands that share a run."""

import subprocess
import sys
import textwrap

from autoai4eo.search.workers.logs import last_line, open_log


def test_no_two_workers_write_to_one_log(tmp_path):
    """Users rely on: the log of a worker on one machine is not mixed with another's."""
    elsewhere = """
        import sys
        from pathlib import Path
        from autoai4eo.search.workers.logs import open_log
        logs = [open_log(Path(sys.argv[1]), number) for number in (1, 2)]
        print(*(Path(log.name).name for log in logs), flush=True)
        sys.stdin.read()
    """
    with open_log(tmp_path, 1) as mine:
        assert mine.name == str(tmp_path / "workers" / "1.log")
        other = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(elsewhere), tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout.readline() == "2.log 3.log\n"
    with open_log(tmp_path, 1) as again, open_log(tmp_path, 2) as next_free:
        assert again.name.endswith("1.log") and next_free.name.endswith("4.log")
    other.communicate()
    with open_log(tmp_path, 2) as free:
        assert free.name.endswith("2.log")


def test_a_log_is_gone_on_with_and_its_last_line_is_the_reason_of_a_death(tmp_path):
    for line in (b"first\n", b"Killed\n\n"):
        with open_log(tmp_path, 1) as log:
            log.write(line)
    path = tmp_path / "workers" / "1.log"
    assert path.read_bytes() == b"first\nKilled\n\n" and last_line(path) == "Killed"
