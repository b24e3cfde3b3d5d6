// How long Chromium needs until a page answers: milliseconds from the start of the navigation to the first frame after the
// page was built, and from an action to the frame after it. Medians of five openings.
//
//     tests/browser/setup
//     node benches/pages/open.mjs FOLDER/10000/index.html FOLDER/183/index.html
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startBrowser } from '../../tests/browser/browser.mjs';

const ROUNDS = 5;
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

// The time of the frame after the page's scripts have run, since the start of the navigation.
const afterFrame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))));

// Runs in the page: milliseconds from an action to the frame after it, once `isDone`.
async function timed(action, isDone) {
  const began = performance.now();
  action();
  while (!isDone()) await new Promise((next) => setTimeout(next, 5));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}

// As text, because the page's policy does not let it evaluate text itself.
const measure = (page, action, isDone = '() => true') => page.evaluate(`(${timed})(${action}, ${isDone})`);

const SELECT = "() => document.querySelector('#levels').children[0].click()";
const SEARCH = "() => { byId('query').value = '전화'; byId('search').requestSubmit(); }";
const SORT = "() => update({ sort: 'date' })";

async function open(browser, url) {
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: 'load', timeout: 120000 });
  const opened = await page.evaluate(afterFrame);
  const isCase = await page.$('#calls-table') !== null;
  // On a busy machine, the time of the page's own tasks says more.
  const { TaskDuration, JSHeapUsedSize } = await page.metrics();
  const times = { opened, tasks: 1000 * TaskDuration, 'heap (MB)': JSHeapUsedSize / 1e6 };
  if (isCase) {
    times.sort = await measure(page, SORT);
    times.level = await measure(page, SELECT);
    await measure(page, SELECT);
    times.search = await measure(page, SEARCH, "() => byId('progress').hidden && !byId('hits').hidden");
  }
  await page.close();
  return times;
}

const browser = await startBrowser();
console.log(await browser.version());
for (const file of process.argv.slice(2)) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await open(browser, pathToFileURL(resolve(file)).href));
  const medians = Object.keys(rounds[0]).map((key) => `${key} ${median(rounds.map((round) => round[key])).toFixed(0)}`);
  console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(2)} MB; ms: ${medians.join(', ')}`);
}
await browser.close();
