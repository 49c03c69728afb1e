import { $, element, signed } from "./dom.js";

const EXCERPT = 320;
const AROUND_QUOTE = 80;

// ---- orders

// Results in their order; what stood elsewhere before is seen to move.
export function show(target, results, ranked) {
  const places = new Map([...target.children].map((it) => [it.dataset.key, it]));
  const before = new Map([...places].map(([key, it]) => [key, it.getBoundingClientRect().top]));
  const shown = results.map((result) => {
    const made = item(result, ranked);
    const old = places.get(made.dataset.key);
    if (old && old.explanation) setExplanation(made, old.explanation);
    return made;
  });
  target.replaceChildren(...shown);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const made of shown) {
    const moved = (before.get(made.dataset.key) ?? NaN) - made.getBoundingClientRect().top;
    if (moved) {
      made.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 350, easing: "ease-out" });
    }
  }
}

// Collections may have documents of the same id.
function keyOf({ collection, id }) {
  return `${collection ?? ""}/${id}`;
}

function item(result, ranked) {
  const { title, text } = result.document;
  const head = element("div", { className: "head" }, element("span", { className: "rank", textContent: result.rank }));
  head.append(element("span", { className: "title", textContent: title || result.id }));
  if (ranked) head.append(movement(result));
  const body = element("p", { className: "text" });
  marked(body, excerpt([...text], []));
  const scores = Object.entries(result.scores).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const meta = element("p", { className: "meta", textContent: [result.collection, result.id, ...scores].filter(Boolean).join(" · ") });
  const made = element("li", { className: "result" }, head, body, meta);
  made.dataset.key = keyOf(result);
  made.dataset.document = result.id;
  made.result = result;
  return made;
}

function movement({ rank, first_stage_rank: first }) {
  const by = first - rank;
  if (by === 0) return signed("move", "=", "not moved");
  const [sign, way] = by > 0 ? ["▲", "up"] : ["▼", "down"];
  return signed(`move ${way}`, `${sign} ${Math.abs(by)}`, `${way} ${Math.abs(by)}, from place ${first}`);
}

// ---- explanations

export function explain(of, explanation) {
  const key = keyOf(of);
  for (const made of $("ranked").children) {
    if (made.dataset.key === key) setExplanation(made, explanation);
  }
}

function setExplanation(made, explanation) {
  made.explanation = explanation;
  made.querySelector(".why")?.remove();
  const { title, text } = made.result.document;
  const of = (field) => explanation.quotes.filter((quote) => quote.field === field);
  marked(made.querySelector(".title"), excerpt([...(title || made.result.id)], of("title"), Infinity));
  marked(made.querySelector(".text"), excerpt([...text], of("text")));
  const by = explanation.kind === "llm" ? "The LLM" : "The first stage";
  const who = element("span", { className: "who", textContent: `${by}: ` });
  made.querySelector(".meta").before(element("p", { className: "why" }, who, explanation.text));
}

// The text, or of a long one its beginning or what stands around its quotes,
// as parts that are quoted or not. Offsets of quotes are code points, as
// `characters` are.
function excerpt(characters, quotes, most = EXCERPT) {
  const sorted = [...quotes].sort((a, b) => a.start - b.start);
  const parts = [];
  const push = (start, end, quoted) => {
    if (start < end) parts.push({ text: characters.slice(start, end).join(""), quoted });
  };
  let shownTo = 0;
  for (const [from, to] of stretches(characters.length, sorted, most)) {
    if (from > shownTo) parts.push({ text: " … ", quoted: false });
    let at = from;
    for (const { start, end } of sorted) {
      const [a, b] = [Math.max(start, at), Math.min(end, to)];
      if (a >= b) continue;
      push(at, a, false);
      push(a, b, true);
      at = b;
    }
    push(at, to, false);
    shownTo = to;
  }
  if (shownTo < characters.length) parts.push({ text: " …", quoted: false });
  return parts;
}

// Which stretches of a text are shown: all of its quotes are.
function stretches(length, sorted, most) {
  if (length <= most) return [[0, length]];
  if (sorted.length === 0) return [[0, most]];
  const found = [];
  for (const { start, end } of sorted) {
    const [from, to] = [Math.max(0, start - AROUND_QUOTE), Math.min(length, end + AROUND_QUOTE)];
    const last = found.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  if (found[0][0] < AROUND_QUOTE) found[0][0] = 0;
  return found;
}

function marked(target, parts) {
  target.replaceChildren(...parts.map(({ text, quoted }) => (quoted ? element("mark", { textContent: text }) : text)));
}
