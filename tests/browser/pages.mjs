// What holds for every page: it asks nobody but its gateway, it reports no error, and axe finds nothing wrong with it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { browser as chromium, packages } from "./install.mjs";

// In a closed network a browser that phones home waits for its own requests.
const QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export async function launch() {
  const require = packages();
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  // Each launch gets a fresh profile.
  const browser = await require("playwright-core").chromium.launch({ executablePath: chromium(), args: QUIET });
  return new Pages(browser, axe);
}

export class Pages {
  constructor(browser, axe) {
    Object.assign(this, { browser, axe });
  }

  // Does `work` on a page that starts at `url`, and fails where the page asked elsewhere or reported an error. `expects`
  // lists what the browser may report as part of what is tried: statuses, as numbers, or names of its own errors.
  async on(url, work, { expects = [], prepare = "", ...options } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1200, height: 900 }, reducedMotion: "reduce", ...options });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      if (prepare) await page.addInitScript(prepare);
      const errors = watch(page, new URL(url).origin, expects);
      await page.goto(url, { waitUntil: "networkidle" });
      try {
        await work(page);
      } catch (error) {
        error.page = await page.screenshot({ fullPage: true }).catch(() => null);
        throw error;
      }
      assert.deepEqual(errors, []);
    } finally {
      await context.close();
    }
  }

  async isAccessible(page) {
    await page.evaluate(this.axe);
    const violations = await page.evaluate(async (values) => {
      const found = await axe.run(document, { runOnly: { type: "tag", values } });
      return found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
    }, RULES);
    assert.deepEqual(violations, []);
  }

  stop() {
    return this.browser.close();
  }
}

function watch(page, origin, expects) {
  const errors = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) errors.push(`it asked ${url}`);
  });
  page.on("pageerror", (error) => errors.push(`it threw: ${error.message}`));
  page.on("console", (message) => {
    const words = expects.map((it) => (typeof it === "number" ? `status of ${it}` : it));
    const expected = words.some((it) => message.text().includes(it));
    if (["error", "warning"].includes(message.type()) && !expected) errors.push(`console: ${message.text()}`);
  });
  return errors;
}
