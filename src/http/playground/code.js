import { $, say } from "./dom.js";

// The same request for a terminal and for a program.
export function showCode(asked) {
  const url = `${location.origin}/v1/search`;
  $("curl").textContent = curl(url, asked);
  $("python").textContent = python(url, asked);
}

function curl(url, asked) {
  const inShell = JSON.stringify(asked).replaceAll("'", "'\\''");
  return `curl -s ${url} -H 'content-type: application/json' -d '${inShell}'`;
}

function python(url, asked) {
  return [
    "import json, urllib.request",
    "",
    `asked = ${inPython(asked)}`,
    `request = urllib.request.Request("${url}", json.dumps(asked).encode(), {"content-type": "application/json"})`,
    "answer = json.load(urllib.request.urlopen(request))",
    'for result in answer["results"]:',
    '    print(result["rank"], result["id"], result["document"]["title"])',
    'print(answer["ranking"]["status"], answer["ranking"]["reason"])',
  ].join("\n");
}

// Strings and numbers are written alike in JSON and Python, true is True.
function inPython(asked) {
  const value = (it) => (it === true ? "True" : JSON.stringify(it));
  const entries = Object.entries(asked).map(([name, it]) => `${JSON.stringify(name)}: ${value(it)}`);
  return `{${entries.join(", ")}}`;
}

export function copies(button) {
  const code = $(button.dataset.copy);
  button.addEventListener("click", async () => {
    const copied = await copy(code);
    const name = button.dataset.name;
    say(copied ? `Copied: ${name}.` : `${name} is selected: copy it with Ctrl+C or ⌘C.`);
    button.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

// Without permission, or over plain HTTP from another machine, there is no
// clipboard to write to: then the text is selected, which the older way needs.
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}
