"""The project's own files."""

import functools
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", "build", "var", "__pycache__", ".pytest_cache", ".cache", ".venv", "node_modules"}
PRODUCT = ("base", "crypto", "hsm", "schema", "api", "daemon", "cli")


@functools.cache
def all_files():
    """Paths relative to the root."""
    found = []
    for directory, names, files in os.walk(ROOT):
        names[:] = sorted(name for name in names if name not in NOT_OURS)
        found += [(Path(directory) / file).relative_to(ROOT) for file in sorted(files)]
    return found


def product_code():
    return [path for path in all_files() if path.parts[0] in PRODUCT and path.suffix in (".h", ".cc")]


def code():
    return [path for path in all_files() if path.suffix in (".h", ".cc")]


def read(path):
    return (ROOT / path).read_text(errors="replace")


@functools.cache
def without_comments(path):
    """The code's text; comments and the contents of string literals are blanked, line numbers stay."""
    pattern = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*(?:.|\n)*?\*/')
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), read(path))


def lines_matching(path, pattern, text=None):
    text = without_comments(path) if text is None else text
    return [f"{path}:{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
            if re.search(pattern, line)]


def report(findings):
    """For assertions: the findings, one a line."""
    return "\n" + "\n".join(findings)
