// Checks that hold for every page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No error, no dialog, and no request but the page, its recording and the texts for the search. */
export function assertQuiet(page) {
  assert.deepEqual(page.errors, []);
  const isOwn = (url) => {
    if (url.startsWith("data:image/svg+xml")) return true; // the symbols of the browser's own player
    const { protocol, pathname } = new URL(url);
    return protocol === "file:" && /(\.html|\/index-text-\d+\.js|\.(wav|mp3|m4a|flac|opus))$/.test(pathname);
  };
  assert.deepEqual(page.requests.filter((url) => !isOwn(url) && !url.startsWith("blob:")), []);
}

/** axe-core finds no serious and no critical fault. */
export async function assertAccessible(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.filter((one) => ["serious", "critical"].includes(one.impact))
      .map((one) => `${one.impact} ${one.id}: ${one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join("; ")}`);
  });
  assert.deepEqual(found, []);
}

/** Nothing is wider than the window, apart from what is inside a box that scrolls. */
export async function assertFits(page) {
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (node) => node && node !== document.body && (["auto", "scroll", "hidden"].includes(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
    return [...document.body.querySelectorAll("*")].filter((node) => node.getBoundingClientRect().right > width + 1 && getComputedStyle(node).position !== "absolute" && !scrolls(node.parentElement))
      .slice(0, 5).map((node) => `${node.tagName} ${node.id} ${node.className} ${Math.round(node.getBoundingClientRect().right)} > ${width}`);
  });
  assert.deepEqual(wide, []);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page scrolls sideways");
}
