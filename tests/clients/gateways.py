"""The gateways that clients are pointed at, as real processes: one that works, one whose LLM is down, one that is full."""

import collections
import json
import os
import queue
import re
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "evals" / "data" / "outdoor"
STARTING = 60  # seconds
ALIAS = "rerank-v3.5"  # a name that clients have in their code already
STRINGS = "strings"  # the pipeline that gives documents back as strings

CONFIG = """
[server]
default_pipeline = "default"

[upstreams.llm]
base_url = "{upstream}"
max_attempts = 1

[models.simulated]
upstreams = ["llm"]
model = "simulated"
context_tokens = 32000

[pipelines.default]
aliases = ["{alias}"]
strategy = "single"
prompt = "rerank-listwise@v1"
model = "simulated"
deadline_ms = 20000

[pipelines.{strings}]
strategy = "single"
prompt = "rerank-listwise@v1"
model = "simulated"
deadline_ms = 20000
returned_documents = "text"

[cache]
max_bytes = 0

[limits]
{limits}
"""


class Failed(Exception):
    """A process didn't start, or ended."""


class Process:
    """A program of ours that says in its log where it listens."""

    def __init__(self, name, command, folder):
        self.name, self.lines = name, queue.Queue()
        self.log = Path(folder) / f"{name}.log"
        env = {key: value for key, value in os.environ.items() if not key.startswith("RANKGATE__")}
        self.child = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        self.url = f"http://{self._address()}"

    def _read(self):
        with open(self.log, "w") as log:
            for line in self.child.stderr:
                log.write(line)
                log.flush()
                self.lines.put(line)
        self.lines.put(None)

    def _address(self):
        end = time.monotonic() + STARTING
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise Failed(f"{self.name} ended: {self.log.read_text(errors='replace')[-2000:]}")
            if "listening" in line and (address := re.search(r"127\.0\.0\.1:\d+", line)):
                return address.group()
        raise Failed(f"{self.name} does not listen after {STARTING} seconds: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()


class Gateway(Process):
    """A gateway, and how many requests of which outcome it has counted."""

    def __init__(self, name, program, folder, upstream, limits=""):
        config = Path(folder) / f"{name}.toml"
        config.write_text(CONFIG.format(upstream=upstream, limits=limits, alias=ALIAS, strings=STRINGS))
        super().__init__(name, [program, "serve", "--config", str(config), "--listen", "127.0.0.1:0"], folder)
        fetch(f"{self.url}/readyz")

    def counted(self):
        """Requests so far by path, status and reason, as `/metrics` has them: ('/rerank', 'error', 'too_many_requests')."""
        counts = collections.Counter()
        for line in fetch(f"{self.url}/metrics").splitlines():
            if line.startswith("rankgate_requests_total{"):
                labels, value = line.rsplit(" ", 1)
                labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                counts[labels["route"], labels["status"], labels["reason"]] += int(float(value))
        return counts

    def rank(self, query, documents):
        """The order that the gateway gives, and the status it has."""
        answer = json.loads(fetch(f"{self.url}/v2/rerank", {"query": query, "documents": documents}))
        return [result["index"] for result in answer["results"]], answer["x_rankgate"]["status"]


class Gateways:
    """The three, with what stands behind them; for `with`. `more` is what the LLM knows besides the sample shop."""

    def __init__(self, program, folder, more):
        self.program, self.folder, self.more, self.processes = program, folder, more, []
        # Bound and never listened on: connections are refused, and nobody else can take the port.
        self.closed = socket.socket()
        self.closed.bind(("127.0.0.1", 0))

    def __enter__(self):
        try:
            self.llm = self._start(Process, "llm", simulator(self.program, self.folder, self.more), self.folder)
            nobody = f"http://127.0.0.1:{self.closed.getsockname()[1]}/v1"
            self.up = self._start(Gateway, "up", self.program, self.folder, f"{self.llm.url}/v1")
            self.down = self._start(Gateway, "down", self.program, self.folder, nobody)
            self.full = self._start(Gateway, "full", self.program, self.folder, nobody, "max_in_flight = 0")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, kind, *args):
        self.processes.append(kind(*args))
        return self.processes[-1]

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        self.closed.close()


class More:
    """Documents, and which of them answers a query of the sample shop."""

    def __init__(self, query, texts, best):
        self.query, self.texts, self.best = query, texts, best

    def documents(self):
        return [{"_id": f"more-{index}", "title": "", "text": text} for index, text in enumerate(self.texts)]

    def grade(self):
        with open(DATA / "queries.jsonl") as lines:
            query = next(line["_id"] for line in map(json.loads, lines) if line["text"] == self.query)
        return f"{query}\tmore-{self.best}\t3\n"


def simulator(program, folder, more):
    """A model that knows what is relevant in the sample shop and in `more`, and hardly errs, at once."""
    corpus, qrels = Path(folder) / "known.jsonl", Path(folder) / "known.tsv"
    lines = [json.dumps(document) + "\n" for document in more.documents()]
    corpus.write_text((DATA / "corpus.jsonl").read_text() + "".join(lines))
    qrels.write_text((DATA / "qrels" / "test.tsv").read_text() + more.grade())
    quick = ["--latency-ms", "0", "--input-us-per-token", "0", "--output-us-per-token", "0", "--stall-rate", "0"]
    return [program, "simulate", "--corpus", str(corpus), "--queries", str(DATA / "queries.jsonl"), "--qrels", str(qrels),
            "--profile", "strong", "--listen", "127.0.0.1:0", *quick]


def fetch(url, body=None):
    """What a URL answers, never through a proxy."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return response.read().decode()
