import { $, element } from "./dom.js";

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

const VERDICTS = {
  llm: "Ranked by the LLM",
  partial: "Ranked by the LLM in part",
  fallback: "The LLM gave nothing usable, so this is the first stage’s order",
  classical: "The first stage’s order",
};

const HERE = { classical: "First results on this page", ranking: "A better order on this page", done: "The answer on this page" };

// ---- what happened, in a sentence and in figures

export function verdict({ ranking, explain }) {
  const why = ranking.reason ? `: ${because(ranking.reason)}` : "";
  const unexplained = explain?.reason ? ` Not all is explained by the LLM: ${because(explain.reason)}.` : "";
  return `${VERDICTS[ranking.status]}${why}.${unexplained}`;
}

function because(reason) {
  return REASONS[reason] ?? reason;
}

export function showFacts({ ranking, usage, explain: explained }) {
  const facts = [
    ["Status", ranking.reason ? `${ranking.status} (${ranking.reason})` : ranking.status],
    ["Pipeline", ranking.pipeline],
    ["Strategy", ranking.strategy],
    ["Prompt", ranking.prompt && `${ranking.prompt}, sha256 ${ranking.prompt_sha256.slice(0, 12)}`],
    ["Model", ranking.model],
    ["Cache", ranking.cache],
    ["Calls", `${ranking.calls} in ${many(ranking.rounds, "round")}, ${count(ranking.failed_calls)} failed`],
    ["Tokens", `${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out`],
    ["Cost", money(usage.cost_usd)],
    ["Held back", ranking.held_back > 0 && `${ranking.held_back} by the bound on promotion`],
    ["First stage", ranking.degraded && `without its ${ranking.degraded}, which failed`],
    ["Explained", explained && `${explained.llm} by the LLM, ${explained.classical} by the first stage, in ${many(explained.calls, "call")}`],
  ];
  const shown = facts.filter(([, value]) => value);
  $("facts").replaceChildren(...shown.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
}

// ---- the waterfall

export function showWaterfall(answer, seen) {
  const { total } = answer.timing_ms;
  const end = Math.max(total, ...seen.map((it) => it.at), 1);
  $("axis").textContent = `0 to ${count(Math.round(end))} ms`;
  const rows = [...steps(answer), ...seen.filter((it) => HERE[it.name]).map(onThisPage)];
  $("waterfall").replaceChildren(...rows.map((it) => row(it, end)));
  $("calls").textContent = `${many(answer.trace.calls.length, "call")} of this request. ${kept(answer)}`.trim();
}

function kept({ ranking }) {
  if (ranking.cache === "hit") return "The ranking was kept from an earlier request.";
  if (ranking.cache === "coalesced") return "The ranking was made by the calls of another request.";
  return ranking.recalled > 0 ? `${ranking.recalled} more were known from earlier requests.` : "";
}

// Phases, the calls that each made, and the whole.
function steps({ timing_ms: timing, trace, usage, ranking }) {
  const explainFrom = Math.max(0, timing.total - timing.explain);
  const rankFrom = Math.max(0, explainFrom - timing.rerank);
  const of = (purpose) => trace.calls.filter((it) => it.purpose === purpose).map(call);
  const phase = (name, start, took) => ({ kind: "phase", name, start, took });
  const found = phase("Retrieve", Math.max(0, rankFrom - timing.retrieve), timing.retrieve);
  const parts = [
    [found],
    [phase("Rank", rankFrom, timing.rerank), ...of("rank")],
    [phase("Explain", explainFrom, timing.explain), ...of("explain")],
  ];
  const whole = { ...phase("Whole answer", 0, timing.total), kind: "whole", usage, outcome: ranking.status };
  return [...parts.filter(([first, ...calls]) => first.took > 0 || calls.length > 0).flat(), whole];
}

function call(it, at) {
  const detail = [it.round && `round ${it.round}`, many(it.documents, "document"), it.upstream].filter(Boolean).join(", ");
  const again = it.attempts > 1 ? `, ${it.attempts} attempts` : "";
  const failed = it.outcome !== "ok" && it.outcome !== "unfinished";
  return {
    kind: failed ? "call failed" : `call ${it.outcome}`,
    name: `Call ${at + 1}`,
    detail,
    start: it.start_ms,
    took: it.took_ms,
    usage: it,
    outcome: `${it.outcome}${again}`,
  };
}

function onThisPage({ name, at }) {
  return { kind: "page", name: HERE[name], start: 0, took: at };
}

function row({ kind, name, detail, start, took, usage, outcome }, end) {
  const head = element("th", { scope: "row", textContent: name });
  head.setAttribute("role", "rowheader");
  if (detail) head.append(" ", element("span", { className: "detail", textContent: detail }));
  const figures = [
    ["start", ms(start)],
    ["took", ms(took)],
    ["tokens", usage ? count(usage.input_tokens) : "", " in"],
    ["tokens", usage ? count(usage.output_tokens) : "", " out"],
    ["cost", usage ? money(usage.cost_usd) : ""],
    ["outcome", outcome ?? ""],
  ];
  const cells = figures.map(([className, text, unit]) => cell(className, text, unit));
  const made = element("tr", { className: kind }, head, track(start, took, end), ...cells);
  made.setAttribute("role", "row");
  return made;
}

function cell(className, text, unit) {
  const made = element("td", { className, textContent: text });
  // Said by the column's name, where there are columns.
  if (text && unit) made.append(element("span", { className: "unit", textContent: unit }));
  made.setAttribute("role", "cell");
  return made;
}

function track(start, took, end) {
  const bar = element("span", { className: "bar" });
  bar.style.left = `${(100 * start) / end}%`;
  bar.style.width = `${(100 * Math.min(took, end - start)) / end}%`;
  const made = element("td", { className: "when" }, element("span", { className: "track" }, bar));
  made.setAttribute("role", "cell");
  return made;
}

// ---- figures

function ms(value) {
  return `${value < 10 ? value.toFixed(1) : count(Math.round(value))} ms`;
}

function count(value) {
  return value.toLocaleString("en");
}

function many(number, what) {
  return `${count(number)} ${what}${number === 1 ? "" : "s"}`;
}

function money(usd) {
  return usd === 0 ? "$0" : `$${usd.toFixed(6)}`;
}
