// The pages that `earwitness serve` gives: they play by range requests, save reviews in the case, and send nothing elsewhere.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, startBrowser, until } from "./browser.mjs";
import { earwitness } from "./cases.mjs";

const folder = mkdtempSync(join(tmpdir(), "earwitness-serve-"));
const out = join(folder, "ko");
let browser;
const servers = [];

before(async () => {
  cpSync(join(process.env.EARWITNESS_CASES, "ko"), out, { recursive: true });
  browser = await startBrowser();
});
after(async () => {
  await browser.close();
  for (const server of servers) server.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a server of the case. Returns its address. */
async function serve(...further) {
  const server = spawn(process.env.EARWITNESS, ["serve", out, "--listen", "127.0.0.1:0", "--page-language", "ko", ...further], { stdio: ["ignore", "pipe", "inherit"] });
  servers.push(server);
  let said = "";
  server.stdout.on("data", (bytes) => { said += bytes; });
  return until(() => said.match(/http:\/\/[\d.]+:\d+/)?.[0], "the server", 60000);
}

const THREAT = "synthetic-threat.html";

test("a case is read, played and searched at a server", async () => {
  const address = await serve();
  const page = await open(browser, `${address}/case/`);
  const link = await page.$eval(`a[href*="synthetic-threat"]`, (one) => one.href);
  assert.ok(link.startsWith(`${address}/case/${THREAT}`), link);
  await page.type("#query", "kill");
  await until(() => page.evaluate(() => document.body.innerText.includes("kill you")), "the hit");
  await page.goto(`${address}/case/${THREAT}#t=5.9`, { waitUntil: "load" });
  await page.evaluate(() => document.getElementById("audio").play());
  await until(() => page.evaluate(() => document.getElementById("audio").currentTime > 6), "the sound at 6 s");
  assert.deepEqual(page.errors, []);
  assert.ok(page.requests.every((url) => url.startsWith(address) || url.startsWith("data:")), page.requests.join(" "));
});

test("reviews on a page of a server are in the case at once", async () => {
  const address = await serve();
  const page = await open(browser, `${address}/case/${THREAT}`);
  await page.type("#author", "김검토");
  await page.evaluate(() => { state("evidence:0", "confirm"); state("word:0", "correct-text", "들음"); });
  await until(() => page.$eval("#kept", (one) => one.textContent.includes("모든 진술이 사건에 있습니다")), "the answer");
  const listed = earwitness("review", "list", out);
  assert.ok(listed.includes("김검토") && listed.includes("들음"), listed);
  await page.reload({ waitUntil: "load" });
  assert.equal(await page.evaluate(() => doc.review.length), 2);
  assert.equal(await page.evaluate(() => stored.made.length), 0, "the case has them");
  assert.deepEqual(page.errors, []);
});

test("a page keeps reviews that its server does not take", async () => {
  const address = await serve();
  const page = await open(browser, `${address}/case/${THREAT}`);
  await page.type("#author", "김검토");
  servers.at(-1).kill();
  await until(() => servers.at(-1).exitCode !== null || servers.at(-1).signalCode, "the end of the server");
  await page.evaluate(() => { state("evidence:0", "note", null, "나중에"); });
  await until(() => page.$eval("#kept", (one) => one.textContent.includes("저장하지 못함")), "the problem");
  assert.equal(await page.evaluate(() => JSON.parse(localStorage.getItem(storageKey)).made.length), 1);
});

test("a server that is read-only offers a review file instead", async () => {
  const address = await serve("--read-only");
  const page = await open(browser, `${address}/case/${THREAT}`);
  assert.ok((await page.$eval("#download", (one) => one.textContent)).includes("내려받기"));
  const status = await page.evaluate(async () => (await fetch("../api/reviews", { method: "POST", body: "{}" }).catch(() => ({ status: 0 }))).status);
  assert.equal(status, 0, "the page may not send");
});
