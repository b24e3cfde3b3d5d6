// The page of a case: order, filters, search, links.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, startBrowser, until } from "./browser.mjs";
import { assertQuiet } from "./checks.mjs";

const CASES = process.env.EARWITNESS_CASES;
const folder = join(CASES, "en");
const INDEX = join(folder, "index.html");

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser.close());

const names = (page, id = "calls") => page.$$eval(`#${id} tbody tr td:first-child`, (cells) => cells.map((cell) => cell.querySelector("bdi").textContent));
const status = (page) => page.$eval("#status", (node) => node.firstChild.textContent);

test("calls are listed worst first, and those without a score apart", async () => {
  const page = await open(browser, INDEX);
  const listed = await names(page);
  assert.equal(listed[0], "synthetic-threat");
  assert.equal(listed.length, 7);
  assert.deepEqual(await names(page, "unassessed"), ["silence"]);
  assert.match(await page.$eval("#unassessed tbody", (body) => body.textContent), /no speech was detected/);
  await page.click("#calls-table button[value=length]");
  assert.equal((await names(page))[0], "민수_261107_213000");
  await page.click("#calls-table button[value=length]");
  assert.equal((await names(page))[0], "two-speakers_261105_142530");
  assertQuiet(page);
  await page.close();
});

test("filters by contact, category, date, level and text", async () => {
  const page = await open(browser, INDEX);
  await page.select("#contact", "=민수");
  assert.deepEqual(await names(page), ["민수_261107_213000"]);
  await page.click("#reset");
  await page.select("#category", "threat");
  assert.deepEqual(await names(page), ["synthetic-threat"]);
  await page.click("#reset");
  await page.$eval("#from", (input) => { input.value = "2026-11-08"; input.dispatchEvent(new Event("change")); });
  assert.deepEqual(await names(page), ["conversation_261109_101500"]);
  await page.click("#reset");
  await page.click("#levels [value=none]");
  assert.deepEqual(await names(page, "unassessed"), ["silence"]);
  assert.match(await status(page), /^1 of 8 calls/);
  await page.click("#reset");
  await page.type("#text", "kill");
  await until(async () => (await names(page)).length === 1, "the filter");
  // The address keeps the filter.
  const again = await open(browser, INDEX, { hash: new URL(page.url()).hash });
  assert.deepEqual(await names(again), ["synthetic-threat"]);
  assertQuiet(again);
  assertQuiet(page);
  await page.close();
});

test("a search goes over the texts of all calls", async () => {
  const page = await open(browser, INDEX);
  assert.ok(!page.requests.some((url) => url.includes("index-text")), "texts are loaded by the first search");
  for (const [query, hits] of [["GOOD morning", 4], ["\"ask what you can\"", 1], ["tomorrow money", 1], ["사람레이블", 1], ["nothing of this", 0]]) {
    await page.$eval("#query", (input, text) => { input.value = text; }, query);
    await page.click("#search [type=submit]");
    await until(() => page.$eval("#hits-note", (node, text) => node.textContent.includes(text), query), "the hits");
    assert.equal(await page.$$eval("#hits-list .turn", (turns) => turns.length), hits, query);
  }
  assert.ok(page.requests.some((url) => url.endsWith("/index-text-0.js")));
  assertQuiet(page);
  await page.close();
});

test("a case that was unpacked into a folder with spaces and Korean letters is searched, and its links work", async () => {
  const page = await open(browser, join(CASES, "받은 자료 #1 (100%)/사건 17/index.html"));
  await page.type("#query", "오디오를 듣고");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#hits-list .turn");
  await Promise.all([page.waitForNavigation(), page.click("#hits-list .turn a")]);
  assert.match(await page.$eval(".w.now", (word) => word.textContent), /오디오를/);
  assertQuiet(page);
  await page.close();
});

test("links lead to the pages of recordings, to the moment, and back", async () => {
  const page = await open(browser, INDEX);
  for (const href of await page.$$eval("#calls a, #unassessed a", (links) => links.map((link) => link.href))) {
    assert.ok(readFileSync(new URL(href)).length > 0, href);
  }
  await Promise.all([page.waitForNavigation(), page.click("#calls tbody tr:first-child td:last-child a")]);
  await until(() => page.evaluate(() => Math.abs(document.getElementById("audio").currentTime - 5.9) < 0.05), "the moment");
  await page.keyboard.press("Space");
  await until(() => page.evaluate(() => !document.getElementById("audio").paused), "playing");
  await Promise.all([page.waitForNavigation(), page.click("#case")]);
  assert.match(page.url(), /index\.html#?$/);
  assertQuiet(page);
  await page.close();
});

test("the report of the run is a page of its own, which the page of the case links to", async () => {
  const page = await open(browser, INDEX);
  assert.doesNotMatch(await page.$eval("body", (body) => body.textContent), /cpu:0|times real time/);
  await Promise.all([page.waitForNavigation(), page.click("a[href='./report.html']")]);
  assert.match(await page.$eval("h1", (node) => node.textContent), /Run report/);
  assertQuiet(page);
  await page.close();
});

test("a case of many calls, whose texts are in several files", async () => {
  const page = await open(browser, join(CASES, "many/index.html"));
  assert.equal((await names(page)).length, 200);
  const scores = await page.$$eval("#calls .badge", (badges) => badges.map((badge) => parseInt(badge.textContent, 10)));
  assert.deepEqual(scores, [...scores].sort((a, b) => b - a));
  await page.click("#calls-more button");
  assert.equal((await names(page)).length, 400);
  await page.type("#query", "needle");
  await page.keyboard.press("Enter");
  await until(() => page.$$eval("#hits-list .turn", (turns) => turns.length === 3), "hits from three files");
  assert.deepEqual(page.requests.filter((url) => url.includes("index-text")).length, 3);
  assertQuiet(page);
  await page.close();
});
