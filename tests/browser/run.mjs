// Makes the cases and runs the tests on them: EARWITNESS=target/release/earwitness node run.mjs [FILE...]

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeCases } from "./cases.mjs";

const here = new URL(".", import.meta.url).pathname;
const files = process.argv.slice(2);
const tests = files.length ? files : readdirSync(here).filter((name) => name.endsWith(".test.mjs")).map((name) => join(here, name));
const kept = process.env.EARWITNESS_CASES;
const folder = kept ?? makeCases();
const { status } = spawnSync(process.execPath, ["--test", "--test-reporter=spec", "--test-concurrency=1", ...tests], { stdio: "inherit", env: { ...process.env, EARWITNESS_CASES: folder } });
if (!kept) rmSync(folder, { recursive: true, force: true });
process.exit(status ?? 1);
