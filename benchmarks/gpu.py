"""What the package does on a GPU, on JAX and without a network.

    sh benchmarks/gpu_wheels.sh WHEELS          # where there is a network
    PYTHONPATH=SITE:. python benchmarks/gpu.py DATA --out OUT --quick

Parts: `costs` (20 random networks: latency at batch 1 and 64, float32 and mixed,
memory, energy), `again` (some of them in another process), `checks` (whether such
latencies can be true), `map` (a scene of 10,980 px), `search` (two workers on one GPU)
and `parallel` (one network on several GPUs). Each part is a process with a limit of its
own, which ends it. Its rows are in OUT/PART.json and on the page of all parts,
OUT/gpu.md, as soon as they are measured; what it prints is in OUT/gpu.log. What a part
does not need of its time goes to the next.

DATA is a folder with training.h5, validation.h5 and testing.h5 (`so2sat_layout`).
`--quick` ends within ten minutes; `--tiny --allow-cpu` tries the script without a GPU.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu_parts import page

#: Shares of the whole time. `parallel` comes first, as it is over at once on one GPU.
PARTS = {
    "parallel": 0.06,
    "costs": 0.33,
    "again": 0.13,
    "checks": 0.11,
    "map": 0.15,
    "search": 0.22,
}
MINUTES = {"full": 40.0, "quick": 9.0, "tiny": 9.0}
#: Of a part's limit; then it begins no further row.
SOFT = 0.85
#: Exit status of a part that will not run here, nor will the others.
REFUSED = 2


def run_part(name: str, given: argparse.Namespace, size: str) -> None:
    """Runs one part in this process."""
    from gpu_parts.asked import Asked
    from gpu_parts.checks import checks
    from gpu_parts.costs import again, costs
    from gpu_parts.mapping import dense_map
    from gpu_parts.parallel import parallel
    from gpu_parts.searching import search

    from autoai4eo.networks.device import device_name

    if device_name().startswith("CPU") and not given.allow_cpu:
        print(
            f"error: expected a GPU that JAX can use, found {device_name()}; install "
            "jax[cuda13], or try the script with --tiny --allow-cpu"
        )
        sys.exit(REFUSED)
    parts = dict(
        zip(PARTS, (parallel, costs, again, checks, dense_map, search), strict=True)
    )
    end = time.monotonic() + SOFT * given.seconds
    parts[name](Asked(given.data, given.out, given.work, end, size))


def supervise(
    name: str, seconds: float, arguments: list[str], out: Path
) -> tuple[int | None, str]:
    """Runs a part in a process of its own.

    Returns:
        Its exit status, None where it was cut; and how it ended, in words.
    """
    command = [sys.executable, __file__, *arguments]
    command += ["--part", name, "--seconds", str(seconds)]
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        # several processes share the card
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONUNBUFFERED": "1",
    }
    if platforms := environment.get("JAX_PLATFORMS"):
        # a network on the card is compared with the same on the processor
        environment["JAX_PLATFORMS"] = f"{platforms},cpu"
    begin = time.monotonic()
    with (
        # removed here, since a part that is cut removes nothing
        tempfile.TemporaryDirectory(
            prefix="autoai4eo-gpu-", ignore_cleanup_errors=True
        ) as work,
        open(out / "gpu.log", "a+", encoding="utf-8", errors="replace") as log,
    ):
        log.write(f"--- {name}\n")
        log.flush()
        before = log.tell()
        part = subprocess.Popen(
            [*command, "--work", work],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        code = None
        try:
            code = part.wait(timeout=seconds)
            end = "done" if code == 0 else f"failed with exit status {code}"
        except subprocess.TimeoutExpired:
            end = "cut at its limit"
        finally:
            if part.poll() is None:
                os.killpg(part.pid, signal.SIGKILL)  # its workers, too
                part.wait()
        log.seek(before)
        last = log.read().strip().splitlines()[-1:]
    spent = time.monotonic() - begin
    ended = f"{end} after {spent:.0f} s of at most {seconds:.0f} s"
    return code, ended if code == 0 else f"{ended} ({''.join(last)})"


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="within ten minutes")
    parser.add_argument("--tiny", action="store_true", help="to try the script")
    parser.add_argument("--allow-cpu", action="store_true")
    parser.add_argument("--minutes", type=float, help="for all parts")
    parser.add_argument("--parts", default=",".join(PARTS), help="these only")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    size = "tiny" if given.tiny else "quick" if given.quick else "full"
    if given.part:
        return run_part(given.part, given, size)
    chosen = given.parts.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"--parts: expected {','.join(PARTS)}, got {','.join(unknown)}")
    if not (given.data / "training.h5").is_file():
        parser.error(f"{given.data}: expected a folder with training.h5, found none")
    given.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * (given.minutes or MINUTES[size])
    for old in ("gpu.md", "gpu.log", *(f"{name}.json" for name in PARTS)):
        (given.out / old).unlink(missing_ok=True)
    failed = False
    for place, name in enumerate(chosen):
        share = PARTS[name] / sum(PARTS[n] for n in chosen[place:])
        seconds = share * (end - time.monotonic())
        code, ended = supervise(name, seconds, sys.argv[1:], given.out)
        if code == REFUSED:
            print(f"{name}: {ended}", file=sys.stderr)
            sys.exit(REFUSED)
        failed |= code != 0
        print(f"{name}: {ended}", flush=True)
        content = {**page.read(given.out, name), "ended": ended}
        page.write(given.out, name, content, tuple(PARTS))
    print((given.out / page.PAGE).read_text("utf-8"))
    return sys.exit(1) if failed else None


if __name__ == "__main__":
    main()
