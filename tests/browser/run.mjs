#!/usr/bin/env node
// The pages in a real browser, before the real program. `make test-browser` builds the program and runs this.
//
//   --bin PROGRAM     the program (default: target/debug/rankgate)
//   --only TEXT       only checks whose name has this in it
//   --shots FOLDER    pictures of the playground besides, in light, dark and narrow
//
// Exit status: 0 all is well; 1 something isn't; where Chromium or the packages can't be had, 1 in CI (where the
// environment has CI) and otherwise 0, with a line that says so.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

import { CHECKS as DOCS } from "./docs.mjs";
import { HOME, NotInstalled, ROOT } from "./install.mjs";
import { launch } from "./pages.mjs";
import { CHECKS as PLAYGROUND } from "./playground.mjs";
import { configure, gateway, index, simulator } from "./processes.mjs";
import { shoot } from "./shots.mjs";
import { serve } from "./upstream.mjs";

const CHECKS = { ...PLAYGROUND, ...DOCS };

async function main() {
  const target = process.env.CARGO_TARGET_DIR ?? "target";
  const { values } = parseArgs({ options: { bin: { type: "string" }, only: { type: "string" }, shots: { type: "string" } } });
  const program = values.bin ? resolve(values.bin) : resolve(ROOT, target, "debug", "rankgate");
  if (!existsSync(program)) throw new Error(`${program} does not exist: run make test-browser, which builds it`);
  const pages = await launch();
  const folder = mkdtempSync(join(tmpdir(), "rankgate-browser-"));
  const running = [pages];
  try {
    const world = await open(program, folder, running);
    const failed = await check({ pages, ...world }, values.only ?? "");
    if (values.shots) await shoot({ pages, ...world }, values.shots);
    return failed;
  } finally {
    for (const it of running.reverse()) await it.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

// Everything behind the pages; `running` gets what has to be ended.
async function open(program, folder, running) {
  const model = await simulator(program, folder);
  running.push(model);
  const upstream = await serve(model.url);
  running.push(upstream);
  // Port 9 is nobody's: the connection is refused.
  configure(folder, upstream.url, "http://127.0.0.1:9");
  index(program, folder);
  const served = await gateway(program, folder);
  running.push(served);
  return { upstream, url: `${served.url}/`, told: served.told };
}

async function check(world, only) {
  let failed = 0;
  const chosen = Object.entries(CHECKS).filter(([name]) => name.includes(only));
  for (const [name, work] of chosen) {
    Object.assign(world.upstream, { delay: 0, hangs: false });
    const begun = Date.now();
    try {
      await work(world);
      console.log(`browser: ok: ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`browser: WRONG: ${name}\n${error.stack}${picture(error.page, failed)}\n    ${world.told()}`);
    }
  }
  console.log(`browser: ${chosen.length - failed} of ${chosen.length} checks passed`);
  return failed === 0 ? 0 : 1;
}

function picture(image, number) {
  if (!image) return "";
  mkdirSync(HOME, { recursive: true });
  const file = join(HOME, `wrong-${number}.png`);
  writeFileSync(file, image);
  return `\n    how it looked: ${relative(ROOT, file)}`;
}

try {
  process.exitCode = await main();
} catch (error) {
  const inCi = Boolean(process.env.CI);
  if (error instanceof NotInstalled && !inCi) console.log(`browser: skipped, so the pages were not tried: ${error.message}`);
  else console.log(`browser: ${error instanceof NotInstalled ? `in CI it is needed: ${error.message}` : error.stack}`);
  process.exitCode = error instanceof NotInstalled && !inCi ? 0 : 1;
}
