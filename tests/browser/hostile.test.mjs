// Text that attacks pages, in names, tags, transcripts, reviews and case.toml, is shown and never run.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, startBrowser, until } from "./browser.mjs";
import { HOSTILE, NAMES } from "./cases.mjs";
import { assertFits, assertQuiet } from "./checks.mjs";

const folder = join(process.env.EARWITNESS_CASES, "hostile");

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser.close());

/** No text became an element or ran. */
async function assertHarmless(page) {
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.$$eval("img, iframe, object, embed, base", (nodes) => nodes.length), 0);
  assert.equal(await page.$$eval("script", (nodes) => nodes.length), 2);
  assert.deepEqual(await page.$$eval("a[href]", (links) => links.map((link) => new URL(link.href.baseVal ?? link.href, location)).map((url) => url.protocol).filter((one) => one !== "file:")), []);
}

test("pages of recordings show hostile text as text", async () => {
  const pages = readdirSync(folder).filter((name) => name.endsWith(".html") && !["index.html", "report.html"].includes(name));
  assert.equal(pages.length, NAMES.length);
  for (const name of pages) {
    const page = await open(browser, join(folder, name), { width: 800 });
    await until(() => page.evaluate(() => document.getElementById("audio").readyState >= 2), `the recording of ${name}`);
    const text = await page.$eval("body", (body) => body.textContent);
    for (const one of [HOSTILE[0], HOSTILE[1], HOSTILE[3], HOSTILE[4]]) assert.ok(text.includes(one), `${name} does not show ${one}`);
    await page.click("#mode");
    await page.evaluate(() => { document.querySelector("[data-w='0']").click(); });
    await assertFits(page);
    await assertHarmless(page);
    assertQuiet(page);
    await page.close();
  }
});

test("the page of the case shows hostile text as text, finds it, and links to every page", async () => {
  const page = await open(browser, join(folder, "index.html"));
  const links = await page.$$eval("td:first-child a", (all) => [...new Set(all.map((link) => link.href))]);
  assert.equal(links.length, NAMES.length);
  for (const query of ["<script>", "onerror=\"", "WWWWW"]) {
    await page.$eval("#query", (input, text) => { input.value = text; }, query);
    await page.click("#search [type=submit]");
    await until(() => page.$("#hits-list .turn mark"), `hits of ${query}`);
  }
  await assertHarmless(page);
  await assertFits(page);
  assertQuiet(page);
  for (const link of links) {
    await page.goto(link);
    assert.ok(await page.$("#audio"), link);
    await assertHarmless(page);
  }
  await page.close();
});
