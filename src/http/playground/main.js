import { showFacts, showWaterfall, verdict } from "./account.js";
import { copies, showCode } from "./code.js";
import { $, problemText, say, showProblem } from "./dom.js";
import { asked, fill, follow, toLink } from "./pickers.js";
import { explain, show } from "./results.js";
import { eventsOf } from "./stream.js";

let running = null;

async function search(event) {
  event.preventDefault();
  if (running) running.abort();
  const mine = new AbortController();
  running = mine;
  const body = asked();
  begin(body);
  const begun = performance.now();
  const seen = [];
  try {
    for await (const { name, data } of eventsOf(body, mine.signal)) {
      seen.push({ name, at: performance.now() - begun });
      take(name, data, seen);
    }
  } catch (error) {
    // Another search, or its reader, has ended this one.
    if (running !== mine) return;
    if (error.name === "AbortError") stopped();
    else failed(error.message);
  } finally {
    if (running === mine) end();
  }
}

function begin(body) {
  $("problem").hidden = true;
  $("answer").hidden = true;
  $("account").hidden = true;
  $("stop").hidden = false;
  $("ranked").setAttribute("aria-busy", "true");
  for (const id of ["classical", "ranked", "facts", "waterfall"]) $(id).replaceChildren();
  showCode(body);
  toLink();
  say("Searching…", "waiting");
}

function end() {
  running = null;
  // Who has stopped it by key goes on from the button beside.
  if (document.activeElement === $("stop")) $("run").focus();
  $("stop").hidden = true;
  $("ranked").removeAttribute("aria-busy");
}

function stopped() {
  title("Stopped");
  say("Stopped: calls that nobody else waits for are cancelled.");
}

function failed(text) {
  title("Not completed");
  showProblem(text);
}

function title(text) {
  $("ranked-title").textContent = text;
}

function take(name, data, seen) {
  if (name === "error") return failed(problemText(data));
  $("answer").hidden = false;
  if (name === "classical") {
    show($("classical"), data.results, false);
    show($("ranked"), data.results, true);
    title("With the LLM: waiting…");
    say(`${data.results.length} results of the first stage. Waiting for the LLM…`, "waiting");
  } else if (name === "ranking") {
    show($("ranked"), data.results, true);
    title("With the LLM, so far");
    say(`A better order after ${Math.round(seen.at(-1).at)} ms. Waiting for the rest…`, "waiting");
  } else if (name === "explanation") {
    explain(data, data.explanation);
  } else if (name === "done") {
    done(data, seen);
  }
}

function done(answer, seen) {
  show($("ranked"), answer.results, true);
  for (const result of answer.results) if (result.explanation) explain(result, result.explanation);
  const { status } = answer.ranking;
  title(status === "llm" || status === "partial" ? "With the LLM" : "Answered: the first stage’s order");
  showFacts(answer);
  showWaterfall(answer, seen);
  $("account").hidden = false;
  if (answer.results.length === 0) return say("Nothing was found.");
  say(verdict(answer), status);
}

$("search").addEventListener("submit", search);
$("stop").addEventListener("click", () => running?.abort());
for (const button of document.querySelectorAll("[data-copy]")) copies(button);
follow();
fill();
