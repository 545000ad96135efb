"""``autoai4eo device serve``: measures networks for a search on another machine.

Runs where this package is installed without its dependencies: see `autoai4eo.devices`.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from autoai4eo.callers import called_from_shell
from autoai4eo.devices.isolation import Measurer
from autoai4eo.devices.server import Device, DeviceServer
from autoai4eo.devices.tokens import MAKE, TOKEN, new_token, read_token
from autoai4eo.errors import UserError
from autoai4eo.files.scratch import scratch_folder
from autoai4eo.runtimes import RUNTIMES, FileRuntime
from autoai4eo.text import line

#: Runtimes whose files a device takes.
SERVED = ("onnx", "litert")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MIB = 2**20


def main(arguments: Sequence[str]) -> int:
    """Serves until it is interrupted; the exit status is as of every command.

    Args:
        arguments: what follows ``autoai4eo device serve``.
    """
    try:
        _serve(_options().parse_args(arguments))
    except UserError as error:
        print(line(f"error: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        _say("the server has ended")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="autoai4eo device serve",
        description="Measure networks here for a search on another machine. Needs "
        "Python, NumPy and one runtime.",
        epilog="Example: autoai4eo device serve --runtime litert --threads 2",
    )
    add = parser.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s)",
    )
    add("--port", type=int, default=8642, help="0: a free one (default: %(default)s)")
    add(
        "--token-file",
        type=Path,
        help="file with the token of requests (default: a new one, printed once)",
    )
    add("--runtime", choices=SERVED, default="onnx", help="default: %(default)s")
    add("--threads", type=int, help="of the runtime (default: one for each core)")
    add("--max-mib", type=int, default=256, help="size of a network (default: 256)")
    add(
        "--memory-mib",
        type=int,
        default=2048,
        help="address space for measuring a network (default: %(default)s)",
    )
    return parser


class _Parser(argparse.ArgumentParser):
    """Tells a wrong call in one line, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        raise UserError(
            f"{self.prog}: expected its options and their values, found {message}; "
            f"see {self.prog} --help"
        )


def _serve(options: argparse.Namespace) -> None:
    for name in ("threads", "max_mib", "memory_mib"):
        number = getattr(options, name)
        if number is not None and number < 1:
            option = name.replace("_", "-")
            raise UserError(f"--{option}: expected 1 or more, got {number}")
    if not 0 <= options.port < 2**16:
        raise UserError(f"--port: expected 0 to 65535, got {options.port}")
    runtime = RUNTIMES[options.runtime]
    assert isinstance(runtime, FileRuntime)
    runtime.check_can_run()
    file = options.token_file
    token = read_token(file, advice=MAKE) if file else new_token()
    measurer = Measurer(options.runtime, options.threads, options.memory_mib * _MIB)
    device = Device(measurer, token, options.max_mib * _MIB)
    with scratch_folder() as folder:
        try:
            _listen(options, device, folder)
        finally:
            measurer.end()


def _listen(options: argparse.Namespace, device: Device, folder: Path) -> None:
    try:
        server = DeviceServer((options.host, options.port), device, folder, _say)
    except OSError as error:
        raise UserError(
            f"--host {options.host} --port {options.port}: expected an address of this "
            f"machine that is free, found {error.strerror or error}; choose another"
        ) from error
    with server:
        about = device.about()
        _say(
            f"{about['runtime']} {about['runtime_version']} with {about['threads']} "
            f"threads on {about['device']}"
        )
        if options.host not in _LOOPBACK:
            _say(
                "warning: listens beyond this machine, where others can read the token "
                "and the networks; an SSH tunnel to 127.0.0.1 keeps them private"
            )
        if options.token_file is None:
            print(f"{TOKEN}={device.token}", flush=True)
        host = f"[{options.host}]" if ":" in options.host else options.host
        _say(f"serving on http://{host}:{server.server_port}")
        signal.signal(signal.SIGTERM, _interrupt)
        server.serve_forever()


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads it
        print(f"{time.strftime('%H:%M:%S')}   {line(text)}", flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def run() -> NoReturn:
    """Serves as a command of its own, without the rest of the command line."""
    with called_from_shell():
        sys.exit(main(sys.argv[3:]))
