// The model's server as gateways see it. Rankings are the simulator's, passed on; explanations, which it has none of, quote
// the document where it has a word of the query. `delay` is how long a call takes, and `hangs` lets calls wait until they are cancelled.

import { createServer } from "node:http";

export async function serve(simulator) {
  const upstream = { delay: 0, hangs: false, waiting: 0 };
  const server = createServer((request, response) => answer(upstream, simulator, request, response));
  await new Promise((resume) => server.listen(0, "127.0.0.1", resume));
  upstream.url = `http://127.0.0.1:${server.address().port}`;
  upstream.stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return upstream;
}

async function answer(upstream, simulator, request, response) {
  upstream.waiting += 1;
  response.on("close", () => (upstream.waiting -= 1));
  const body = await bodyOf(request);
  if (upstream.hangs) return;
  await new Promise((resume) => setTimeout(resume, upstream.delay));
  const asked = JSON.parse(body);
  const [status, text] = explains(asked) ? [200, JSON.stringify(explanation(asked))] : await passOn(simulator, request.url, body);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(text);
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function passOn(simulator, path, body) {
  const passed = await fetch(`${simulator}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return [passed.status, await passed.text()];
}

function userOf(asked) {
  return asked.messages.at(-1).content;
}

function explains(asked) {
  return userOf(asked).includes('{"items"');
}

// The document stands between its label and the line that ends it.
function explanation(asked) {
  const [, query, text] = userOf(asked).match(/^Query: (.*)\n[\s\S]*?\[1\][^\n]*\n([\s\S]*?)\n+\S+ end\n/);
  const wanted = query.toLowerCase().split(/\s+/).filter((it) => it.length > 3);
  const words = text.trim().split(/\s+/);
  const from = Math.max(0, words.findIndex((it) => wanted.includes(it.toLowerCase())));
  const quotes = [words.slice(from, from + 5).join(" ")];
  const content = JSON.stringify({ items: [{ id: 1, claim: "The text names what is asked for.", quotes }] });
  return {
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }],
    usage: { prompt_tokens: 200, completion_tokens: 40 },
  };
}
