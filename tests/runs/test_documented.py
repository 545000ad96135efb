"""docs/run_folder.md names the files of a run, no more and no fewer."""

import re
from pathlib import Path

from autoai4eo.runs import paths, trial_folder

PAGE = Path(__file__).parents[2] / "docs" / "run_folder.md"
#: Files that only an interrupted search leaves.
OWN = {trial_folder.STATE}


def names(module):
    found = [value for name, value in vars(module).items() if name.isupper()]
    return {name for name in found if isinstance(name, str)}


def test_the_page_names_every_file():
    (told,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    expected = (names(paths) | names(trial_folder)) - OWN
    assert {name for name in expected if name not in told} == set()
    of_run = set(re.findall(r"^RUN/([\w.]+)", told, re.MULTILINE))
    assert of_run - names(paths) == set()
