#!/usr/bin/env python3
"""The demo: real queries over a small shop, ranked by a classical search engine and by an LLM, side by side.

`make demo` builds the program and runs this. It picks an LLM, indexes evals/data/outdoor, starts the gateway with
config/demo.toml, sends queries over HTTP and prints both orders with the grades of the set. Environment:

  OPENAI_API_KEY, OPENAI_BASE_URL, RANKGATE_MODEL   use this endpoint; without a key, a model on this machine
  MODEL=qwen|smol       which local model           QUERIES=5 or QUERIES=id,id   how many queries, or which
  ONCE=1                end after the queries       RANKGATE_BIN                 the program, if not the built one

Exit status: 0 all is well; 1 something failed, with the reason.
"""

import itertools
import json
import math
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "config/demo.toml"
DATA = ROOT / "evals" / "data" / "outdoor"
HOME = ROOT / ".rankgate" / "demo"
SHOWN = 8  # rows of each comparison, and the cut-off of its nDCG
STATUSES = {"llm", "partial", "fallback", "classical"}


class Failed(Exception):
    """The demo cannot go on, or saw something that must not be."""


# ---------------------------------------------------------------- processes


class Process:
    """A child in a session of its own, with a log file; ended with us, however we end."""

    started = []

    def __init__(self, name, command, env, **options):
        self.name = name
        self.log = HOME / f"{name}.log"
        with open(self.log, "w") as log:
            options.setdefault("stdout", log)
            self.child = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stderr=log, text=True,
                                          start_new_session=True, preexec_fn=end_with_parent, **options)
        Process.started.append(self)

    def must_run(self):
        if self.child.poll() is not None:
            raise Failed(f"{self.name} ended with status {self.child.returncode}; {self.tail()}")

    def tail(self, count=15):
        lines = self.log.read_text(errors="replace").strip().splitlines()[-count:]
        return f"the last lines of {self.log.relative_to(ROOT)}:\n" + "\n".join(f"    {line}" for line in lines)

    def stop(self):
        if self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    @classmethod
    def stop_all(cls):
        for process in reversed(cls.started):
            process.stop()


def end_with_parent():
    """Asks Linux to end this child when the demo is killed without a chance to clean up."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


# ---------------------------------------------------------------- the LLM


class Upstream:
    """Which LLM ranks, through which pipeline of the config, and what the gateway's environment says about it."""

    def __init__(self, title, pipeline, candidates, queries, env, alive):
        self.title, self.pipeline, self.candidates, self.queries, self.env, self.alive = \
            title, pipeline, candidates, queries, env, alive


def pick_upstream():
    if os.environ.get("OPENAI_API_KEY"):
        env = {}
        if base_url := os.environ.get("OPENAI_BASE_URL"):
            env["RANKGATE__UPSTREAMS__OPENAI__BASE_URL"] = base_url
        if model := os.environ.get("RANKGATE_MODEL"):
            env["RANKGATE__MODELS__CUSTOM__MODEL"] = model
            env["RANKGATE__PIPELINES__OPENAI__MODEL"] = "custom"
        where = base_url or "the OpenAI API"
        return Upstream(f"{model or 'the model of config/demo.toml'} at {where}", "openai", 20, 10, env, True)
    return local_upstream(os.environ.get("MODEL") or "qwen")


def local_upstream(name):
    if name not in ("qwen", "smol"):
        raise Failed(f"MODEL={name}: there are qwen and smol")
    title = {"qwen": "Qwen2.5-Coder-1.5B-Instruct on this machine", "smol": "SmolLM2-135M-Instruct on this machine"}[name]
    url = start_local_model(name)
    if url is None:
        # Nothing listens there: the gateway is asked all the same, and shows what it does without its LLM.
        env = {"RANKGATE__UPSTREAMS__LOCAL__BASE_URL": f"http://127.0.0.1:{free_port()}/v1"}
        return Upstream("no LLM", "local", 8, 5, env, False)
    if name == "smol":
        note("SmolLM2-135M ranks at chance: this run shows that the path works, not that the ranking is good.")
    env = {"RANKGATE__UPSTREAMS__LOCAL__BASE_URL": url, "RANKGATE__MODELS__LOCAL__MODEL": name}
    return Upstream(title, "local", 8, 5, env, True)


def start_local_model(name):
    """Fetches the model if need be and starts it; None, with the reason printed, where it can't be had."""
    step(f"Local model ({name}; set OPENAI_API_KEY to use an API instead)")
    hint_memory(2_300 if name == "qwen" else 700)
    script = str(ROOT / "scripts" / "local-model")
    fetched = subprocess.run([sys.executable, script, "fetch", name], cwd=ROOT, stdin=subprocess.DEVNULL)
    if fetched.returncode != 0:
        if fetched.returncode < 0 or fetched.returncode == 130:
            raise KeyboardInterrupt
        note(f"The local model can't be had (see above; status {fetched.returncode}): only the classical ranking can be shown.")
        return None
    server = Process("model", [sys.executable, script, "serve", name, "--slots", "2", "--ctx", "2048"], dict(os.environ),
                     stdout=subprocess.PIPE)
    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in server.child.stdout] + [lines.put("")], daemon=True).start()
    try:
        line = lines.get(timeout=240)
    except queue.Empty:
        line = ""
    if not line.startswith("ready "):
        server.stop()
        note(f"The model server did not start, so only the classical ranking can be shown; {server.tail()}")
        return None
    return line.split()[1]


def hint_memory(needed_mb):
    try:
        facts = dict(line.split(":") for line in open("/proc/meminfo"))
        free_mb = int(facts["MemAvailable"].split()[0]) // 1024
    except (OSError, KeyError, ValueError):
        return
    if free_mb < needed_mb:
        note(f"{free_mb} MB of memory are free; this model wants about {needed_mb} MB and may be very slow.")


# ---------------------------------------------------------------- the gateway


def program():
    path = os.environ.get("RANKGATE_BIN") or Path(os.environ.get("CARGO_TARGET_DIR") or "target") / "debug" / "rankgate"
    path = (ROOT / path).resolve()
    if not path.exists():
        raise Failed(f"{path} does not exist: run 'make demo', which builds it")
    return str(path)


def index(env):
    step("Index the sample shop into the embedded engine")
    command = [program(), "index", "--collection", "outdoor", "--data", str(DATA.relative_to(ROOT)), "--config", CONFIG]
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, timeout=900)
    except subprocess.TimeoutExpired:
        raise Failed("indexing did not end within 15 minutes") from None
    if done.returncode != 0:
        raise Failed(f"'{' '.join(command[1:])}' ended with status {done.returncode}")


class Gateway:
    def __init__(self, env):
        port = 8080 if is_free(8080) else free_port()
        self.url = f"http://127.0.0.1:{port}"
        step(f"Start the gateway on {self.url}")
        command = [program(), "serve", "--config", CONFIG, "--listen", f"127.0.0.1:{port}"]
        self.process = Process("gateway", command, env)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
        self.wait_until_ready()

    def wait_until_ready(self, limit=120):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.process.must_run()
            try:
                with self.opener.open(f"{self.url}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise Failed(f"the gateway was not ready within {limit} s; {self.process.tail()}")

    def search(self, body):
        request = urllib.request.Request(f"{self.url}/v1/search", json.dumps(body).encode(),
                                         {"content-type": "application/json"})
        try:
            with self.opener.open(request, timeout=180) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            raise Failed(f"POST /v1/search {json.dumps(body)} was answered {error.code}: {said}\n{self.process.tail()}") from None
        except (OSError, ValueError) as error:
            raise Failed(f"POST /v1/search {json.dumps(body)} failed: {error}\n{self.process.tail()}") from None


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---------------------------------------------------------------- data and figures


def read_queries():
    """id → (text, kind); the kind says what the query needs: lexical, synonym, negation, constraint, purpose, comparison."""
    rows = map(json.loads, (DATA / "queries.jsonl").read_text().splitlines())
    return {row["_id"]: (row["text"], row.get("metadata", {}).get("kind", "")) for row in rows}


def read_grades():
    grades = {}
    for line in (DATA / "qrels" / "test.tsv").read_text().splitlines():
        query, document, grade = line.split("\t")
        if grade.lstrip("-").isdigit():  # not the heading
            grades.setdefault(query, {})[document] = int(grade)
    return grades


def choose(queries, wanted, default):
    """Ids as asked for, or so many of them, the kinds in turn from the file's last to its first (lexical ones, which need
    no LLM). No query is picked for its result.

    >>> shop = {"a": ("", "lexical"), "b": ("", "lexical"), "c": ("", "negation"), "d": ("", "negation")}
    >>> choose(shop, None, 3)
    ['c', 'a', 'd']
    >>> choose(shop, "b,c", 1), choose(shop, "9", 1)
    (['b', 'c'], ['c', 'a', 'd', 'b'])
    """
    if wanted and not wanted.isdigit():
        chosen = wanted.split(",")
        if unknown := [name for name in chosen if name not in queries]:
            raise Failed(f"QUERIES: no query {unknown[0]!r}; there are {', '.join(queries)}")
        return chosen
    kinds = {}
    for name, (_, kind) in queries.items():
        kinds.setdefault(kind, []).append(name)
    turns = [name for turn in itertools.zip_longest(*reversed(kinds.values())) for name in turn if name]
    return turns[: max(1, int(wanted or default))]


def ndcg(order, grades, cut=SHOWN):
    """nDCG with linear gain and a log2 discount; the ideal order is that of all judged documents.

    >>> ndcg(["a", "b"], {"a": 3, "b": 1})
    1.0
    >>> round(ndcg(["b", "a"], {"a": 3, "b": 1}), 4)
    0.7967
    >>> ndcg(["x"], {"a": 3})
    0.0
    >>> ndcg(["x"], {})
    0.0
    """
    gain = lambda values: sum(value / math.log2(place + 2) for place, value in enumerate(values[:cut]))
    best = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(document, 0) for document in order]) / best if best else 0.0


def check(classical, ranked):
    """Both answers hold the same candidates, each once, counted from 1: whatever the LLM said."""
    for answer in (classical, ranked):
        ids = [row["id"] for row in answer["results"]]
        if len(set(ids)) != len(ids):
            raise Failed(f"a document stands twice in one answer: {ids}")
        if [row["rank"] for row in answer["results"]] != list(range(1, len(ids) + 1)):
            raise Failed(f"ranks do not count from 1: {[row['rank'] for row in answer['results']]}")
        if answer["ranking"]["status"] not in STATUSES:
            raise Failed(f"unknown status {answer['ranking']['status']!r}")
    before, after = ({row["id"] for row in answer["results"]} for answer in (classical, ranked))
    if before != after:
        raise Failed(f"the orders are not of the same documents: only in one of them {sorted(before ^ after)}")


# ---------------------------------------------------------------- what is printed


def step(text):
    print(f"\n── {text}", flush=True)


def note(text):
    print(f"   {text}", flush=True)


def fit(text, width):
    """Exactly `width` characters.

    >>> fit("abcdef", 4), fit("ab", 4)
    ('abc…', 'ab  ')
    """
    return (text if len(text) <= width else text[: width - 1] + "…").ljust(width)


def move(before, after):
    """
    >>> move(4, 1), move(1, 3), move(2, 2)
    ('▲3', '▼2', '· ')
    """
    return f"▲{before - after}" if after < before else f"▼{after - before}" if after > before else "· "


def show(classical, ranked, grades):
    width = max(24, (min(shutil.get_terminal_size((110, 24)).columns, 150) - 26) // 2)
    ranking = ranked["ranking"]
    place = {row["id"]: row["rank"] for row in classical["results"]}
    head = "LLM" if ranking["status"] in ("llm", "partial") else "still classical"
    print(f"      {fit('classical', width)} grade │     {fit(f'{head} ({ranking_strategy(ranking)})', width)} grade")
    for left, right in list(zip(classical["results"], ranked["results"]))[:SHOWN]:
        print(f"  {left['rank']:>2}  {fit(title(left), width)}   {grades.get(left['id'], 0)}   │ "
              f"{move(place[right['id']], right['rank']):<3} {fit(title(right), width)}   {grades.get(right['id'], 0)}")


def title(row):
    document = row.get("document") or {}
    return document.get("title") or document.get("text") or row["id"]


def ranking_strategy(ranking):
    return ranking.get("strategy") or "none"


def figures(answer):
    ranking, usage = answer["ranking"], answer["usage"]
    reason = f" ({ranking['reason']})" if ranking["reason"] else ""
    cost = f" · ${usage['cost_usd']:.5f}" if usage.get("cost_usd") else ""
    return (f"status {ranking['status']}{reason} · cache {ranking['cache']} · {ranking.get('calls', 0)} calls · "
            f"{usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out{cost} · {answer['timing_ms']['total']:,.0f} ms")


# ---------------------------------------------------------------- the story


def compare(gateway, upstream):
    queries, grades = read_queries(), read_grades()
    chosen = choose(queries, os.environ.get("QUERIES"), upstream.queries)
    step(f"{len(chosen)} of {len(queries)} queries · {upstream.candidates} candidates each · {upstream.title}")
    rows, started = [], time.monotonic()
    for number, query in enumerate(chosen, start=1):
        text, kind = queries[query]
        asked = {"query": text, "pipeline": upstream.pipeline, "candidates": upstream.candidates,
                 "top_n": upstream.candidates}
        print(f"\n{number}/{len(chosen)}  “{text}”  [{query} {kind}]", flush=True)
        classical = gateway.search(asked | {"strategy": "none"})
        ranked = gateway.search(asked)
        check(classical, ranked)
        judged = grades.get(query, {})
        show(classical, ranked, judged)
        before, after = (ndcg([row["id"] for row in answer["results"]], judged) for answer in (classical, ranked))
        print(f"      {figures(ranked)}\n      nDCG@{SHOWN} {before:.3f} → {after:.3f} ({after - before:+.3f})", flush=True)
        rows.append((before, after, ranked["ranking"]["status"], asked))
    summary(rows, upstream, time.monotonic() - started)
    again(gateway, rows[-1][3])
    if upstream.alive and not any(status in ("llm", "partial") for _, _, status, _ in rows):
        raise Failed(f"the LLM is up, but not one ranking came from it; {gateway.process.tail()}")


def summary(rows, upstream, seconds):
    mean = lambda column: sum(row[column] for row in rows) / len(rows)
    better = sum(after > before + 1e-9 for before, after, _, _ in rows)
    worse = sum(after < before - 1e-9 for before, after, _, _ in rows)
    statuses = ", ".join(f"{sum(row[2] == name for row in rows)} {name}" for name in sorted({row[2] for row in rows}))
    step("Summary")
    note(f"mean nDCG@{SHOWN}: classical {mean(0):.3f}, with {upstream.title} {mean(1):.3f} ({mean(1) - mean(0):+.3f})")
    note(f"orders: {better} better, {worse} worse, {len(rows) - better - worse} the same · status: {statuses} · {seconds:.0f} s for the queries")
    note(f"{len(rows)} queries are a look, not a measurement.")


def again(gateway, asked):
    answer = gateway.search(asked)
    note(f"the last query again: {figures(answer)}")


def keep_serving(gateway, upstream):
    body = json.dumps({"query": "waterproof jacket under 150 €", "pipeline": upstream.pipeline, "top_n": 5}, ensure_ascii=False)
    step("The gateway keeps running; Ctrl-C stops it and the model")
    note(f"open   {gateway.url}/ to see what the LLM moves, and why   {gateway.url}/docs for the API   {gateway.url}/metrics")
    note(f"try    curl -s {gateway.url}/v1/search -H 'content-type: application/json' \\")
    note(f"         -d '{body}' | python3 -m json.tool")
    note(f"logs   {HOME.relative_to(ROOT)}/gateway.log")
    try:
        while True:
            time.sleep(1)
            for process in Process.started:
                process.must_run()
    except KeyboardInterrupt:
        print("\nstopping …", flush=True)


def main():
    sys.stdout.reconfigure(line_buffering=True)  # in step with what the children print
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with Ctrl-C ignored
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: sys.exit(1))
    if not DATA.exists():
        raise Failed(f"{DATA.relative_to(ROOT)} is missing: the demo needs the sample shop")
    program()
    HOME.mkdir(parents=True, exist_ok=True)
    upstream = pick_upstream()
    env = dict(os.environ) | upstream.env
    index(env)
    gateway = Gateway(env)
    compare(gateway, upstream)
    if not os.environ.get("ONCE"):
        keep_serving(gateway, upstream)


if __name__ == "__main__":
    status = 0
    try:
        main()
    except Failed as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        status = 130
    finally:
        Process.stop_all()
    sys.exit(status)
