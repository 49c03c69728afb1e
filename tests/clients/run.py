#!/usr/bin/env python3
"""Official clients, unmodified, against the real program: what each gets and what it raises.

`make test-clients` builds the program and runs this. It installs the clients below .rankgate/clients (once), starts
gateways and a simulated model, asks through every client, and prints a table. What the cells must be stands in
expected.py. Then it runs the snippets of docs/clients in the same environments. Exit status: 0 all cells and snippets are
right; 1 one isn't, or something didn't start; where packages can't be fetched, 1 in CI (where the environment has CI) and
otherwise 0, with a line that says so.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))

import installs
import judge
import snippets
from expected import BEST, CELLS, CLIENTS, IDS, NEVER, QUERY, RIGHT, TEXTS
from gateways import Gateways, More
from processes import DATA, ROOT, Failed, program

HOME = installs.home("clients")


def python(name):
    """The command that asks through the packages of requirements-NAME.txt."""
    interpreter = installs.python(HOME, name, HERE / f"requirements-{name}.txt")
    return [str(interpreter), str(HERE / "python_clients.py")]


def node():
    """The same in JavaScript."""
    sources = [HERE / name for name in ("package.json", "package-lock.json", "node_clients.mjs")]
    return ["node", str(installs.node(HOME, "node", sources) / "node_clients.mjs")]


ENVIRONMENTS = {"cohere5": lambda: python("cohere5"), "cohere7": lambda: python("cohere7"), "node": node}
PATIENCE = 120  # seconds for one answer: the first one imports the client
BEGIN, END = "<!-- made by tests/clients/run.py --write-docs -->\n", "<!-- end -->\n"
DOCS = ROOT / "docs" / "clients" / "README.md"


class Driver:
    """A process that asks through clients."""

    def __init__(self, name, command):
        self.name, self.lines = name, queue.Queue()
        self.log = open(HOME / f"{name}.run.log", "w")
        self.child = subprocess.Popen(command, env=surroundings(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.log, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        self.versions = self._answer()["versions"]

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def ask(self, **question):
        self.child.stdin.write(json.dumps(question) + "\n")
        self.child.stdin.flush()
        return self._answer()

    def _answer(self):
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise Failed(f"{self.name}: no answer for {PATIENCE} seconds") from None
        if line is None:
            raise Failed(f"{self.name} ended; see {Path(self.log.name).relative_to(ROOT)}")
        return json.loads(line)

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.log.close()


def surroundings():
    """An environment without anyone's keys, proxies or settings, in which clients phone nobody."""
    home = HOME / "home"
    home.mkdir(parents=True, exist_ok=True)
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    quiet = {"HAYSTACK_TELEMETRY_ENABLED": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1",
             "AI_SDK_LOG_WARNINGS": "false", "PYTHONUTF8": "1"}
    return {**kept, **quiet, "HOME": str(home)}


class Group:
    """The clients of one environment, with gateways of their own, so that every request that is counted is theirs."""

    def __init__(self, name, command, program, folder):
        self.name, self.command, self.program = name, command, program
        self.folder = Path(folder) / name
        self.folder.mkdir()

    def run(self, documents, pages):
        """The rows of the table: the client, its version, and a text or a judge.Wrong for each cell. And the same of each
        snippet that fits: the snippet, this environment's name, and a text or a judge.Wrong.
        """
        with Gateways(self.program, self.folder, More(QUERY, TEXTS, BEST)) as self.gateways:
            self.documents, self.classical = documents, classical_order(self.gateways.down, documents, RIGHT)
            classical_order(self.gateways.down, TEXTS, BEST)
            self.driver = Driver(self.name, self.command)
            try:
                clients = [client for client in CLIENTS if client.environment == self.name]
                rows = [(client, self.driver.versions[client.package], self.row(client)) for client in clients]
                language = "js" if self.name == "node" else "python"
                fitting = [snippet for snippet in pages if snippet.fits(language, self.driver.versions)]
                return rows, [(snippet, self.name, self.result(snippet)) for snippet in fitting]
            finally:
                self.driver.stop()

    def result(self, snippet):
        """What a snippet prints, asking the gateway that works."""
        gateway, before = self.gateways.up, self.gateways.up.counted()
        code = snippet.at(gateway.url)
        if snippet.language == "sh":
            reply = snippets.run_shell(code, surroundings())
        else:
            reply = self.driver.ask(snippet=code, query=QUERY, texts=TEXTS)
        if "error" in reply:
            return judge.Wrong(f"{reply['error']['name']}: {reply['error']['text']}")
        counted = collections.Counter()
        for (_, *words), requests in (gateway.counted() - before).items():
            counted[tuple(words)] += requests
        try:
            return judge.snippet(snippet.code, reply["output"], dict(counted))
        except judge.Wrong as wrong:
            return wrong

    def row(self, client):
        return {cell: self.cell(client, cell) for cell in CELLS}

    def cell(self, client, cell):
        try:
            if cell == "success":
                return self.succeeds(client)
            if cell == "LLM down":
                reply, counted = self.ask(client, self.gateways.down)
                return judge.llm_down(reply, counted, self.classical)
            return self.fails(client, cell)
        except judge.Wrong as wrong:
            return wrong

    def succeeds(self, client):
        reply, counted = self.ask(client, self.gateways.up)
        verdict = judge.success(reply, counted, len(self.documents))
        if client.top_n:
            reply, counted = self.ask(client, self.gateways.up, top_n=2)
            verdict = judge.success(reply, counted, len(self.documents), top_n=2)
        return verdict

    def fails(self, client, cell):
        expected = client.errors[cell]
        if expected == NEVER:
            return NEVER
        gateway = self.gateways.full if cell == "too many requests" else self.gateways.up
        wrong = {"empty query": {"query": ""}, "no documents": {"documents": []}, "unknown pipeline": {"model": "rerank-v9"}}
        reply, counted = self.ask(client, gateway, **wrong.get(cell, {}))
        return judge.error(cell, expected, reply, counted)

    def ask(self, client, gateway, **changes):
        """What the client gave, and what the gateway counted meanwhile."""
        question = {"model": client.model, "query": QUERY, "documents": self.documents, "top_n": len(self.documents), **changes}
        before = gateway.counted()
        reply = self.driver.ask(client=client.function, url=gateway.url, **question)
        counted = collections.Counter()
        for (path, *words), requests in (gateway.counted() - before).items():
            if path != client.path:
                raise judge.Wrong(f"it asked at {path} instead of {client.path}")
            counted[tuple(words)] += requests
        return reply, dict(counted)


def classical_order(gateway, documents, right):
    """What a gateway without its LLM answers. The right document isn't first: else nothing would show who ranked."""
    order, status = gateway.rank(QUERY, documents)
    if status != "fallback" or order[0] == right:
        raise Failed(f"without its LLM the gateway gave {order} with status {status}")
    return order


def read_documents():
    with open(DATA / "corpus.jsonl") as lines:
        texts = {document["_id"]: f"{document['title']}\n{document['text']}" for document in map(json.loads, lines)}
    return [texts[name] for name in IDS]


def install(names):
    """The command of each environment that could be made, and why the others couldn't."""
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        wanted = {name: pool.submit(ENVIRONMENTS[name]) for name in names}
        commands, missing = {}, {}
        for name, made in wanted.items():
            try:
                commands[name] = made.result()
            except installs.NotInstalled as error:
                missing[name] = str(error)
        return commands, missing


def ask_all(commands, program):
    """The rows and results of all environments, at the same time: clients spend most of theirs waiting before they ask
    again.
    """
    documents, pages = read_documents(), snippets.read_all()
    with tempfile.TemporaryDirectory(prefix="rankgate-clients-") as folder:
        groups = [Group(name, command, program, folder) for name, command in commands.items()]
        with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool:
            found = list(pool.map(lambda group: group.run(documents, pages), groups))
    rows = [row for rows, _ in found for row in rows]
    results = [result for _, results in found for result in results]
    return sorted(rows, key=lambda row: CLIENTS.index(row[0])), sorted(results, key=lambda it: pages.index(it[0])), pages


def table(rows):
    """Markdown, padded so that it reads as text too.

    >>> from expected import Client
    >>> row = {cell: "ok" for cell in CELLS}
    >>> print(table([(Client("x", "node", "f", "x", "/rerank", ["E"] * 4), "1.0", row)]).splitlines()[2])
    | x      | 1.0     | /rerank | ok      | ok          | ok           | ok               | ok                | ok       |
    """
    lines = [["client", "version", "path", *CELLS]]
    for client, version, row in rows:
        cells = ["WRONG" if isinstance(row[cell], judge.Wrong) else row[cell] for cell in CELLS]
        lines.append([client.title, version, client.path, *cells])
    widths = [max(map(len, column)) for column in zip(*lines)]
    padded = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *padded[1:]]) + "\n"


def check_docs(text, write):
    """Whether the page shows this table; or makes it so."""
    before, _, rest = DOCS.read_text().partition(BEGIN)
    shown, _, after = rest.partition(END)
    if shown == text:
        return True
    if write:
        DOCS.write_text(before + BEGIN + text + END + after)
    else:
        print(f"clients: {DOCS.relative_to(ROOT)} shows another table: run tests/clients/run.py --write-docs")
    return write


def report(rows, results):
    """Prints what is wrong, and says how much is."""
    wrong = [(f"{client.title} {version}, {cell}", row[cell]) for client, version, row in rows for cell in CELLS]
    wrong += [(f"{snippet.place} in {name}", result) for snippet, name, result in results]
    wrong = [(what, why) for what, why in wrong if isinstance(why, judge.Wrong)]
    for what, why in wrong:
        print(f"WRONG: {what}: {why}")
    return len(wrong)


def never_run(pages, results):
    """Snippets that no environment could run. Prints them."""
    run = {id(snippet) for snippet, _, _ in results}
    left = [snippet for snippet in pages if id(snippet) not in run]
    for snippet in left:
        print(f"WRONG: {snippet.place}: no environment runs {snippet.language} and has {' and '.join(snippet.packages)}")
    return len(left)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=program(), help="the program (default: %(default)s)")
    parser.add_argument("--only", choices=ENVIRONMENTS, action="append", help="only the clients of this environment")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/clients/README.md")
    return parser.parse_args()


def main():
    args = parse()
    if not args.bin.exists():
        return f"clients: {args.bin} does not exist: run make test-clients, which builds it"
    began = time.monotonic()
    commands, missing = install(args.only or list(ENVIRONMENTS))
    for name, why in missing.items():
        print(f"clients: {name} can't be installed: {why}")
    if missing and os.environ.get("CI"):
        return "clients: in CI they are needed"
    if not commands:
        print("clients: skipped: none could be installed, so official clients were not tried")
        return 0
    installed = time.monotonic()
    print(f"clients: {', '.join(commands)} installed in {installed - began:.0f} s", flush=True)
    try:
        rows, results, pages = ask_all(commands, str(args.bin.resolve()))
    except (Failed, OSError) as error:
        return f"clients: {error}"
    text = table(rows)
    print(text, end="")
    for snippet, name, result in results:
        print(f"{snippet.place} in {name}: {'WRONG' if isinstance(result, judge.Wrong) else result}")
    print(f"clients: asked in {time.monotonic() - installed:.0f} s", flush=True)
    wrong, partly = report(rows, results), bool(missing or args.only)
    for name in missing:
        print(f"clients: skipped: those of {name} were not tried")
    if not partly:
        wrong += never_run(pages, results)
    documented = bool(wrong or partly) or check_docs(text, args.write_docs)
    return 1 if wrong or not documented else 0


if __name__ == "__main__":
    sys.exit(main())
