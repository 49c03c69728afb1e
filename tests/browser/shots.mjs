// Pictures of the playground for people to look at.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

const LOOKS = [["light", 1200], ["dark", 1200], ["light", 420]];

export async function shoot({ pages, url, upstream }, folder) {
  mkdirSync(folder, { recursive: true });
  for (const [colorScheme, width] of LOOKS) {
    await pages.on(url, async (page) => {
      const shot = (name) => page.screenshot({ path: join(folder, `${colorScheme}-${width}-${name}.png`), fullPage: true });
      upstream.delay = 500;
      await page.fill("#query", `tent for one hiker, light ${colorScheme} ${width}`);
      await page.check("#explain");
      await page.click("#run");
      await page.waitForSelector("#classical .result");
      await shot("streaming");
      await page.waitForSelector("#stop", { state: "hidden" });
      await shot("done");
      await page.locator("#account").screenshot({ path: join(folder, `${colorScheme}-${width}-account.png`) });
      upstream.delay = 0;
      await page.selectOption("#pipeline", "many");
      await page.click("#run");
      await page.waitForSelector("#account:not([hidden])");
      await shot("many");
      await page.selectOption("#pipeline", "down");
      await page.uncheck("#explain");
      await page.click("#run");
      await page.waitForSelector("#account:not([hidden])");
      await shot("down");
      await page.selectOption("#pipeline", "empty");
      await page.click("#run");
      await page.waitForSelector("#problem:not([hidden])");
      await shot("error");
    }, { colorScheme, viewport: { width, height: 900 }, expects: [503] });
  }
}
