"""TensorFlow's start-up lines appear nowhere; whatever else it writes does."""

import logging
import os
import subprocess
import sys
import textwrap
import warnings

import pytest

from autoai4eo import quiet

#: As TensorFlow 2.21 writes on a machine without a GPU.
START = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795787164.281897   20386 port.cc:153] oneDNN custom operations are on.
I0000 00:00:1795787164.282213   20386 cudart_stub.cc:31] Could not find cuda drivers
2026-11-27 13:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN is on.
To enable the following instructions: AVX2, in other operations, rebuild TensorFlow
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
fully_quantize: 0, inference_type: 6, input_inference_type: FLOAT32
"""
NEWS = """\
W0000 00:00:1795787164.282213   20386 gpu.cc:31] the driver is too old
E0000 00:00:1795787164.282213   20386 gpu.cc:31] out of memory
OMP: Error #15: a library was loaded twice
"""


@pytest.fixture
def tensorflow(tmp_path):
    """Imports a package in TensorFlow's place after ours; returns what it writes."""

    def imported(text, then="pass", first="import autoai4eo", **environment):
        package = tmp_path / "tensorflow"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(
            f"import os\nos.write(2, {text!r})\n{then}"
        )
        known = {n: v for n, v in os.environ.items() if n != "TF_CPP_MIN_LOG_LEVEL"}
        path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        return subprocess.run(
            [
                *(sys.executable, "-c"),
                textwrap.dedent(f"""
                    {first}
                    import os, tensorflow
                    print(tensorflow.__spec__.name, os.environ["TF_CPP_MIN_LOG_LEVEL"])
                    os.write(2, b"later")
                """),
            ],
            env={**known, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return imported


def test_the_start_is_silent_and_news_are_not(tensorflow):
    done = tensorflow((START + NEWS).encode())
    assert done.stderr == NEWS + "later"
    assert done.stdout in ("tensorflow 3\n", "tensorflow 2\n")  # 2: with a GPU's driver


def test_an_import_that_fails_shows_why(tensorflow):
    done = tensorflow((START + NEWS).encode(), "raise ImportError('no library')")
    assert done.returncode == 1
    assert done.stderr.startswith(NEWS) and "no library" in done.stderr
    assert "oneDNN" not in done.stderr


def test_who_wants_every_line_gets_it(tensorflow):
    done = tensorflow(START.encode(), TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr == START + "later" and done.stdout == "tensorflow 0\n"


def test_who_imports_tensorflow_first_is_not_disturbed(tensorflow):
    first = "import tensorflow, autoai4eo"
    assert tensorflow(b"mine\n", first=first).stderr == "mine\nlater"


def test_tensorflow_itself_says_nothing():
    """Users rely on: the first cell of a notebook has no red wall of text."""
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import autoai4eo as ae, sys; ae.ImageClassifier(); names = [*sys.modules];"
            # else skops takes seconds to be imported
            "assert names.index('scipy.special') < names.index('tensorflow.python')",
        ],
        env={n: v for n, v in os.environ.items() if n != "TF_CPP_MIN_LOG_LEVEL"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == done.stdout == ""


def test_many_networks_are_warned_of_only_where_the_user_calls_them(caplog):
    """Ours are called once each: `ensemble` prints no advice that nobody can follow."""
    warn = (
        "log.warning('5 out of the last 6 calls %s triggered tf.function retracing', f)"
    )
    quiet._hide_retracing()
    log = logging.getLogger("tensorflow")
    log.addHandler(caplog.handler)
    caplog.set_level(logging.WARNING, "tensorflow")  # commands raise it
    try:
        for caller in ("autoai4eo.tasks", "autoai4eo_like", "notebook"):
            exec(warn, {"__name__": caller, "log": log, "f": caller})
        exec("log.warning('other')", {"__name__": "autoai4eo.tasks", "log": log})
    finally:
        log.removeHandler(caplog.handler)
    found = dict.fromkeys(record.getMessage() for record in caplog.records)
    told = [f"5 out of the last 6 calls {n} " for n in ("autoai4eo_like", "notebook")]
    told = [f"{text}triggered tf.function retracing" for text in told]
    assert [*found] == [*told, "other"]


def test_notebooks_without_widgets_are_not_warned_of_a_progress_bar(recwarn):
    """Optuna imports one, which no search shows."""
    quiet.hide_start()
    warnings.warn("IProgress not found. Please update jupyter", stacklevel=1)
    assert not recwarn
