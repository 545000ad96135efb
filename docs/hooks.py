"""Pages of the site that are not files in docs: the commands, and files of the top."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
#: Files of the repository that are pages of the site.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "README.md": "index.md",
}
#: Links to other files of the repository are shown as names, which a site cannot open.
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def commands() -> str:
    """Returns the page of all commands, as Typer writes it."""
    call = [sys.executable, "-m", "typer", "autoai4eo.cli.main", "utils", "docs"]
    done = subprocess.run(
        [*call, "--name", "autoai4eo", "--title", "Commands"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def linked(text: str, folder: Path) -> str:
    """Leads links between files of the repository to pages of the site.

    Args:
        text: a page in Markdown.
        folder: of its file.
    """

    def page(found: re.Match[str]) -> str:
        words, link, anchor = found[1], found[2], found[3] or ""
        path = (folder / link).resolve()
        if not path.is_relative_to(ROOT):
            return found[0]
        name = path.relative_to(ROOT).as_posix()
        if name in PAGES:
            return f"[{words}]({PAGES[name]}{anchor})"
        if name.startswith("docs/") and path.exists():
            return f"[{words}]({name.removeprefix('docs/')}{anchor})"
        return words if path.exists() else found[0]

    return LINK.sub(page, text)


def examples() -> str:
    """Returns the page of all examples: what each does, its code, what it printed."""
    parts = [
        "# Examples",
        "Scripts in the folder `examples`; the tests run them on small data. What is "
        "printed here they printed on the data of the command above it, on 2 cores.",
    ]
    for path in sorted((ROOT / "examples").glob("*.py")):
        code = path.read_text("utf-8")
        title, _, told = (ast.get_docstring(ast.parse(code)) or "").partition("\n")
        below = code.split('"""\n', 2)[-1].strip()
        printed = (ROOT / "docs" / "printed" / f"{path.stem}.txt").read_text("utf-8")
        parts += [f"## {title.rstrip('.')}", f"`examples/{path.name}`", told.strip()]
        parts += [fenced("python", below), fenced("console", printed)]
    return "\n\n".join([*parts, *notebook(ROOT / "examples" / "so2sat.ipynb")]) + "\n"


def notebook(path: Path) -> list[str]:
    """Returns a notebook's cells with the outputs that it was committed with."""
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source.replace("# ", "## ", 1))
            continue
        parts.append(fenced("python", cell.source))
        for output in cell.outputs:
            text = output.get("text") or output["data"]["text/plain"]
            parts.append(fenced("text", text))
    return parts


def fenced(language: str, text: str) -> str:
    """Returns a block of code."""
    return f"```{language}\n{text.strip()}\n```"


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made."""
    files.append(File.generated(config, "commands.md", content=commands()))
    files.append(File.generated(config, "examples.md", content=examples()))
    for name, page in PAGES.items():
        if page != "index.md":
            text = linked((ROOT / name).read_text("utf-8"), (ROOT / name).parent)
            files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leads the links of a page in docs to pages of the site."""
    if page.file.generated_by:
        return markdown
    return linked(markdown, ROOT / "docs")
