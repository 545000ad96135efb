"""Servers for tests: in a thread of this process, and in a process of their own."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from autoai4eo.devices.isolation import Measurer
from autoai4eo.devices.server import Device, DeviceServer
from autoai4eo.files.scratch import scratch_folder

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "a-token-of-the-tests-0123456789"


@contextmanager
def in_thread(runtime="onnx", *, tell=lambda text: None, max_bytes=2**24, **limits):
    """A server in this process; networks are measured in processes of their own."""
    device = Device(Measurer(runtime, threads=1, **limits), TOKEN, max_bytes)
    with (
        scratch_folder() as folder,
        DeviceServer(("127.0.0.1", 0), device, folder, tell) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def url_of(server):
    return f"http://127.0.0.1:{server.server_port}"


class Served:
    """``autoai4eo device serve`` in a process, which can be killed and started again.

    The port stays the same, as that of a device does.
    """

    def __init__(self, folder, *options):
        self._options = ["--threads", "1", *options]
        self._file = Path(folder, "token")
        self._file.write_text(TOKEN)
        self.port, self.process, self.lines = 0, None, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-P", "-m", "autoai4eo", "device", "serve"]
        command += ["--port", self.port, "--token-file", self._file, *self._options]
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for line in self.process.stdout:
            self.lines.append(line)
            if "serving on" in line:
                self.port = int(line.rpartition(":")[2])
                break
        else:
            raise AssertionError("".join(self.lines))
        threading.Thread(target=self._read, args=(self.process,)).start()
        return self

    def _read(self, process):
        with process.stdout:
            self.lines.extend(process.stdout)

    def stop(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        return self.process.wait(30)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
