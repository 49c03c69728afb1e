#!/usr/bin/env python3
"""A gateway against its own OpenAPI document, and the configurations of the repository against their schema.

`make test-openapi` builds the program and runs this. Schemathesis, below .rankgate/openapi (installed once), makes requests
from /openapi.json, those that it allows and those that it doesn't, and checks each answer: no 5xx, no status, header or body
that isn't described, nothing refused that is allowed and nothing served that isn't. hooks.py fills in what the document can't
know: the names that the gateway under test has.

Exit status: 0 all is as described; 1 it isn't, or something didn't start; where packages can't be fetched, 1 in CI (where the
environment has CI) and otherwise 0, with a line that says so.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))

import installs
from processes import DATA, ROOT, Failed, Process, fetch, program, simulator

CASES = 1000  # for each operation
CONFIG = """
[server]
default_pipeline = "shop"

[retrieval]
data_dir = "{data}"

[collections.outdoor]
indexed = {{ brand = "keyword", category = "keyword", price = "float", released = "datetime" }}

[upstreams.llm]
base_url = "{llm}/v1"
max_attempts = 1

[models.simulated]
upstreams = ["llm"]
model = "simulated"
context_tokens = 32000
input_usd_per_mtok = 0.25
output_usd_per_mtok = 2.0

[pipelines.shop]
aliases = ["rerank-v3.5"]
collection = "outdoor"
retrieve = {{ limit = 10 }}
strategy = "single"
model = "simulated"
deadline_ms = 30000

[pipelines.shop.prompt]
"rerank.listwise" = "rerank-listwise@v1"
"rerank.graded" = "rerank-graded@v1"
"rerank.pointwise" = "rerank-pointwise@v1"
"rerank.pairwise" = "rerank-pairwise@v1"
explain = "explain@v1"
contrast = "contrast@v1"
"""


def started(binary, folder, processes):
    """A gateway over the sample shop, with a simulated model."""
    processes.append(Process("llm", simulator(binary), folder))
    config = Path(folder) / "gateway.toml"
    config.write_text(CONFIG.format(data=Path(folder) / "data", llm=processes[-1].url))
    index = [binary, "index", "--config", str(config), "--collection", "outdoor", "--data", str(DATA)]
    done = subprocess.run(index, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed(f"rankgate index ended with status {done.returncode}: {done.stderr[-2000:]}")
    processes.append(Process("gateway", [binary, "serve", "--config", str(config), "--listen", "127.0.0.1:0"], folder))
    gateway = processes[-1].url
    # The collection that requests write to.
    fetch(f"{gateway}/v1/collections/scratch/documents", {"_id": "a", "text": "the first"})
    return gateway


def ids():
    with open(DATA / "corpus.jsonl") as lines:
        return [json.loads(line)["_id"] for line in lines][:40]


def ask(environment, gateway, cases, seed, folder):
    """Whether all answers are as the document says; the figures are printed."""
    settings = Path(folder) / "schemathesis.toml"
    settings.write_text(f'hooks = "hooks"\ncontinue-on-failure = true\nworkers = 2\n[phases.fuzzing.generation]\nmax-examples = {cases}\n')
    command = [str(environment / "schemathesis"), "--config-file", str(settings), "run", f"{gateway}/openapi.json",
               "--checks", "all", "--max-failures", "20", "--no-color", *(["--seed", str(seed)] if seed is not None else [])]
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR", "HOME") if key in os.environ}
    env = {**kept, "PYTHONPATH": str(HERE), "PYTHONUTF8": "1", "RANKGATE_IDS": json.dumps(ids()), "SCHEMATHESIS_HOOKS": "hooks"}
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(figures(done.stdout) if done.returncode == 0 else done.stdout, flush=True)
    return done.returncode == 0


def figures(output):
    r"""The lines of its report that say how much was tried.

    >>> print(figures("x\n ✅  Fuzzing (in 2.00s)\n     ✅ 15 passed\n\nTest cases:\n  3075 generated, 3075 passed\n\nSeed: 3\n"))
    ✅  Fuzzing (in 2.00s)
    15 passed
    Test cases: 3075 generated, 3075 passed
    Seed: 3
    """
    output = output.replace("Test cases:\n", "Test cases:")
    wanted = re.compile(r"(Examples|Coverage|Fuzzing|Stateful) \(in|\d+ passed|Test cases:|Seed:")
    lines = [re.sub(r"\s+", " ", line).strip() for line in output.splitlines() if wanted.search(line)]
    return "\n".join(re.sub(r"^✅ (?=\d)", "", line) if "(in" not in line else re.sub("✅ ", "✅  ", line) for line in lines)


VALIDATE = """
import json, sys, jsonschema_rs
schema, *values = json.load(sys.stdin)
validator = jsonschema_rs.validator_for(schema)
print(json.dumps([[error.message for error in validator.iter_errors(value)] for value in values]))
"""


def check_configurations(environment, binary):
    """Whether the schema takes every configuration of the repository, and refuses what the program refuses."""
    import tomllib  # from Python 3.11 on, as the clients need it too

    schema = json.loads(subprocess.run([binary, "config", "schema"], check=True, stdout=subprocess.PIPE).stdout)
    files = sorted((ROOT / "config").glob("**/*.toml"))
    good = [tomllib.loads(file.read_text()) for file in files]
    bad = [{"keys": {}}, {"server": {"port": 80}}, {"pipelines": {"a": {"strategy": "best"}}}, {"upstreams": {"a": {}}},
           {"upstreams": {"a": {"base_url": "http://a", "api_key": "secret"}}}, {"pipelines": {"a": {"window": 0}}}]
    python = str(environment / "python")
    told = subprocess.run([python, "-c", VALIDATE], input=json.dumps([schema, *good, *bad], default=str), check=True, stdout=subprocess.PIPE, text=True)
    errors = json.loads(told.stdout)
    wrong = [f"{file.relative_to(ROOT)}: {found}" for file, found in zip(files, errors) if found]
    wrong += [f"taken, and the program refuses it: {value}" for value, found in zip(bad, errors[len(good):]) if not found]
    for line in wrong:
        print(f"configuration schema: {line}")
    print(f"configuration schema: {len(files)} files and {len(bad)} mistakes tried, {len(wrong)} wrong")
    return not wrong


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=program(), help="the program (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=CASES, help="for each operation (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="that of an earlier run, to see the same requests")
    return parser.parse_args()


def main():
    args = parse()
    if not args.bin.exists():
        return f"openapi: {args.bin} does not exist: run make test-openapi, which builds it"
    try:
        environment = installs.python(installs.home("openapi"), "python", HERE / "requirements.txt").parent
    except installs.NotInstalled as error:
        print(f"openapi: skipped: schemathesis can't be installed: {error}")
        return "openapi: in CI it is needed" if os.environ.get("CI") else 0
    binary, began, processes = str(args.bin.resolve()), time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="rankgate-openapi-") as folder:
        try:
            configured = check_configurations(environment, binary)
            described = ask(environment, started(binary, folder, processes), args.cases, args.seed, folder)
        except Failed as error:
            return f"openapi: {error}"
        finally:
            for process in reversed(processes):
                process.stop()
    print(f"openapi: asked in {time.monotonic() - began:.0f} s")
    return 0 if configured and described else 1


if __name__ == "__main__":
    sys.exit(main())
