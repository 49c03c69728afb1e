"""Environments with the packages of tests, below .rankgate: made once, and again where what they are made from changes."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIMIT = 600  # seconds for one step
ONE_AT_A_TIME = threading.Lock()


class NotInstalled(Exception):
    """Packages can't be had: no network, no npm, a Python that is too old."""


def home(name):
    """The folder of a test's environments."""
    return ROOT / ".rankgate" / name


def python(folder, name, requirements):
    """A Python with the packages of a file, as an environment of that name in a folder."""
    made_from = requirements.read_bytes() + sys.version.encode()
    return _environment(folder / name, made_from, lambda new, log: _install_python(new, requirements, log)) / "bin" / "python"


def node(folder, name, sources):
    """A folder with these files, package.json and package-lock.json among them, and the packages that those name."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise NotInstalled("node and npm are missing (Debian and Ubuntu: apt-get install nodejs npm)")
    made_from = b"".join(source.read_bytes() for source in sources) + _version("node").encode()
    return _environment(folder / name, made_from, lambda new, log: _install_node(new, sources, log))


def _environment(base, made_from, install):
    """The folder that `install` fills; a half-filled one doesn't count, and older ones of the same name go."""
    folder = base.with_name(f"{base.name}-{hashlib.sha256(made_from).hexdigest()[:12]}")
    done = folder / ".complete"
    if done.exists():
        return folder
    for old in base.parent.glob(f"{base.name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    with open(base.with_name(f"{base.name}.log"), "w") as log:
        install(folder, log)
    done.touch()
    return folder


def _install_python(folder, requirements, log):
    uv, interpreter = _uv(), str(folder / "bin" / "python")
    if uv:
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], log)
        _run([uv, "pip", "install", "--quiet", "--python", interpreter, "-r", str(requirements)], log)
    else:
        _run([sys.executable, "-m", "venv", str(folder)], log)
        _run([*_pip(folder), "-r", str(requirements)], log)


def _uv():
    """A uv: it takes seconds for what takes pip minutes. The installed one, else one of our own, else none."""
    with ONE_AT_A_TIME:
        if found := shutil.which("uv"):
            return found
        requirements = HERE / "requirements-uv.txt"
        try:
            folder = _environment(home("uv") / "uv", requirements.read_bytes() + sys.version.encode(),
                                  lambda new, log: _install_uv(new, requirements, log))
        except NotInstalled:
            return None
        return str(folder / "bin" / "uv")


def _install_uv(folder, requirements, log):
    _run([sys.executable, "-m", "venv", str(folder)], log)
    _run([*_pip(folder), "-r", str(requirements)], log)


def _pip(folder):
    # Most of what comes is never imported: what is gets compiled when it is.
    return [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", "--prefer-binary"]


def _install_node(folder, sources, log):
    for source in sources:
        shutil.copy(source, folder)
    _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], log, cwd=folder)


def _run(command, log, cwd=ROOT):
    shown = " ".join(Path(word).name if os.sep in word else word for word in command)
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=LIMIT)
        trouble = f"ended with status {done.returncode}" if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        trouble = str(error)
    if trouble:
        log.flush()
        tail = Path(log.name).read_text(errors="replace").strip().splitlines()[-8:]
        raise NotInstalled("\n    ".join([f"'{shown}' {trouble}; {Path(log.name).relative_to(ROOT)} ends with:", *tail]))


def _version(program):
    return subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout
