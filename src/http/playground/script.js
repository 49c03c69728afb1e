"use strict";

// Documents, queries and explanations are set as text, never as markup.

const $ = (id) => document.getElementById(id);

const TASK_OF = {
  graded: "rerank.graded",
  pointwise: "rerank.pointwise",
  pairwise: "rerank.pairwise",
  none: null,
};
const STRATEGIES = ["none", "auto", "single", "refine", "topdown", "sliding", "blocks", "graded", "pointwise", "pairwise"];
const EXCERPT = 320;
const BEFORE_QUOTE = 80;

let pipelines = [];
let prompts = [];
let running = null;

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

// ---- pickers

async function list(path, name) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json())[name];
}

function options(select, first, entries) {
  const before = select.value;
  const made = entries.map(([value, text]) => element("option", { value, textContent: text }));
  if (first !== null) made.unshift(element("option", { value: "", textContent: first }));
  select.replaceChildren(...made);
  if ([...select.options].some((option) => option.value === before)) select.value = before;
}

function searchable() {
  const collection = $("collection").value;
  return pipelines.filter((it) => it.collections.length > 0 && (!collection || it.collections.includes(collection)));
}

function showPipelines() {
  const name = (it) => [it.name, it.default ? `${it.name} (default)` : it.name];
  options($("pipeline"), null, searchable().map(name));
  showPrompts();
}

function showPrompts() {
  const pipeline = pipelines.find((it) => it.name === $("pipeline").value);
  const strategy = $("strategy").value || (pipeline ? pipeline.strategy : "none");
  const task = strategy in TASK_OF ? TASK_OF[strategy] : "rerank.listwise";
  const fitting = prompts.filter((it) => it.task === task && it.status !== "retired");
  const text = (it) => (it.status === "released" ? it.id : `${it.id} (${it.status})`);
  options($("prompt"), "the pipeline’s", fitting.map((it) => [it.id, text(it)]));
}

async function fill() {
  try {
    [pipelines, prompts] = await Promise.all([list("/v1/pipelines", "pipelines"), list("/v1/prompts", "prompts")]);
  } catch (error) {
    return showProblem(`The gateway can’t be asked what it has: ${error.message}`);
  }
  const collections = [...new Set(pipelines.flatMap((it) => it.collections))].sort();
  options($("collection"), "all", collections.map((name) => [name, name]));
  options($("strategy"), "the pipeline’s", STRATEGIES.map((name) => [name, name]));
  showPipelines();
  const standard = searchable().find((it) => it.default);
  if (standard) $("pipeline").value = standard.name;
  showPrompts();
  if (searchable().length === 0) {
    showProblem("No pipeline has a collection: there is nothing to search. Index documents and name their collection in a pipeline.");
  }
}

// ---- the request

function body() {
  const asked = { query: $("query").value, pipeline: $("pipeline").value };
  for (const name of ["strategy", "prompt"]) {
    if ($(name).value) asked[name] = $(name).value;
  }
  for (const name of ["top_n", "deadline_ms"]) {
    if ($(name).value) asked[name] = Number($(name).value);
  }
  if ($("explain").checked) asked.explain = true;
  return asked;
}

function inShell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function showCode(asked) {
  const url = `${location.origin}/v1/search`;
  const json = JSON.stringify(asked);
  $("curl").textContent = `curl -s ${url} -H 'content-type: application/json' -d ${inShell(json)}`;
  // JSON's true is Python's True: it is parsed there.
  $("python").textContent = [
    "import json, urllib.request",
    "",
    `asked = json.loads(${JSON.stringify(json)})`,
    `request = urllib.request.Request("${url}", json.dumps(asked).encode(), {"content-type": "application/json"})`,
    "answer = json.load(urllib.request.urlopen(request))",
    'for result in answer["results"]:',
    '    print(result["rank"], result["id"], result["document"]["title"])',
    'print(answer["ranking"]["status"], answer["ranking"]["reason"])',
  ].join("\n");
}

// ---- the stream

async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const field = (name) => lines.filter((it) => it.startsWith(`${name}:`)).map((it) => it.slice(name.length + 1).trimStart());
      const data = field("data").join("\n");
      if (data) yield { name: field("event")[0], data: JSON.parse(data) };
    }
  }
}

async function search(event) {
  event.preventDefault();
  if (running) running.abort();
  const mine = new AbortController();
  running = mine;
  const asked = body();
  begin(asked);
  const begun = performance.now();
  const seen = [];
  try {
    const response = await fetch("/v1/search", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...asked, stream: true }),
      signal: mine.signal,
    });
    if (!response.ok) throw new Error(problemText(await response.json(), response.status));
    let complete = false;
    for await (const { name, data } of eventsOf(response)) {
      seen.push({ name, at: performance.now() - begun });
      take(name, data, seen);
      complete ||= name === "done" || name === "error";
    }
    if (!complete) throw new Error("The connection ended before the answer was complete.");
  } catch (error) {
    if (error.name === "AbortError") say("Stopped: calls that nobody else waits for are cancelled.");
    else showProblem(error.message);
  } finally {
    if (running === mine) {
      running = null;
      $("stop").hidden = true;
    }
  }
}

function begin(asked) {
  $("problem").hidden = true;
  $("answer").hidden = true;
  $("stop").hidden = false;
  for (const id of ["classical", "ranked", "facts", "timeline"]) $(id).replaceChildren();
  showCode(asked);
  say("Searching…");
}

function take(name, data, seen) {
  if (name === "error") return showProblem(problemText(data));
  $("answer").hidden = false;
  if (name === "classical") {
    show($("classical"), data.results, false);
    show($("ranked"), data.results, true);
    say(`${data.results.length} results of the first stage. Waiting for the LLM…`);
  } else if (name === "ranking") {
    show($("ranked"), data.results, true);
    say(`A better order after ${Math.round(seen.at(-1).at)} ms. Waiting for the rest…`);
  } else if (name === "explanation") {
    explain(data.id, data.explanation);
  } else if (name === "done") {
    show($("ranked"), data.results, true);
    for (const result of data.results) if (result.explanation) explain(result.id, result.explanation);
    showFacts(data);
    showTimes(data.timing_ms, seen);
    say(verdict(data));
  }
}

// ---- results

function show(target, results, ranked) {
  const places = new Map([...target.children].map((it) => [it.dataset.id, it]));
  const before = new Map([...places].map(([id, it]) => [id, it.getBoundingClientRect().top]));
  const shown = results.map((result) => {
    const made = item(result, ranked);
    const old = places.get(made.dataset.id);
    if (old && old.explanation) setExplanation(made, old.explanation);
    return made;
  });
  target.replaceChildren(...shown);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const made of shown) {
    const moved = (before.get(made.dataset.id) ?? NaN) - made.getBoundingClientRect().top;
    if (moved) {
      made.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 350, easing: "ease-out" });
    }
  }
}

function keyOf(result) {
  return `${result.collection ?? ""}/${result.id}`;
}

function item(result, ranked) {
  const { title, text } = result.document;
  const head = element("div", { className: "head" }, element("span", { className: "rank", textContent: result.rank }));
  const named = element("span", { className: "title", textContent: title || result.id });
  head.append(named);
  if (ranked) head.append(movement(result));
  const scores = Object.entries(result.scores).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const body = element("p", { className: "text", textContent: excerpt([...text], []).map((it) => it.text).join("") });
  const meta = element("p", { className: "meta", textContent: [result.id, ...scores].join(" · ") });
  const made = element("li", { className: "result" }, head, body, meta);
  made.dataset.id = keyOf(result);
  made.dataset.document = result.id;
  made.result = result;
  return made;
}

function movement({ rank, first_stage_rank: first }) {
  const by = first - rank;
  if (by === 0) return element("span", { className: "move", textContent: "= stays" });
  const [sign, way] = by > 0 ? ["▲", "up"] : ["▼", "down"];
  const moved = element("span", { className: `move ${way}`, textContent: `${sign} ${Math.abs(by)}` });
  moved.setAttribute("aria-label", `${way} ${Math.abs(by)}, from ${first} to ${rank}`);
  return moved;
}

function explain(id, explanation) {
  for (const made of $("ranked").children) {
    if (made.dataset.document === id) setExplanation(made, explanation);
  }
}

function setExplanation(made, explanation) {
  made.explanation = explanation;
  made.querySelector(".why")?.remove();
  const { title, text } = made.result.document;
  const of = (field) => explanation.quotes.filter((quote) => quote.field === field);
  marked(made.querySelector(".title"), excerpt([...(title || made.result.id)], of("title"), Infinity));
  marked(made.querySelector(".text"), excerpt([...text], of("text")));
  const by = explanation.kind === "llm" ? "" : " (by the first stage)";
  made.append(element("p", { className: "why", textContent: explanation.text + by }));
}

// Offsets of quotes are code points, as `characters` is. Gives parts of the text, marked where they are quoted.
function excerpt(characters, quotes, most = EXCERPT) {
  const sorted = [...quotes].sort((a, b) => a.start - b.start);
  const first = sorted.length > 0 ? sorted[0].start : 0;
  const from = characters.length <= most || first < most - BEFORE_QUOTE ? 0 : first - BEFORE_QUOTE;
  const to = Math.min(characters.length, from + most);
  const parts = [];
  const push = (start, end, quoted) => {
    if (start < end) parts.push({ text: characters.slice(start, end).join(""), quoted });
  };
  let at = from;
  for (const { start, end } of sorted) {
    const [a, b] = [Math.max(start, at), Math.min(end, to)];
    if (a >= b) continue;
    push(at, a, false);
    push(a, b, true);
    at = b;
  }
  push(at, to, false);
  if (from > 0) parts.unshift({ text: "… ", quoted: false });
  if (to < characters.length) parts.push({ text: " …", quoted: false });
  return parts;
}

function marked(target, parts) {
  target.replaceChildren(...parts.map(({ text, quoted }) => (quoted ? element("mark", { textContent: text }) : text)));
}

// ---- how it came about

const REASONS = {
  deadline: "the time was up",
  upstream_timeout: "the model took too long",
  upstream_error: "the model’s server failed",
  upstream_rejected: "the model’s server refused the call: key, permission or model name",
  upstream_rate_limited: "the model’s server limits the rate",
  circuit_open: "calls are held back after failures",
  overloaded: "too many LLM calls are under way",
  budget_exhausted: "the budget was used up",
  malformed_output: "the replies could not be read",
  refused: "the model declined",
  truncated: "the reply was cut off",
  filtered: "a content filter held the reply back",
  context_overflow: "the prompt is larger than the model’s context",
  llm_disabled: "the LLM is switched off",
  no_llm_configured: "no LLM is configured",
  spend_gate: "the first stage was sure of itself",
  not_requested: "no LLM was asked for",
};

function verdict({ ranking }) {
  const why = ranking.reason ? `: ${REASONS[ranking.reason] ?? ranking.reason}` : "";
  const text = {
    llm: "Ranked by the LLM",
    partial: "Ranked by the LLM in part",
    fallback: "The LLM gave nothing usable, so this is the first stage’s order",
    classical: "The first stage’s order",
  }[ranking.status];
  return `${text}${why}.`;
}

function showFacts({ ranking, usage, explain: explained }) {
  const facts = [
    ["Status", ranking.reason ? `${ranking.status} (${ranking.reason})` : ranking.status],
    ["Pipeline", ranking.pipeline],
    ["Strategy", ranking.strategy],
    ["Prompt", ranking.prompt && `${ranking.prompt}, sha256 ${ranking.prompt_sha256.slice(0, 12)}`],
    ["Model", ranking.model],
    ["Cache", ranking.cache],
    ["Calls", `${ranking.calls} in ${ranking.rounds} rounds, ${ranking.failed_calls} failed`],
    ["Tokens", `${usage.input_tokens} in, ${usage.output_tokens} out`],
    ["Cost", `$${usage.cost_usd.toFixed(6)}`],
    ["Held back", ranking.held_back > 0 && `${ranking.held_back} by the bound on promotion`],
    ["Explained", explained && `${explained.llm} by the LLM, ${explained.classical} by the first stage`],
  ];
  const shown = facts.filter(([, value]) => value);
  $("facts").replaceChildren(...shown.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
}

function showTimes(timing, seen) {
  const { retrieve, rerank, explain: explaining, total } = timing;
  const steps = [
    ["Retrieve", 0, retrieve],
    ["Rank", retrieve, rerank],
    ["Explain", retrieve + rerank, explaining],
    ["Whole answer", 0, total],
  ].filter(([, , took]) => took > 0);
  const end = Math.max(total, ...seen.map((it) => it.at), 1);
  const words = { classical: "First results here", ranking: "Better order here", done: "Answer here" };
  for (const { name, at } of seen) if (words[name]) steps.push([words[name], 0, at]);
  $("timeline").replaceChildren(
    ...steps.map(([name, start, took]) => {
      const bar = element("span", { className: "bar" });
      bar.style.left = `${(100 * start) / end}%`;
      bar.style.width = `${(100 * took) / end}%`;
      const track = element("span", { className: "track" }, bar);
      track.setAttribute("aria-hidden", "true");
      const ms = took < 10 ? took.toFixed(1) : String(Math.round(took));
      return element("li", {}, element("span", { textContent: name }), track, element("span", { className: "ms", textContent: `${ms} ms` }));
    }),
  );
}

// ---- messages

function problemText(problem, status) {
  const where = problem.field ? `${problem.field}: ` : "";
  const title = problem.title ?? `Status ${status}`;
  return `${title}. ${where}${problem.detail ?? ""}`;
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
  say("");
}

function say(text) {
  $("status").textContent = text;
}

// ---- begin

$("search").addEventListener("submit", search);
$("stop").addEventListener("click", () => running?.abort());
$("collection").addEventListener("change", showPipelines);
$("pipeline").addEventListener("change", showPrompts);
$("strategy").addEventListener("change", showPrompts);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    say("Copied.");
  });
}
fill();
