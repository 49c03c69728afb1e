// The real programs behind the pages: an index of the sample shop, a simulated model, a gateway.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./install.mjs";

const DATA = join(ROOT, "evals", "data", "outdoor");
const STARTING = 60_000; // milliseconds

// Text that a page must show as it is, and an id that another collection has, too.
const NOTES = [
  { _id: "haverbeck-meadow-2", title: "A note on tents", text: "A tent note: pitch it before it rains." },
  { _id: "markup", title: "<img src=x onerror=document.title='broken'> tent", text: "<script>document.title='broken'</script> </p><b>tent</b> &amp; rain" },
  { _id: "long", title: "", text: `${"A long note about nothing in particular. ".repeat(20)}Only here a tent is named. ${"And on it goes. ".repeat(20)}` },
];

// One program at a time may have the index open, so it is made before the gateway starts.
export function index(program, folder) {
  const config = join(folder, "rankgate.toml");
  writeFileSync(join(folder, "notes.jsonl"), NOTES.map((it) => JSON.stringify(it)).join("\n"));
  for (const [collection, data] of [["outdoor", DATA], ["notes", join(folder, "notes.jsonl")]]) {
    const ended = spawnSync(program, ["index", "--config", config, "--collection", collection, "--data", data], { cwd: ROOT, env: surroundings(), encoding: "utf8" });
    if (ended.status !== 0) throw new Error(`index: ${ended.stderr}`);
  }
}

export function configure(folder, upstream, down) {
  writeFileSync(join(folder, "rankgate.toml"), config(folder, upstream, down));
}

export function simulator(program, folder) {
  const relevance = ["--corpus", join(DATA, "corpus.jsonl"), "--qrels", join(DATA, "qrels", "test.tsv"), "--profile", "strong"];
  const quick = ["--latency-ms", "0", "--input-us-per-token", "0", "--output-us-per-token", "0", "--stall-rate", "0"];
  return start("simulator", program, ["simulate", ...relevance, ...quick, "--listen", "127.0.0.1:0"], folder);
}

export function gateway(program, folder) {
  return start("gateway", program, ["serve", "--config", join(folder, "rankgate.toml"), "--listen", "127.0.0.1:0"], folder);
}

// A program of ours, once it says in its log where it listens.
async function start(name, program, command, folder) {
  const log = join(folder, `${name}.log`);
  const child = spawn(program, command, { cwd: ROOT, env: surroundings(), stdio: ["ignore", "ignore", openSync(log, "w")] });
  const until = Date.now() + STARTING;
  while (Date.now() < until) {
    const text = readFileSync(log, "utf8");
    const address = text.split("\n").find((it) => it.includes("listening"))?.match(/127\.0\.0\.1:\d+/);
    if (address) return { url: `http://${address[0]}`, stop: () => stop(child), told: () => told(child, log) };
    if (child.exitCode !== null) throw new Error(`${name} ended: ${text.slice(-2000)}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
  child.kill();
  throw new Error(`${name} does not listen: ${readFileSync(log, "utf8").slice(-2000)}`);
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  const limit = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await once(child, "exit");
  clearTimeout(limit);
}

// For who has to find out what went wrong.
function told(child, log) {
  const state = child.exitCode === null && child.signalCode === null ? "runs" : `ended: ${child.exitCode ?? child.signalCode}`;
  return `${log} (it ${state}) ends with:\n${readFileSync(log, "utf8").split("\n").slice(-12).join("\n")}`;
}

// Without settings of who runs the test.
function surroundings() {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("RANKGATE__")));
}

function config(folder, upstream, down) {
  return `
[server]
default_pipeline = "shop"

[retrieval]
data_dir = "${join(folder, "data")}"

[upstreams.llm]
base_url = "${upstream}/v1"
max_attempts = 1

[upstreams.down]
base_url = "${down}/v1"
max_attempts = 1

[models.simulated]
upstreams = ["llm"]
model = "simulated"
context_tokens = 32000
input_usd_per_mtok = 0.25
output_usd_per_mtok = 2.0
capabilities = { json_schema = true, logprobs = true, seed = true, temperature = true, max_tokens = "max_tokens" }

[models.away]
upstreams = ["down"]
model = "away"
context_tokens = 32000

[pipelines.shop]
collection = "outdoor"
retrieve = { limit = 20 }
rerank_limit = 20
strategy = "refine"
window = 5
model = "simulated"
deadline_ms = 20000
prompt = { "rerank.listwise" = "rerank-listwise@v1", "rerank.pointwise" = "rerank-pointwise@v1" }

[pipelines.many]
collection = "outdoor"
retrieve = { limit = 100 }
strategy = "pointwise"
prompt = "rerank-pointwise@v1"
model = "simulated"
deadline_ms = 20000

[pipelines.everything]
collection = ["outdoor", "notes"]
strategy = "none"
model = "simulated"
deadline_ms = 20000

[pipelines.down]
collection = "outdoor"
strategy = "single"
prompt = "rerank-listwise@v1"
model = "away"
deadline_ms = 20000

[pipelines.empty]
collection = "not-indexed"
strategy = "none"
`;
}
