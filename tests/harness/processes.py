"""Programs of ours as real processes, and what they are asked."""

import json
import os
import queue
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "evals" / "data" / "outdoor"
STARTING = 60  # seconds


def program():
    """The program as `make build` leaves it."""
    return ROOT / (os.environ.get("CARGO_TARGET_DIR") or "target") / "debug" / "rankgate"


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


def simulator(binary, corpus=DATA / "corpus.jsonl", qrels=DATA / "qrels" / "test.tsv"):
    """A model that knows what is relevant in the sample shop, hardly errs, and answers at once."""
    quick = ["--latency-ms", "0", "--input-us-per-token", "0", "--output-us-per-token", "0", "--stall-rate", "0"]
    return [binary, "simulate", "--corpus", str(corpus), "--queries", str(DATA / "queries.jsonl"), "--qrels", str(qrels),
            "--profile", "strong", "--listen", "127.0.0.1:0", *quick]


def fetch(url, body=None):
    """What a URL answers, never through a proxy."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return response.read().decode()
