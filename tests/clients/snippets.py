"""The snippets of docs/clients, as they stand there.

A block in `sh` that begins with `pip install` or `npm install` says what the blocks in Python and JavaScript below it need:
they are run wherever all of that is installed. Each block is a program of its own. Other blocks in `sh` are run by bash.
"""

import re
import subprocess

from processes import ROOT

PAGES = ROOT / "docs" / "clients"
ADDRESS = "http://127.0.0.1:8080"  # where the pages say that the gateway is
FENCED = re.compile(r"^```(python|js|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"(?:pip|npm) install (.+)")
PATIENCE = 60  # seconds


class Snippet:
    """A block of a page, and the packages that it needs."""

    def __init__(self, place, language, code, packages):
        self.place, self.language, self.code, self.packages = place, language, code, packages

    def at(self, url):
        """The code for a gateway at this address."""
        return self.code.replace(ADDRESS, url)

    def fits(self, language, versions):
        """Whether an environment of this language with these packages can run it."""
        installed = {normal(name) for name in versions}
        here = self.language == language and all(normal(package) in installed for package in self.packages)
        return here or self.language == "sh"


def normal(package):
    """A package's name as registries compare it.

    >>> normal("llama_index.Core")
    'llama-index-core'
    """
    return re.sub("[-_.]+", "-", package).lower()


def read_all():
    """Those of all pages. A page without any is a mistake."""
    return [snippet for page in sorted(PAGES.glob("*.md")) for snippet in read(page.name, page.read_text())]


def read(name, text):
    """Those of one page.

    >>> page = "```sh\\npip install cohere\\n```\\n\\n```python\\nprint(1)\\n```\\n```toml\\na = 1\\n```\\n"
    >>> [(snippet.place, snippet.packages, snippet.code) for snippet in read("cohere.md", page)]
    [('docs/clients/cohere.md:5', ['cohere'], 'print(1)\\n')]
    """
    snippets, packages = [], []
    for block in FENCED.finditer(text):
        language, code = block.groups()
        if install := INSTALL.match(code):
            packages = install[1].split()
            continue
        line = text.count("\n", 0, block.start()) + 1
        snippets.append(Snippet(f"docs/clients/{name}:{line}", language, code, packages))
    return snippets


def run_shell(code, environment):
    """What the code prints, or why it failed, as the drivers of clients answer."""
    try:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": {"name": type(error).__name__, "text": str(error)}}
    if done.returncode:
        return {"error": {"name": f"exit status {done.returncode}", "text": done.stderr.strip()[:600]}}
    return {"output": done.stdout}
