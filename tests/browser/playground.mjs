// What a reader does on the playground, and what it has to show then.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

import { wire } from "./wire.mjs";

const DOWN = "The LLM gave nothing usable, so this is the first stage’s order: the model’s server failed.";
// What shells, Python and JSON each write in their own way.
const AWKWARD = "it's a \"tent\" \\ $HOME `id` % ünder 雪 🏕 100 €";

export const CHECKS = {
  async "the classical order comes at once and the LLM's as it comes in"({ pages, url, upstream }) {
    upstream.delay = 400;
    await pages.on(url, async (page) => {
      const answered = answerOf(page);
      // Looked at below, where nothing else has failed before.
      answered.catch(() => {});
      await page.fill("#query", "hiking boots without leather");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#classical .result");
      assert.equal(await page.getAttribute("#ranked", "aria-busy"), "true");
      assert.match(await page.textContent("#status"), /Waiting for the LLM/);
      const first = await ids(page, "#ranked");
      assert.deepEqual(first, await ids(page, "#classical"));
      await page.waitForFunction(() => document.getElementById("status").textContent.includes("A better order"));
      const done = await answered;
      assert.equal(await page.getAttribute("#ranked", "aria-busy"), null);
      assert.equal(await page.textContent("#status"), "Ranked by the LLM.");
      assert.deepEqual(await ids(page, "#ranked"), done.results.map((it) => it.id));
      assert.notDeepEqual(await ids(page, "#ranked"), first);
      assert.deepEqual(await movements(page), done.results.map(movement));
    });
  },

  async "quotes are marked where the answer has them"({ pages, url }) {
    await pages.on(url, async (page) => {
      const done = await search(page, "light tent for two", { explain: true, top_n: 5 });
      assert.equal(done.explain.llm, 5, JSON.stringify(done.explain));
      const shown = await page.locator("#ranked .result").evaluateAll((all) =>
        all.map((it) => ({ why: it.querySelector(".why").textContent, marks: [...it.querySelectorAll("mark")].map((mark) => mark.textContent) })));
      for (const [at, { explanation }] of done.results.entries()) {
        assert.equal(shown[at].why, `The LLM: ${explanation.text}`);
        assert.deepEqual(shown[at].marks, explanation.quotes.map((it) => it.text));
      }
    });
  },

  async "a long text is shown around its quotes, and markup as text"({ pages, url }) {
    await pages.on(url, async (page) => {
      await page.selectOption("#collection", "notes");
      const done = await search(page, "tent", { explain: true });
      assert.deepEqual(done.results.map((it) => it.collection), ["notes", "notes", "notes"]);
      const texts = await page.locator("#ranked .result").evaluateAll((all) => all.map((it) => it.textContent));
      const of = (id) => texts[done.results.findIndex((it) => it.id === id)];
      assert.match(of("long"), / … .*Only here a tent is named.* …/s);
      assert.ok(of("markup").includes("<script>document.title='broken'</script> </p><b>tent</b> &amp; rain"));
      assert.ok(of("markup").includes("<img src=x"));
      assert.equal(await page.title(), "rankgate playground");
      assert.equal(await page.locator("main img, main b").count(), 0);
    });
  },

  async "a picked collection is the only one that is searched"({ pages, url }) {
    await pages.on(url, async (page) => {
      await page.selectOption("#pipeline", "everything");
      const both = await search(page, "haverbeck tent note", { top_n: 100 });
      const places = both.results.filter((it) => it.id === "haverbeck-meadow-2").map((it) => it.collection);
      assert.deepEqual(places.sort(), ["notes", "outdoor"]);
      await page.selectOption("#collection", "outdoor");
      const one = await search(page, "haverbeck tent note", { pipeline: "everything" });
      assert.ok(one.results.length > 0 && one.results.every((it) => it.collection === "outdoor"));
    });
  },

  async "the waterfall has a row for each call, with its figures"({ pages, url }) {
    await pages.on(url, async (page) => {
      const done = await search(page, "winter down sleeping bag", { explain: true, top_n: 3 });
      const { calls } = done.trace;
      assert.equal(calls.length, done.ranking.calls + done.explain.calls);
      assert.ok(done.ranking.rounds > 1 && done.explain.calls === 3, JSON.stringify(done.ranking));
      assert.deepEqual(await rows(page), calls.map((it) => [it.input_tokens.toLocaleString("en"), it.output_tokens.toLocaleString("en"), `$${it.cost_usd.toFixed(6)}`, it.outcome]));
      const phases = await page.locator("#waterfall .phase th").allTextContents();
      assert.deepEqual(phases, ["Retrieve", "Rank", "Explain"]);
      const bars = await page.locator("#waterfall .call .bar").evaluateAll((all) => all.map((it) => it.getBoundingClientRect().width));
      assert.ok(bars.every((width) => width > 3), `${bars}`);
      // A repeat costs nothing and says so.
      await search(page, "winter down sleeping bag", { explain: true, top_n: 3 });
      assert.deepEqual(await rows(page), []);
      assert.equal(await page.textContent("#calls"), "0 calls of this request. The ranking was kept from an earlier request.");
    });
  },

  async "a hundred calls stay readable"({ pages, url, upstream }) {
    upstream.delay = 50;
    await pages.on(url, async (page) => {
      await search(page, "first aid kit", { pipeline: "many" });
      assert.equal((await rows(page)).length, 100);
      const box = await page.locator(".scroll").evaluate((it) => ({ all: it.scrollHeight, seen: it.clientHeight }));
      assert.ok(box.all > box.seen && box.seen <= 640, JSON.stringify(box));
      await page.focus(".scroll");
      await page.keyboard.press("End");
      await page.waitForFunction(() => document.querySelector(".scroll").scrollTop > 0);
      const head = await page.locator("thead th").first().boundingBox();
      const top = await page.locator(".scroll").boundingBox();
      assert.ok(Math.abs(head.y - top.y) < 3, "the names of the columns stay in sight");
    });
  },

  async "an LLM that is down is said plainly"({ pages, url }) {
    await pages.on(url, async (page) => {
      const done = await search(page, "climbing harness", { pipeline: "down" });
      assert.equal(await page.textContent("#status"), DOWN);
      assert.deepEqual(await ids(page, "#ranked"), await ids(page, "#classical"));
      assert.equal(await page.textContent("#ranked-title"), "Answered: the first stage’s order");
      assert.deepEqual((await rows(page)).map((it) => it.at(-1)), ["upstream_error"]);
      assert.equal(done.ranking.failed_calls, 1);
    });
  },

  async "errors are said plainly"({ pages, url }) {
    const failing = { expects: [404, 503] };
    await pages.on(url, async (page) => {
      await page.selectOption("#pipeline", "empty");
      await page.fill("#query", "tent");
      await page.click("#run");
      await page.waitForSelector("#problem:not([hidden])");
      assert.match(await page.textContent("#problem"), /The first stage gave no candidates.*rankgate index/);
      assert.ok(await page.isHidden("#answer"));
      // A pipeline that was taken away since the page was opened.
      await page.evaluate(() => (document.querySelector("#pipeline option").value = "gone"));
      await page.selectOption("#pipeline", "gone");
      await page.click("#run");
      await page.waitForFunction(() => document.getElementById("problem").textContent.includes("gone"));
      assert.match(await page.textContent("#problem"), /There is no such pipeline \(pipeline\): there is no pipeline "gone"/);
      await pages.isAccessible(page);
    }, failing);
    await pages.on(url, async (page) => {
      await page.fill("#query", "tent");
      await page.fill("#deadline_ms", "0");
      await page.click("#run");
      assert.equal(await page.evaluate(() => document.getElementById("deadline_ms").validity.rangeUnderflow), true);
      assert.equal(await page.textContent("#status"), "", "nothing was asked");
    });
  },

  async "an answer that breaks off is an error and not an answer"({ pages, url }) {
    const half = 'event: classical\ndata: {"results":[],"ranking":{}}\n\n';
    const cases = [
      [{ status: 200, contentType: "text/event-stream", body: half }, "The connection ended before the answer was complete."],
      [{ status: 200, contentType: "text/event-stream", body: `${half}event: error\ndata: {"title":"The gateway has a fault","detail":"the log has more"}\n\n` }, "The gateway has a fault: the log has more"],
      [{ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }, "The answer has status 502"],
    ];
    for (const [answer, said] of cases) {
      await pages.on(url, async (page) => {
        await page.route("**/v1/search", (route) => route.fulfill(answer));
        await page.fill("#query", "tent");
        await page.click("#run");
        await page.waitForSelector("#problem:not([hidden])");
        assert.equal(await page.textContent("#problem"), said);
        assert.ok(await page.isHidden("#stop"));
      }, { expects: [502] });
    }
  },

  async "a gateway that goes away is said plainly"({ pages, url, upstream }) {
    upstream.hangs = true;
    const line = await wire(url);
    await pages.on(line.url, async (page) => {
      await page.fill("#query", "tent");
      await page.click("#run");
      await page.waitForSelector("#classical .result");
      line.cut();
      await page.waitForSelector("#problem:not([hidden])");
      assert.equal(await page.textContent("#problem"), "The connection ended before the answer was complete.");
      await page.click("#run");
      await page.waitForFunction(() => document.getElementById("problem").textContent.includes("can’t be reached"));
      assert.ok(await page.isHidden("#stop"));
    }, { expects: ["net::ERR_"] }).finally(line.cut);
    await until(() => upstream.waiting === 0);
  },

  async "a deadline that is too short leaves the first stage's order"({ pages, url, upstream }) {
    upstream.delay = 10_000;
    await pages.on(url, async (page) => {
      await search(page, "snowshoes", { deadline_ms: 1500 });
      assert.match(await page.textContent("#status"), /first stage’s order: the time was up\./);
      const outcomes = (await rows(page)).map((it) => it.at(-1));
      assert.ok(outcomes.length > 0 && outcomes.every((it) => it === "unfinished"), `${outcomes}`);
    });
  },

  async "Stop cancels the calls and gives the focus back"({ pages, url, upstream }) {
    upstream.hangs = true;
    await pages.on(url, async (page) => {
      await page.fill("#query", "water filter for hiking");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#classical .result");
      await until(() => upstream.waiting > 0);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      assert.equal(await focused(page), "stop");
      await page.keyboard.press("Enter");
      await until(() => upstream.waiting === 0);
      assert.match(await page.textContent("#status"), /^Stopped/);
      assert.equal(await focused(page), "run");
    });
  },

  async "what is copied runs and gives the same"({ pages, url }) {
    await pages.on(url, async (page) => {
      const done = await search(page, AWKWARD, { explain: true, top_n: 4 });
      const expected = done.results.map((it) => it.id);
      const curl = run("bash", ["-c", await page.textContent("#curl")]);
      assert.deepEqual(JSON.parse(curl).results.map((it) => it.id), expected);
      const python = run("python3", ["-c", await page.textContent("#python")]).trim().split("\n");
      assert.deepEqual(python.slice(0, -1).map((line) => line.split(" ")[1]), expected);
      assert.equal(python.at(-1), "llm None");
    });
  },

  async "copying works with a clipboard and without"({ pages, url }) {
    for (const prepare of ["", "Object.defineProperty(navigator, 'clipboard', { value: undefined }); document.execCommand = () => false;"]) {
      await pages.on(url, async (page) => {
        await search(page, "tent footprint", { strategy: "none" });
        await page.click("[data-copy=python]");
        const said = prepare ? /^Python is selected: copy it with Ctrl\+C/ : /^Copied: Python\./;
        await page.waitForFunction((source) => new RegExp(source).test(document.getElementById("status").textContent), said.source);
        const text = await page.evaluate((selected) => (selected ? getSelection().toString() : navigator.clipboard.readText()), prepare !== "");
        assert.equal(text, await page.textContent("#python"));
      }, { prepare, permissions: prepare ? [] : ["clipboard-read"] });
    }
  },

  async "a link fills in what was asked and asks nothing"({ pages, url }) {
    let link;
    await pages.on(url, async (page) => {
      await search(page, AWKWARD, { pipeline: "many", strategy: "none", top_n: 3, explain: true });
      link = page.url();
    });
    await pages.on(link, async (page) => {
      const values = await page.evaluate(() => ["query", "pipeline", "strategy", "top_n"].map((id) => document.getElementById(id).value));
      assert.deepEqual(values, [AWKWARD, "many", "none", "3"]);
      assert.ok(await page.isChecked("#explain"));
      assert.ok(await page.isHidden("#answer"));
      assert.equal(await page.textContent("#status"), "Filled in from the link. Nothing has been asked yet.");
    });
    await pages.on(`${url}#query=tent&pipeline=nope`, async (page) => {
      assert.equal(await page.textContent("#problem"), "The link asks for what isn’t here: pipeline “nope”.");
    });
  },

  async "everything can be done by keyboard"({ pages, url }) {
    await pages.on(url, async (page) => {
      assert.equal(await focused(page), "query", "one can type at once");
      await page.keyboard.type("carbon trekking poles");
      await Promise.all([answerOf(page), page.keyboard.press("Enter")]);
      const reached = [await focused(page)];
      while (reached.at(-1) !== "python-title" && reached.length < 30) {
        await page.keyboard.press("Tab");
        reached.push(await focused(page));
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(outline, "none", `${reached.at(-1)} shows that it has the focus`);
      }
      const wanted = ["query", "run", "collection", "pipeline", "strategy", "prompt", "top_n", "deadline_ms", "explain", "time-title", "curl", "curl-title", "python", "python-title"];
      assert.deepEqual(reached, wanted);
    });
  },

  async "axe finds nothing, in light and dark, wide and narrow"({ pages, url }) {
    for (const [colorScheme, width] of [["light", 1200], ["dark", 1200], ["light", 420], ["dark", 420]]) {
      await pages.on(url, async (page) => {
        await pages.isAccessible(page);
        await search(page, "women's puffer", { explain: true, top_n: 3 });
        await pages.isAccessible(page);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} px of ${width}`);
        await search(page, "climbing harness", { pipeline: "down", explain: true });
        await pages.isAccessible(page);
      }, { colorScheme, viewport: { width, height: 900 } });
    }
  },
};

// ---- steps

// Asks by the form and gives the complete answer as the page got it.
async function search(page, query, picked = {}) {
  await page.fill("#query", query);
  for (const [name, value] of Object.entries(picked)) {
    if (name === "explain") await page.setChecked("#explain", value);
    else if (["top_n", "deadline_ms"].includes(name)) await page.fill(`#${name}`, String(value));
    else await page.selectOption(`#${name}`, value);
  }
  const [answer] = await Promise.all([answerOf(page), page.click("#run")]);
  return answer;
}

async function answerOf(page) {
  const response = await page.waitForResponse((it) => it.url().endsWith("/v1/search"));
  const text = await response.text();
  const done = text.split("\n\n").find((it) => it.includes("event: done"));
  assert.ok(done, text.slice(-500));
  await page.waitForSelector("#stop", { state: "hidden" });
  return JSON.parse(done.split("data: ")[1]);
}

function ids(page, list) {
  return page.locator(`${list} .result`).evaluateAll((all) => all.map((it) => it.dataset.document));
}

// What is seen and what is heard of each arrow.
function movements(page) {
  return page.locator("#ranked .move").evaluateAll((all) => all.map((it) => [...it.children].map((part) => part.textContent)));
}

function movement({ rank, first_stage_rank: first }) {
  const by = Math.abs(first - rank);
  if (by === 0) return ["=", "not moved"];
  return first > rank ? [`▲ ${by}`, `up ${by}, from place ${first}`] : [`▼ ${by}`, `down ${by}, from place ${first}`];
}

// Tokens in and out, cost and outcome of each call.
function rows(page) {
  return page.locator("#waterfall .call").evaluateAll((all) =>
    all.map((it) => [...it.querySelectorAll(".tokens, .cost, .outcome")].map((cell) => cell.firstChild?.textContent ?? "")));
}

// The id of what has the focus, of what names it, or of what it copies.
function focused(page) {
  return page.evaluate(() => {
    const it = document.activeElement;
    return it.id || it.dataset.copy || it.getAttribute("aria-labelledby");
  });
}

function run(program, command) {
  const ended = spawnSync(program, command, { encoding: "utf8", timeout: 30_000 });
  assert.equal(ended.status, 0, ended.stderr);
  return ended.stdout;
}

async function until(isSo) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (isSo()) return;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  assert.fail(`it never came to ${isSo}`);
}
