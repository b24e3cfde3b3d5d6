// Pages as PDF on A4: all text is on the paper, and nothing is cut at its edges.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, startBrowser } from "./browser.mjs";
import { assertFits } from "./checks.mjs";

const CASES = process.env.EARWITNESS_CASES;
const A4 = { width: 595, height: 842 };
/** Smallest margin in points: a little less than 14 mm. */
const MARGIN = 36;
/** The part of a page between its header and its number, in points. */
const WITHOUT_MARGINS = ["-r", "72", "-x", "0", "-y", "44", "-W", "595", "-H", "752"];

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser.close());

/** Without spaces, soft breaks and case, which differ on paper. */
const plain = (text) => text.normalize("NFKC").replace(/[\s\u200b\u00ad]/gu, "").toLowerCase();
/** Marks of direction: a PDF has such text in the order in which it is seen. */
const BIDI = /[\u200f\u202e]/u;
const pdftotext = (...args) => execFileSync("pdftotext", [...args, "-"], { encoding: "utf8", maxBuffer: 1 << 26 });

/** The texts that the page prints, by element. */
async function printedTexts(page) {
  await page.emulateMediaType("print");
  const texts = await page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) {
      const { parentElement: parent, textContent } = walker.currentNode;
      if (parent.checkVisibility() && textContent.trim() && !parent.closest("svg, script, style, select, canvas")) texts.push(textContent);
    }
    return texts;
  });
  return texts.filter((text) => !BIDI.test(text)).map(plain);
}

for (const name of ["ko/index", "en/index", "ko/synthetic-threat", "en/synthetic-threat", "ko/민수_261107_213000", "en/silence", "hostile/통화 녹음_260301_101500", "hostile/100% sure #1%3F", "hostile/index", "en/report"]) {
  test(`printed: ${name}`, async () => {
    for (const scheme of ["light", "dark"]) {
      const page = await open(browser, join(CASES, `${name}.html`), { scheme });
      const pdf = join(CASES, "printed.pdf");
      await page.pdf({ path: pdf, preferCSSPageSize: true, printBackground: true, timeout: 120_000 });
      const expected = await printedTexts(page);
      // What is wider than the paper makes the browser print everything smaller.
      await page.setViewport({ width: name.endsWith("index") ? 634 : 687, height: 900 });
      await assertFits(page);
      await page.close();

      const text = plain(pdftotext("-raw", ...WITHOUT_MARGINS, pdf));
      assert.deepEqual(expected.filter((one) => !text.includes(one)), [], "missing on paper");

      const boxes = pdftotext("-bbox", pdf);
      const sizes = [...boxes.matchAll(/<page width="([\d.]+)" height="([\d.]+)"/g)];
      assert.ok(sizes.every(([, width, height]) => Math.round(width) === A4.width && Math.round(height) === A4.height), "A4");
      const words = [...boxes.matchAll(/<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)<\/word>/g)];
      const cut = words.filter(([, left, top, right, bottom]) => left < MARGIN || right > A4.width - MARGIN || top < 10 || bottom > A4.height - 10);
      assert.deepEqual(cut.map((one) => one[0]).slice(0, 5), []);
      for (let number = 1; number <= sizes.length; number += 1) assert.ok(boxes.includes(`>${number}</word>`), `page ${number} has its number`);
    }
  });
}

test("printed: every call of a long list, and the heads of its table on every page", async () => {
  const page = await open(browser, join(CASES, "many/index.html"));
  const pdf = join(CASES, "printed.pdf");
  await page.pdf({ path: pdf, preferCSSPageSize: true, printBackground: true, timeout: 120_000 });
  await page.close();
  const pages = pdftotext("-layout", pdf).split("\f").slice(0, -1);
  const listed = pages.flatMap((text) => [...text.matchAll(/\bcall (\d+)\b/g)].map((found) => Number(found[1])));
  assert.equal(new Set(listed).size, 450);
  const headless = pages.map((text, index) => [index + 1, text]).filter(([, text]) => /\bcall \d+\b/.test(text) && !/Call +Date +Contact +Length +Score +Reasons/.test(text));
  assert.deepEqual(headless.map(([number]) => number), [], "pages without the heads");
});
