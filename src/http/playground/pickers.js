import { $, element, say, showProblem } from "./dom.js";

const TASK_OF = {
  graded: "rerank.graded",
  pointwise: "rerank.pointwise",
  pairwise: "rerank.pairwise",
  none: null,
};
const STRATEGIES = ["none", "auto", "single", "refine", "topdown", "sliding", "blocks", "graded", "pointwise", "pairwise"];
// In the order in which one decides what the next may be.
const FIELDS = ["query", "collection", "pipeline", "strategy", "prompt", "top_n", "deadline_ms"];

let pipelines = [];
let prompts = [];

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
  if (made.some((it) => it.value === before)) select.value = before;
}

function searchable() {
  const collection = $("collection").value;
  return pipelines.filter((it) => it.collections.length > 0 && (!collection || it.collections.includes(collection)));
}

function showPipelines() {
  options($("pipeline"), null, searchable().map((it) => [it.name, it.default ? `${it.name} (default)` : it.name]));
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

// Asks the gateway what there is to pick.
export async function fill() {
  try {
    [pipelines, prompts] = await Promise.all([list("/v1/pipelines", "pipelines"), list("/v1/prompts", "prompts")]);
  } catch (error) {
    return showProblem(`The gateway can’t be asked what it has: ${error.message}`);
  }
  const collections = [...new Set(pipelines.flatMap((it) => it.collections))].sort();
  options($("collection"), "all of the pipeline’s", collections.map((name) => [name, name]));
  options($("strategy"), "the pipeline’s", STRATEGIES.map((name) => [name, name]));
  showPipelines();
  const standard = searchable().find((it) => it.default);
  if (standard) $("pipeline").value = standard.name;
  showPrompts();
  if (searchable().length === 0) {
    return showProblem("No pipeline has a collection: there is nothing to search. Index documents and name their collection in a pipeline.");
  }
  fromLink();
}

export function follow() {
  $("collection").addEventListener("change", showPipelines);
  $("pipeline").addEventListener("change", showPrompts);
  $("strategy").addEventListener("change", showPrompts);
  addEventListener("hashchange", fromLink);
}

// The body of the request.
export function asked() {
  const body = { query: $("query").value, pipeline: $("pipeline").value };
  for (const name of ["collection", "strategy", "prompt"]) {
    if ($(name).value) body[name] = $(name).value;
  }
  for (const name of ["top_n", "deadline_ms"]) {
    if ($(name).value) body[name] = Number($(name).value);
  }
  if ($("explain").checked) body.explain = true;
  return body;
}

// What was asked stands in the address, behind the #: a link to it keeps the
// query out of the logs of all that it passes.
export function toLink() {
  const fields = FIELDS.map((name) => [name, $(name).value]).filter(([, value]) => value);
  if ($("explain").checked) fields.push(["explain", "true"]);
  history.replaceState(null, "", `#${new URLSearchParams(fields)}`);
}

// A link fills in and does not search: following one must not cost anything.
function fromLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  if (!link.has("query")) return;
  const missing = [];
  for (const name of FIELDS) {
    const value = link.get(name) ?? "";
    if (name === "pipeline" && !value) continue;
    const before = $(name).value;
    $(name).value = value;
    if ($(name).value !== value) {
      missing.push(`${name} “${value}”`);
      $(name).value = before;
    }
    if (name === "collection") showPipelines();
    if (name === "pipeline" || name === "strategy") showPrompts();
  }
  $("explain").checked = link.get("explain") === "true";
  if (missing.length > 0) return showProblem(`The link asks for what isn’t here: ${missing.join(", ")}.`);
  say("Filled in from the link. Nothing has been asked yet.");
}
