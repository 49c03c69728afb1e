"""The gateways that clients are pointed at, as real processes: one that works, one whose LLM is down, one that is full."""

import collections
import json
import re
import socket
from pathlib import Path

from processes import DATA, Process, fetch, simulator

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
            self.llm = self._start(Process, "llm", simulated(self.program, self.folder, self.more), self.folder)
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


def simulated(program, folder, more):
    """A model that knows what is relevant in the sample shop and in `more`."""
    corpus, qrels = Path(folder) / "known.jsonl", Path(folder) / "known.tsv"
    lines = [json.dumps(document) + "\n" for document in more.documents()]
    corpus.write_text((DATA / "corpus.jsonl").read_text() + "".join(lines))
    qrels.write_text((DATA / "qrels" / "test.tsv").read_text() + more.grade())
    return simulator(program, corpus, qrels)
