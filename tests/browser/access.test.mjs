// Accessibility by axe-core, and narrow windows, for every page in both languages and both color schemes.

import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, startBrowser } from "./browser.mjs";
import { assertAccessible, assertFits, assertQuiet } from "./checks.mjs";

const CASES = process.env.EARWITNESS_CASES;
const PAGES = ["index", "report", "synthetic-threat", "silence", "민수_261107_213000"];

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser.close());

for (const language of ["ko", "en"]) {
  for (const scheme of ["light", "dark"]) {
    test(`no serious fault of accessibility: ${language}, ${scheme}`, async () => {
      for (const name of PAGES) {
        const page = await open(browser, join(CASES, language, `${name}.html`), { scheme });
        await assertAccessible(page);
        if (name === "synthetic-threat") {
          await page.click("#mode");
          await page.click("#items tr[data-item='2'] [data-act=note]");
          await assertAccessible(page);
        }
        if (name === "index") {
          await page.type("#query", "you");
          await page.keyboard.press("Enter");
          await page.waitForSelector("#hits-list .turn");
          await assertAccessible(page);
        }
        assertQuiet(page);
        await page.close();
      }
    });
  }
  // 320 CSS pixels are 1280 at a zoom of 400 % (WCAG 1.4.10).
  test(`pages fit a width of 320 pixels: ${language}`, async () => {
    for (const name of PAGES) {
      const page = await open(browser, join(CASES, language, `${name}.html`), { width: 320, height: 256 });
      await assertFits(page);
      await assertAccessible(page);
      await page.close();
    }
  });
}
