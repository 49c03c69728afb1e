// The page that shows the API.

import assert from "node:assert/strict";

export const CHECKS = {
  async "the API's page shows each route and asks nobody else"({ pages, url }) {
    await pages.on(`${url}docs`, async (page) => {
      await page.waitForSelector(".opblock");
      const shown = await page.locator(".opblock-summary-path").evaluateAll((all) => all.map((it) => it.dataset.path));
      const { paths } = await (await fetch(`${url}openapi.json`)).json();
      assert.deepEqual([...new Set(shown)].sort(), Object.keys(paths).sort());
    });
  },
};
