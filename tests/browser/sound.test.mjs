// The sound that is played after a click on a word begins where the program says that the word begins. `currentTime` is only
// what the player states, so the sound itself is compared with that of ffmpeg.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { open, startBrowser, until } from "./browser.mjs";

const cases = process.env.EARWITNESS_CASES;
const RATE = 16000;
const NEAR_S = 0.05;
const LIKE = 0.9;
// A busy machine leaves gaps in the sound, which is then recorded again.
const ATTEMPTS = 4;

let browser;
// Without this flag the sound of a file may be played, but not read by scripts.
before(async () => { browser = await startBrowser("--allow-file-access-from-files"); });
after(() => browser.close());

/** The first channel as ffmpeg decodes it. */
function decoded(path) {
  const bytes = execFileSync("ffmpeg", ["-v", "error", "-i", path, "-af", "pan=mono|c0=c0", "-ar", String(RATE), "-f", "f32le", "-"], { maxBuffer: 1 << 28 });
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Clicks on a word, and returns what is played of the first channel. */
function played(page, word, seconds) {
  return page.evaluate(async (word, seconds, rate) => {
    const audio = document.getElementById("audio");
    const context = new AudioContext({ sampleRate: rate });
    const recorder = context.createScriptProcessor(1024, 2, 2);
    const samples = [];
    recorder.onaudioprocess = (event) => samples.push(...event.inputBuffer.getChannelData(0));
    context.createMediaElementSource(audio).connect(recorder).connect(context.destination);
    await context.resume();
    document.querySelector(`[data-w="${word}"]`).click();
    while (samples.findIndex((one) => one !== 0) < 0 || samples.length - samples.findIndex((one) => one !== 0) < seconds * rate) await new Promise((resolve) => setTimeout(resolve, 50));
    return samples.slice(samples.findIndex((one) => one !== 0)).slice(0, seconds * rate);
  }, word, seconds, RATE);
}

/** Where `part` is in `whole`, near `expected`: the offset in samples with the highest normalized correlation. */
function locate(part, whole, expected) {
  const first = Math.max(0, Math.round(expected - RATE / 2));
  let best = { score: -1, at: 0 };
  for (let at = first; at < expected + RATE / 2 && at + part.length <= whole.length; at += 1) {
    let [product, energy] = [0, 1e-9];
    for (let i = 0; i < part.length; i += 4) { product += part[i] * whole[at + i]; energy += whole[at + i] ** 2; }
    const score = product / Math.sqrt(energy);
    if (score > best.score) best = { score, at };
  }
  let own = 1e-9;
  for (let i = 0; i < part.length; i += 4) own += part[i] ** 2;
  return { at: best.at, likeness: best.score / Math.sqrt(own) };
}

// The originals, but not the MP3 file, in which Chromium seeks only approximately; and listening copies, also of that file.
const ORIGINALS = ["synthetic-threat", "audiobook", "reading", "two-speakers_261105_142530", "conversation_261109_101500"];
const COPIES = ["address", "민수_261107_213000"];
for (const name of [...ORIGINALS.map((name) => `en/${name}.html`), ...COPIES.map((name) => `ko/${name}.html`)]) {
  test(`the sound begins at the word: ${name}`, { timeout: 60000 }, async () => {
    const path = join(cases, name);
    const data = JSON.parse(/id="data">([^]*?)<\/script>/.exec(readFileSync(path, "utf8"))[1]);
    assert.equal(data.audio.kind === "copy", name.startsWith("ko/"));
    const { words } = data.document;
    const own = words.map((word, index) => index).filter((index) => words[index].channel === 0 && words[index].start_s < data.document.recording.duration_s - 1.5);
    const word = own[Math.floor(own.length * 0.6)];
    let found = { likeness: 0 };
    for (let attempt = 0; attempt < ATTEMPTS && found.likeness <= LIKE; attempt += 1) {
      const page = await open(browser, path);
      await until(() => page.evaluate(() => document.getElementById("audio").readyState >= 3), "the recording");
      const part = await played(page, word, 0.8);
      const file = fileURLToPath(new URL(data.audio.src, page.url()));
      found = locate(part, decoded(file), words[word].start_s * RATE);
      await page.close();
    }
    assert.ok(found.likeness > LIKE, `another sound: likeness ${found.likeness}`);
    const off = found.at / RATE - words[word].start_s;
    assert.ok(Math.abs(off) <= NEAR_S, `off by ${off} s`);
  });
}
