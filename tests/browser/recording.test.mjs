// The page of a recording: player, keyboard, evidence, review.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, startBrowser, until } from "./browser.mjs";
import { earwitness } from "./cases.mjs";
import { assertQuiet } from "./checks.mjs";

const CASES = process.env.EARWITNESS_CASES;
const THREAT = join(CASES, "en/synthetic-threat.html");
/** The index of the plain threat among the items of evidence, and that of the demand before it. */
const { evidence: ITEMS } = JSON.parse(/id="data">([^]*?)<\/script>/.exec(readFileSync(THREAT, "utf8"))[1]).document.forensics;
const [KILL, DEMAND] = ["en.threat.kill", "en.extortion.demand"].map((rule) => ITEMS.findIndex((item) => item.rule === rule));
const NEAR_S = 0.05;

let browser;
before(async () => { browser = await startBrowser(); });
after(() => browser.close());

const document_ = (page) => page.evaluate(() => JSON.parse(document.getElementById("data").textContent).document);
const time = (page) => page.evaluate(() => document.getElementById("audio").currentTime);
const canPlay = (page) => until(() => page.evaluate(() => document.getElementById("audio").readyState >= 3), "the recording");

/** Does something that seeks, and returns where the player is right after it. */
async function seekBy(page, action) {
  await page.evaluate(() => {
    const audio = document.getElementById("audio");
    // A busy machine gives the second event late, when the sound plays already.
    let at;
    audio.addEventListener("seeking", () => { at = audio.currentTime; }, { once: true });
    window.sought = new Promise((resolve) => audio.addEventListener("seeked", () => resolve(at), { once: true }));
  });
  await action();
  return page.evaluate(() => window.sought);
}

function assertNear(at, expected, what) {
  assert.ok(Math.abs(at - expected) <= NEAR_S, `${what}: ${at} s instead of ${expected} s`);
}

const pause = (page) => page.evaluate(() => document.getElementById("audio").pause());
const order = (page) => page.$$eval("#items tbody tr:not([hidden])", (rows) => rows.map((row) => Number(row.dataset.item)));

for (const folder of ["en", "ko", "받은 자료 #1 (100%)/사건 17"]) {
  test(`a click on a word seeks to it: ${folder}`, async () => {
    for (const name of readdirSync(join(CASES, folder)).filter((name) => name.endsWith(".html") && !["index.html", "report.html", "silence.html"].includes(name))) {
      const page = await open(browser, join(CASES, folder, name));
      await canPlay(page);
      const { words } = await document_(page);
      for (const index of [words.length - 1, 0, Math.floor(words.length / 2)]) {
        const at = await seekBy(page, () => page.evaluate((i) => document.querySelector(`[data-w="${i}"]`).click(), index));
        assertNear(at, words[index].start_s, `${name}, word ${index}`);
        await pause(page);
      }
      assertQuiet(page);
      await page.close();
    }
  });
}

test("an item plays from one second before it, and its row is marked", async () => {
  const page = await open(browser, THREAT);
  await canPlay(page);
  const { forensics: { evidence } } = await document_(page);
  const at = await seekBy(page, () => page.click(`#items tbody tr[data-item='${KILL}']`));
  assertNear(at, evidence[KILL].start_s - 1, "the threat");
  assert.equal(await page.$eval("#items tr.current", (row) => row.dataset.item), String(KILL));
  await until(() => page.evaluate(() => !document.getElementById("audio").paused), "playing");
  await until(() => page.$(".w.now"), "the current word");
  assertQuiet(page);
  await page.close();
});

test("a link from the page of the case seeks to the moment", async () => {
  const page = await open(browser, THREAT, { hash: "#t=5.8" });
  const { forensics: { evidence } } = await document_(page);
  await until(async () => Math.abs(await time(page) - evidence[KILL].start_s) < NEAR_S, "the moment");
  assert.equal(await page.$eval("#items tr.current", (row) => row.querySelector("mark").textContent), "I will kill you.");
  await page.evaluate(() => { location.hash = "#t=7"; });
  await until(async () => Math.abs(await time(page) - 7) < NEAR_S, "another moment");
  assertQuiet(page);
  await page.close();
});

test("keys play, go from item to item, change the speed, zoom and show help", async () => {
  const page = await open(browser, THREAT);
  await canPlay(page);
  const { forensics: { evidence } } = await document_(page);
  const current = () => page.$eval("#items tr.current", (row) => Number(row.dataset.item));
  await page.keyboard.press("Space");
  await until(() => page.evaluate(() => !document.getElementById("audio").paused), "playing");
  await page.keyboard.press("Space");
  assert.ok(await page.evaluate(() => document.getElementById("audio").paused));
  assertNear(await seekBy(page, () => page.keyboard.press("n")), Math.max(0, evidence[0].start_s - 1), "n");
  await seekBy(page, () => page.keyboard.press("n"));
  await seekBy(page, () => page.keyboard.press("n"));
  assert.equal(await current(), 2);
  assertNear(await seekBy(page, () => page.keyboard.press("p")), Math.max(0, evidence[1].start_s - 1), "p");
  await pause(page);
  const before = await time(page);
  assertNear(await seekBy(page, () => page.keyboard.press("ArrowRight")), before + 2, "arrow");
  await page.keyboard.press(">");
  assert.equal(await page.evaluate(() => document.getElementById("audio").playbackRate), 1.25);
  await page.keyboard.press("+");
  assert.equal(await page.$eval("#out", (button) => button.disabled), false);
  await page.keyboard.press("-");
  await page.keyboard.press("?");
  assert.ok(await page.$eval("#keys", (dialog) => dialog.open));
  await page.keyboard.press("Escape");
  assert.ok(!await page.$eval("#keys", (dialog) => dialog.open));
  assertQuiet(page);
  await page.close();
});

test("the timeline seeks where it is clicked", async () => {
  const page = await open(browser, THREAT);
  await canPlay(page);
  const box = await (await page.$("#scroller")).boundingBox();
  const { recording } = await document_(page);
  const at = await seekBy(page, () => page.mouse.click(box.x + box.width / 2, box.y + 60));
  assertNear(at, recording.duration_s / 2, "the middle");
  await page.close();
});

test("the evidence is sorted and filtered", async () => {
  const page = await open(browser, THREAT);
  const { forensics: { evidence } } = await document_(page);
  await page.click("#items th[data-key=severity] button");
  assert.deepEqual((await order(page)).map((i) => evidence[i].severity), evidence.map((one) => one.severity).sort((a, b) => a - b));
  await page.click("#items th[data-key=severity] button");
  assert.equal((await order(page))[0], KILL);
  assert.equal(await page.$eval("#items th[data-key=severity]", (th) => th.getAttribute("aria-sort")), "descending");
  await page.select("#f-category", "threat");
  assert.deepEqual((await order(page)).map((i) => evidence[i].category), ["threat", "threat"]);
  await page.type("#f-text", "KILL");
  assert.deepEqual(await order(page), [KILL]);
  await page.select("#f-state", "discounted");
  assert.deepEqual(await order(page), []);
  assertQuiet(page);
  await page.close();
});

test("reviews made on the page are imported by the program, and are shown by the page", async () => {
  const downloads = mkdtempSync(join(CASES, "downloads-"));
  const folder = join(downloads, "case");
  cpSync(join(CASES, "en"), folder, { recursive: true });
  const reviewed = join(folder, "synthetic-threat.html");
  const page = await open(browser, reviewed);
  const session = await browser.target().createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
  await page.click("#mode");
  await page.click(`#items tr[data-item='${KILL}'] [data-act=confirm]`);
  assert.match(await page.$eval("#author-problem", (node) => node.textContent), /name/);
  await page.type("#author", "김 변호사 <b>");
  await page.click(`#items tr[data-item='${KILL}'] [data-act=confirm]`);
  await page.click(`#items tr[data-item='${DEMAND}'] [data-act=reject]`);
  await page.click("[data-w='0']");
  await page.$eval("#panel input", (input) => { input.value = "Attend"; });
  await page.click("#panel [type=submit]");
  assert.equal(await page.$eval("[data-w='0'] ins", (node) => node.textContent), "Attend");
  await page.click("#download");
  const file = await until(() => readdirSync(downloads).find((name) => name.endsWith(".json")), "the download");
  const made = JSON.parse(readFileSync(join(downloads, file)));
  assert.deepEqual(made.reviews.map((one) => one.action), ["confirm", "reject", "correct-text"]);
  await page.reload();
  assert.equal(await page.$$eval("#statements tbody tr", (rows) => rows.length), 3, "they are kept in the browser");
  assertQuiet(page);
  await page.close();

  earwitness("review", "import", folder, join(downloads, file));
  earwitness("export", folder, "--format", "html");
  const again = await open(browser, reviewed);
  const states = await again.$$eval("#statements tbody tr", (rows) => rows.map((row) => row.textContent));
  assert.equal(states.length, 3, "the case has them, and the browser drops its own");
  assert.ok(states.every((text) => text.includes("김 변호사 <b>") && text.includes("current")), states.join("\n"));
  await again.close();
});
