// Makes the cases and runs the tests on them: EARWITNESS=target/release/earwitness node run.mjs [FILE...]
// `--check` only states what is missing here. EARWITNESS_CASES names a folder of cases that is kept and used again.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const args = process.argv.slice(2);

/** What the tests need and this machine lacks. */
async function missing() {
  if (!existsSync(join(here, "node_modules"))) return ["the packages of tests/browser"];
  const { chromium } = await import("./browser.mjs");
  const lacks = ["ffmpeg", "pdftotext"].filter((program) => spawnSync(program, ["-version"]).error);
  return chromium() ? lacks : ["Chromium", ...lacks];
}

/** Runs the tests on the cases of a folder. Returns the exit status. */
function runTests(folder, files) {
  const all = readdirSync(here).filter((name) => name.endsWith(".test.mjs")).map((name) => join(here, name));
  const options = ["--test", "--test-reporter=spec", "--test-concurrency=1", ...(files.length ? files : all)];
  return spawnSync(process.execPath, options, { stdio: "inherit", env: { ...process.env, EARWITNESS_CASES: folder } }).status ?? 1;
}

const lacks = await missing();
if (lacks.length || args[0] === "--check") {
  if (lacks.length) console.error(`missing: ${lacks.join(", ")}`);
  process.exit(lacks.length ? 1 : 0);
}
const kept = process.env.EARWITNESS_CASES;
const folder = kept ?? mkdtempSync(join(tmpdir(), "earwitness-browser-"));
try {
  const { makeCases } = await import("./cases.mjs");
  if (!kept || !existsSync(kept)) makeCases(folder);
  process.exitCode = runTests(folder, args);
} finally {
  if (!kept) rmSync(folder, { recursive: true, force: true });
}
