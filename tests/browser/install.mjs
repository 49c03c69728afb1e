// What the browser test needs that isn't ours: a Chromium, and two packages below .rankgate/browser, fetched once.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(HERE, "..", "..");
export const HOME = join(ROOT, ".rankgate", "browser");

const BROWSERS = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
const SOURCES = ["package.json", "package-lock.json"];
const LIMIT = 300_000; // milliseconds for the packages

export class NotInstalled extends Error {}

// The browser's path: CHROMIUM names one that isn't on the PATH.
export function browser() {
  const folders = process.env.PATH.split(delimiter);
  const places = BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [process.env.CHROMIUM, ...places].find((it) => it && existsSync(it));
  if (!found) throw new NotInstalled("Chromium is missing (Debian: apt-get install chromium; CHROMIUM names one elsewhere)");
  return found;
}

// `require` of a folder that has the packages of package-lock.json.
export function packages() {
  const texts = SOURCES.map((name) => readFileSync(join(HERE, name)));
  const hash = createHash("sha256").update(Buffer.concat(texts)).digest("hex").slice(0, 12);
  const folder = join(HOME, `packages-${hash}`);
  const done = join(folder, ".complete");
  if (!existsSync(done)) {
    install(folder);
    writeFileSync(done, "");
  }
  return createRequire(join(folder, "package.json"));
}

function install(folder) {
  mkdirSync(HOME, { recursive: true });
  for (const old of readdirSync(HOME).filter((it) => it.startsWith("packages-"))) {
    rmSync(join(HOME, old), { recursive: true });
  }
  mkdirSync(folder);
  for (const name of SOURCES) cpSync(join(HERE, name), join(folder, name));
  const command = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const ended = spawnSync("npm", command, { cwd: folder, encoding: "utf8", timeout: LIMIT });
  if (ended.status !== 0) {
    const why = ended.error?.message ?? ended.stderr.trim().split("\n").slice(-8).join("\n    ");
    throw new NotInstalled(`'npm ci' failed:\n    ${why}`);
  }
}
