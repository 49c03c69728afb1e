#!/usr/bin/env python3
"""How long measuring a big run takes: `rankgate eval score` beside pytrec_eval and ranx.

`make bench-eval` builds the program and runs this. It draws judgments and a run of a million lines each (1,000 queries,
1,000 documents a query, grades 0 to 3, distinct scores) from a seed, and then has each program measure them as its users
would: a process that reads both files and computes ndcg@10, map@100, recall@100 and mrr@10. The programs take turns.
Printed are the shortest and the median time of the process, its shortest time on processors, which other work on the
machine changes least, and its most memory. Where the means differ by more than 1e-6, the exit status is 1.

The peers are Python packages: `pip install pytrec_eval-terrier ranx` (or pytrec_eval) into the Python that runs this. One
that isn't there is left out, and told. ranx keeps what it compiles, so each program's first turn isn't counted.
"""

import argparse
import heapq
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

METRICS = ["ndcg@10", "map@100", "recall@100", "mrr@10"]
PEERS = ["pytrec_eval", "ranx"]
TOLERANCE = 1e-6


def write_files(qrels, run, queries, documents, seed):
    """Judgments and a run over the same pools: half of what was found is judged.

    Scores fall by at least a thousandth, so that they are distinct in single precision too.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_files(Path(folder, "q"), Path(folder, "r"), 2, 3, 1)
    ...     judged = [line.split() for line in Path(folder, "q").open()]
    ...     found = [line.split() for line in Path(folder, "r").open()]
    >>> [len(judged), len(found), {len(line) for line in judged}, {len(line) for line in found}]
    [6, 6, {4}, {6}]
    >>> [float(line[4]) for line in found[:3]] == sorted({float(line[4]) for line in found[:3]}, reverse=True)
    True
    """
    drawn = random.Random(seed)
    with open(qrels, "w") as judged, open(run, "w") as found:
        for query in range(queries):
            pool = [f"doc-{number:07}" for number in drawn.sample(range(10_000_000), 2 * documents)]
            grades = {}
            for document in drawn.sample(pool, documents):
                grades[document] = drawn.choices([0, 1, 2, 3], [80, 10, 6, 4])[0]
                judged.write(f"query-{query:04} 0 {document} {grades[document]}\n")
            # Better documents tend to be found higher, as by a ranking that is worth something.
            worth = {document: grades.get(document, 0) + drawn.gauss(0, 1.5) for document in drawn.sample(pool, documents)}
            score = float(documents)
            for rank, document in enumerate(sorted(worth, key=worth.get, reverse=True), 1):
                score -= 0.001 + drawn.random() / 2
                found.write(f"query-{query:04} Q0 {document} {rank} {score:.4f} bench\n")


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def pytrec_eval_means(qrels, run):
    """The means by pytrec_eval. It has no reciprocal rank with a cut-off: the run is cut instead."""
    import pytrec_eval

    with open(qrels) as lines:
        judged = pytrec_eval.parse_qrel(lines)
    with open(run) as lines:
        found = pytrec_eval.parse_run(lines)
    by_query = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10", "map_cut.100", "recall.100"}).evaluate(found)
    first = {query: dict(heapq.nlargest(10, scores.items(), key=lambda it: it[1])) for query, scores in found.items()}
    cut = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(first)
    names = {"ndcg@10": "ndcg_cut_10", "map@100": "map_cut_100", "recall@100": "recall_100"}
    means = {name: mean(values[theirs] for values in by_query.values()) for name, theirs in names.items()}
    return means | {"mrr@10": mean(values["recip_rank"] for values in cut.values())}


def ranx_means(qrels, run):
    """The means by ranx."""
    import ranx

    judged, found = ranx.Qrels.from_file(str(qrels), kind="trec"), ranx.Run.from_file(str(run), kind="trec")
    return {name: float(value) for name, value in ranx.evaluate(judged, found, METRICS).items()}


def measured(command):
    """Seconds, seconds on processors, most memory in MB, and the means of a process."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(out)["mean"]


def disagreements(means):
    """What differs by more than the tolerance from the first program's means.

    >>> disagreements({"a": {"map@100": 0.5}, "b": {"map@100": 0.5 + 1e-9}, "c": {"map@100": 0.6}})
    ['map@100: a 0.5000000, c 0.6000000']
    """
    (first, own), *others = means.items()
    return [
        f"{metric}: {first} {value:.7f}, {name} {theirs[metric]:.7f}"
        for name, theirs in others
        for metric, value in own.items()
        if not abs(theirs[metric] - value) <= TOLERANCE
    ]


def bench(args, folder):
    qrels, run = folder / "qrels.trec", folder / "run.trec"
    write_files(qrels, run, args.queries, args.documents, args.seed)
    files = ["--qrels", str(qrels), "--run", str(run)]
    programs = {"rankgate": [args.bin, "eval", "score", *files, "--metrics", ",".join(METRICS), "--json"]}
    for peer in PEERS:
        if importlib.util.find_spec(peer):
            programs[peer] = [sys.executable, "-W", "ignore", __file__, "--peer", peer, *files]
        else:
            print(f"{peer} is left out: it is not installed (pip install pytrec_eval-terrier ranx)", file=sys.stderr)
    turns, means = {name: [] for name in programs}, {}
    for turn in range(args.turns + 1):
        for name, command in programs.items():
            *spent, means[name] = measured(command)
            print(f"turn {turn}: {name} {spent[0]:.2f} s", file=sys.stderr)
            if turn > 0:
                turns[name].append(spent)
    lines = args.queries * args.documents
    print(f"{lines:,} judgments, {lines:,} results, {args.turns} turns: {', '.join(METRICS)}\n")
    print("| program | shortest | median | on processors | most memory |\n|---|---:|---:|---:|---:|")
    for name, spent in turns.items():
        seconds, processors, memory = zip(*spent)
        times = f"{min(seconds):.2f} s | {statistics.median(seconds):.2f} s | {min(processors):.2f} s"
        print(f"| {name} | {times} | {max(memory):.0f} MB |")
    found = disagreements(means)
    print("\nThe means agree." if not found else "\nThe means differ:\n" + "\n".join(found))
    print(json.dumps(means["rankgate"]))
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description="rankgate eval score beside pytrec_eval and ranx")
    parser.add_argument("--bin", default="target/release/rankgate", help="the program")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=1000, help="of each query")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--qrels", help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        means = {"pytrec_eval": pytrec_eval_means, "ranx": ranx_means}[args.peer](args.qrels, args.run)
        print(json.dumps({"mean": means}))
        return 0
    if not os.access(args.bin, os.X_OK):
        sys.exit(f"{args.bin}: there is no such program; build it (make release) or name one with --bin")
    with tempfile.TemporaryDirectory() as folder:
        return bench(args, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
