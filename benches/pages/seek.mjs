// What Chromium plays, and how exactly it seeks: seconds between the sound that is played after a seek and the time that was
// asked for. Each file has tone bursts at known times, whose pitch is their number. The table is in docs/codecs.md.
//
//     tests/browser/setup
//     node benches/pages/seek.mjs FOLDER [NAME...]
//
// Makes the files in FOLDER with ffmpeg if they are not there. Further files there, such as AMR, are tried too.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { startBrowser } from '../../tests/browser/browser.mjs';

const SECONDS = 150;
// A burst begins every 1.5 s, at 0.75 s. The places to seek to are not in bursts.
const PLACES = [20, 61, 101, 140, 33];
const RATES = { g: 8000, w: 16000, m: 44100, o: 48000 };
// Name, rate of the signal, arguments of ffmpeg.
const FILES = [
  ['s16.wav', 'g', '-c:a pcm_s16le'], ['u8.wav', 'g', '-c:a pcm_u8'], ['s24.wav', 'o', '-c:a pcm_s24le'], ['s32.wav', 'o', '-c:a pcm_s32le'], ['f32.wav', 'o', '-c:a pcm_f32le'], ['f64.wav', 'o', '-c:a pcm_f64le'],
  ['rf64.wav', 'o', '-c:a pcm_s16le -rf64 always'], ['alaw.wav', 'g', '-c:a pcm_alaw'], ['mulaw.wav', 'g', '-c:a pcm_mulaw'], ['adpcm-ms.wav', 'g', '-c:a adpcm_ms'], ['adpcm-ima.wav', 'g', '-c:a adpcm_ima_wav'],
  ['gsm.wav', 'g', '-c:a libgsm_ms'], ['raw.gsm', 'g', '-c:a libgsm'], ['g722.wav', 'w', '-c:a g722'], ['raw.g722', 'w', '-c:a g722 -f g722'], ['g726.wav', 'g', '-c:a g726 -b:a 32k'], ['g723_1.wav', 'g', '-c:a g723_1 -b:a 6.3k'],
  ['aac.m4a', 'm', '-c:a aac -b:a 64k'], ['aac-8k.m4a', 'g', '-c:a aac -b:a 24k'], ['alac.m4a', 'm', '-c:a alac'], ['opus.mp4', 'o', '-c:a libopus'], ['mp3.mp4', 'm', '-c:a libmp3lame'], ['aac.3gp', 'w', '-c:a aac'], ['aac.mov', 'm', '-c:a aac'], ['flac.mp4', 'm', '-c:a flac -strict -2'],
  ['cbr.mp3', 'm', '-c:a libmp3lame -b:a 64k'], ['cbr-8k.mp3', 'g', '-c:a libmp3lame -b:a 16k'], ['cbr-bare.mp3', 'm', '-c:a libmp3lame -b:a 64k -write_xing 0'], ['vbr.mp3', 'm', '-c:a libmp3lame -q:a 5'], ['vbr-bare.mp3', 'm', '-c:a libmp3lame -q:a 5 -write_xing 0'], ['x.mp2', 'm', '-c:a mp2 -b:a 128k'],
  ['x.aac', 'm', '-c:a aac -b:a 64k'], ['x.flac', 'm', '-c:a flac'], ['x-8k.flac', 'g', '-c:a flac'], ['x.opus', 'o', '-c:a libopus -b:a 32k'], ['vorbis.ogg', 'm', '-c:a libvorbis'], ['flac.oga', 'm', '-c:a flac'], ['x.spx', 'w', '-c:a libspeex'],
  ['opus.mka', 'o', '-c:a libopus'], ['opus.webm', 'o', '-c:a libopus'], ['vorbis.webm', 'm', '-c:a libvorbis'], ['aac.mkv', 'm', '-c:a aac'], ['flac.mka', 'm', '-c:a flac'], ['pcm.mka', 'm', '-c:a pcm_s16le'], ['mp3.mka', 'm', '-c:a libmp3lame'],
  ['x.aiff', 'm', '-c:a pcm_s16be'], ['x.au', 'm', '-c:a pcm_s16be'], ['x.caf', 'm', '-c:a pcm_s16be'], ['alac.caf', 'm', '-c:a alac'], ['x.wma', 'm', '-c:a wmav2'], ['x.ac3', 'o', '-c:a ac3'], ['eac3.mp4', 'o', '-c:a eac3'], ['x.tta', 'm', '-c:a tta'], ['x.wv', 'm', '-c:a wavpack'],
];

function signal(rate) {
  const [frames, header] = [rate * SECONDS, Buffer.alloc(44)];
  const samples = new Int16Array(frames);
  let seed = 1;
  for (let frame = 0; frame < frames; frame++) {
    const time = frame / rate, number = Math.floor(time / 1.5), inBurst = time - 1.5 * number - 0.75;
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    // More noise after a minute, so that a variable bit rate varies.
    let value = 0.1 * Math.sin(2 * Math.PI * 200 * time) + (time < 60 ? 0.003 : 0.05) * (seed / 0x3fffffff - 1);
    if (inBurst >= 0 && inBurst < 0.12) value += 0.6 * Math.sin(2 * Math.PI * (500 + 24 * number) * time);
    samples[frame] = Math.round(32767 * value);
  }
  header.write('RIFF', 0); header.writeUInt32LE(36 + 2 * frames, 4); header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16); header.writeUInt16LE(1, 20); header.writeUInt16LE(1, 22); header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(2 * rate, 28); header.writeUInt16LE(2, 32); header.writeUInt16LE(16, 34); header.write('data', 36); header.writeUInt32LE(2 * frames, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}

function make(folder) {
  mkdirSync(folder, { recursive: true });
  for (const [name, rate, args] of FILES) {
    const source = join(folder, `.${rate}.wav`);
    if (existsSync(join(folder, name))) continue;
    if (!existsSync(source)) writeFileSync(source, signal(RATES[rate]));
    execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', source, ...args.split(' '), join(folder, name)]);
  }
}

const PAGE = `<!doctype html><audio id="audio"></audio><script>
const audio = document.getElementById('audio');
const happens = (name, ms) => new Promise((done, fail) => { audio.addEventListener(name, done, { once: true }); setTimeout(() => fail(new Error('no ' + name)), ms); });
const failed = () => new Promise((_, fail) => audio.addEventListener('error', () => fail(new Error(audio.error.message)), { once: true }));
const recorder = "registerProcessor('recorder', class extends AudioWorkletProcessor { process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; } })";
let blocks = [], context;
async function load(name) {
  audio.src = name;
  audio.preload = 'auto';
  try { await Promise.race([happens('loadedmetadata', 15000), failed()]); } catch (error) { return { error: error.message }; }
  context = new AudioContext();
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([recorder], { type: 'text/javascript' })));
  const node = new AudioWorkletNode(context, 'recorder');
  node.port.onmessage = (event) => blocks.push(event.data);
  context.createMediaElementSource(audio).connect(node).connect(context.destination);
  await context.resume();
  return { duration: audio.duration };
}
// The time of the first sample that is played after a seek.
async function playedAt(time) {
  audio.pause();
  audio.currentTime = time;
  await happens('seeked', 8000);
  await new Promise((done) => setTimeout(done, 300));
  blocks = [];
  await audio.play();
  await new Promise((done) => setTimeout(done, 2600));
  audio.pause();
  await new Promise((done) => setTimeout(done, 200));
  return firstTime(blocks.flatMap((block) => [...block]), context.sampleRate);
}
function power(samples, from, frames, hz, rate) {
  let [re, im] = [0, 0];
  for (let i = 0; i < frames; i++) { const angle = 2 * Math.PI * hz * i / rate; re += samples[from + i] * Math.cos(angle); im += samples[from + i] * Math.sin(angle); }
  return re * re + im * im;
}
function firstTime(samples, rate) {
  const start = samples.findIndex((value) => Math.abs(value) > 0.02);
  const burst = samples.findIndex((value, index) => index > start + 0.02 * rate && Math.abs(value) > 0.36);
  if (start < 0 || burst < 0 || burst + 0.11 * rate > samples.length) return null;
  const powers = Array.from({ length: 100 }, (_, number) => power(samples, burst + Math.floor(0.012 * rate), Math.floor(0.09 * rate), 500 + 24 * number, rate));
  return 1.5 * powers.indexOf(Math.max(...powers)) + 0.75 - (burst - start) / rate;
}
</script>`;

// Serves the page and the files, with ranges, as browsers read files.
function serve(folder) {
  return createServer((request, response) => {
    const name = decodeURIComponent(request.url.slice(1));
    if (!name) return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    if (!existsSync(join(folder, name))) return response.writeHead(404).end();
    const bytes = readFileSync(join(folder, name)), range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    response.setHeader('accept-ranges', 'bytes');
    if (!range) return response.end(bytes);
    const [from, to] = [Number(range[1]), range[2] ? Number(range[2]) : bytes.length - 1];
    return response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': to - from + 1 }).end(bytes.subarray(from, to + 1));
  }).listen(0, '127.0.0.1');
}

async function measure(browser, url, name) {
  const [page] = await browser.pages();
  await page.goto(url);
  const { error, duration } = await page.evaluate((file) => load(file), name);
  if (error) return `does not play (${error.split(':')[1]?.trim() ?? error})`;
  const errors = [];
  for (const place of PLACES) {
    const played = await page.evaluate((time) => playedAt(time).catch(() => null), place);
    errors.push(played === null ? '?' : (played - place).toFixed(3));
  }
  return `plays, length ${duration.toFixed(3)}, errors ${errors.join(' ')}`;
}

const [folder, ...only] = process.argv.slice(2);
if (!folder) throw new Error('name a folder for the files');
make(folder);
const server = serve(folder);
const browser = await startBrowser();
console.log(await browser.version());
for (const name of readdirSync(folder).filter((name) => !name.startsWith('.') && (!only.length || only.includes(name)))) {
  console.log(name.padEnd(16), await measure(browser, `http://127.0.0.1:${server.address().port}/`, name));
}
await browser.close();
server.close();
