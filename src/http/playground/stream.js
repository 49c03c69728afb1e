import { problemText } from "./dom.js";

const UNREACHED = "The gateway can’t be reached: is it running?";
const BROKEN = "The connection ended before the answer was complete.";

// A search as a stream of events: what is known of it so far, and its end.
export async function* eventsOf(asked, signal) {
  const response = await fetch("/v1/search", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...asked, stream: true, trace: true }),
    signal,
  }).catch(plainly(UNREACHED));
  if (!response.ok) throw new Error(await refusal(response));
  let complete = false;
  for await (const block of blocksOf(response.body)) {
    const event = eventOf(block);
    if (!event) continue;
    complete ||= event.name === "done" || event.name === "error";
    yield event;
  }
  if (!complete) throw new Error(BROKEN);
}

// Each browser has other words for a connection that fails, and none that help.
function plainly(text) {
  return (error) => {
    throw error.name === "AbortError" ? error : new Error(text);
  };
}

// What stands between may answer, too, and not in our form.
async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  return problemText(problem, response.status);
}

async function* blocksOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read().catch(plainly(BROKEN));
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    yield* blocks;
  }
}

// None for a comment, which only keeps the connection alive.
function eventOf(block) {
  const lines = block.split("\n");
  const field = (name) => lines.filter((it) => it.startsWith(`${name}:`)).map((it) => it.slice(name.length + 1).trimStart());
  const data = field("data").join("\n");
  return data ? { name: field("event")[0], data: JSON.parse(data) } : null;
}
