// Documents, queries and explanations are set as text, never as markup.

export const $ = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

// What is seen says it by signs, what is heard by words.
export function signed(className, sign, words) {
  const seen = element("span", { textContent: sign });
  seen.setAttribute("aria-hidden", "true");
  return element("span", { className }, seen, element("span", { className: "heard", textContent: words }));
}

export function say(text, kind = "") {
  $("status").textContent = text;
  $("status").dataset.kind = kind;
}

export function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
  say("");
}

export function problemText(problem, status) {
  const where = problem.field ? ` (${problem.field})` : "";
  const detail = problem.detail ? `: ${problem.detail}` : "";
  return `${problem.title ?? `The answer has status ${status}`}${where}${detail}`;
}
