// The cases that the tests open: results of the program, in Korean and English, and one whose names and texts attack pages.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
export const CALLS = join(REPOSITORY, "fixtures/calls");

/** Markup, quotes, a line separator, marks that reverse the direction of text, template syntax, a word without breaks. */
export const HOSTILE = [
  "<script>window.hacked = 1</script>", "<img src=x onerror=\"window.hacked=2\">", "</script><!--", "'\"`${window.hacked=3}", "&lt;b&gt;",
  "a\u2028b", "\u202eabc\u202c\u200f", "{{ title }}", "javascript:window.hacked=4", "W".repeat(300),
];
/** The same without characters that the program refuses in such texts. */
const PRINTABLE = HOSTILE.map((text) => text.replace(/[\u2028\u202c\u202e\u200f]/g, "")).join(" ");

/** Names of files that mean something in URLs, in HTML or to a file system. */
export const NAMES = [
  "100% sure #1?.wav", "%41%2e%2e%2f&amp;.wav", "it's \"quoted\" `x`.wav", "<img src=x onerror=window.hacked=5>.wav", "{{ title }} ${1}.wav", "a:b;c=d+e.wav",
  `${"통화 녹음".normalize("NFD")}_260301_101500.wav`, "\u202ecod.wav", "line\u2028separator.wav", `${"ㅋ".repeat(60)}.wav`, "javascript:alert(1).wav",
];

/** Runs the program. Returns what it prints. */
export function earwitness(...args) {
  return execFileSync(process.env.EARWITNESS, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A case over the fixtures. In Korean the recordings are inside its folder, with listening copies; in English they are elsewhere. */
function fixtures(folder, language) {
  const out = join(folder, language);
  let [input, further] = [CALLS, []];
  if (language === "ko") {
    input = join(out, "통화 녹음");
    cpSync(CALLS, input, { recursive: true });
    further = ["--listening-copy", "flac"];
  }
  earwitness("run", input, "--out", out, "--format", "html,json", "--report-language", language, ...further);
}

/** A model that writes hostile text: the small test model with another vocabulary. */
function hostileModel(folder) {
  const model = join(folder, "model");
  cpSync(join(REPOSITORY, "fixtures/models/test-ctc"), model, { recursive: true });
  const vocabulary = JSON.parse(readFileSync(join(model, "vocab.json")));
  const entries = Object.entries(vocabulary).map(([token, id]) => {
    const at = "eaoitnshrcdml".indexOf(token);
    return [at >= 0 && at < HOSTILE.length ? HOSTILE[at] : token, id];
  });
  writeFileSync(join(model, "vocab.json"), JSON.stringify(Object.fromEntries(entries)));
  return model;
}

/** Speech in a file with hostile tags. Different tags make different recordings. */
function tagged(path, title) {
  const speech = join(CALLS, "address.mp3");
  execFileSync("ffmpeg", ["-v", "error", "-i", speech, "-metadata", `title=${title}`, "-metadata", `artist=${title}`, path]);
}

/** A case with hostile file names, tags, transcripts, reviews and case.toml. */
function hostile(folder) {
  const out = join(folder, "hostile");
  const input = join(out, "calls");
  mkdirSync(input, { recursive: true });
  NAMES.forEach((name, index) => tagged(join(input, name), `${index} ${HOSTILE.join(" ")}`));
  const text = JSON.stringify(PRINTABLE); // a JSON string is a TOML string
  writeFileSync(join(out, "case.toml"), `title = ${text}\nreference = ${text}\n\n[[person]]\nid = "x"\nname = ${text}\nrole = ${text}\naliases = ["통화 녹음"]\nchannel = 0\n`);
  earwitness("run", input, "--out", out, "--model", hostileModel(folder), "--format", "html,json");
  const [first] = earwitness("review", "list", out, "--json").split("\n");
  for (const target of ["segment:0", "word:1"]) earwitness("review", "note", out, JSON.parse(first).recording.slice(0, 16), target, "--note", PRINTABLE, "--author", PRINTABLE.slice(0, 150));
  earwitness("export", out);
}

/** A case of many calls, with texts in three files: the page of the English case with other data. */
function many(folder, count) {
  const out = join(folder, "many");
  mkdirSync(out);
  const [, before, text, rest] = /^([^]*id="data">)([^]*?)(<\/script>[^]*)$/.exec(readFileSync(join(folder, "en/index.html"), "utf8"));
  const data = JSON.parse(text);
  const worst = data.recordings.find((call) => call.name === "synthetic-threat");
  data.recordings = Array.from({ length: count }, (_, i) => {
    const score = (i * 37) % 100;
    const level = ["minimal", "low", "moderate", "high", "critical"][Math.floor(score / 20)];
    return { ...worst, name: `call ${i}`, score, level, contact: `contact ${i % 20}`, recorded_at: new Date(Date.UTC(2026, 0, 1 + i)).toISOString().slice(0, 19), text_part: i % 3 };
  });
  const escaped = JSON.stringify(data).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  writeFileSync(join(out, "index.html"), before + escaped + rest);
  for (const part of [0, 1, 2]) {
    const texts = data.recordings.filter((call) => call.text_part === part).map((call, i) => [call.name, [[1, "S1", i ? "hay" : "a needle"]]]);
    writeFileSync(join(out, `index-text-${part}.js`), `earwitnessText(${part}, ${JSON.stringify(texts)});\n`);
  }
}

/** Makes all cases in a folder. */
export function makeCases(folder) {
  for (const language of ["ko", "en"]) fixtures(folder, language);
  hostile(folder);
  many(folder, 450);
  // As unpacked from an archive that somebody received.
  cpSync(join(folder, "ko"), join(folder, "받은 자료 #1 (100%)", "사건 17"), { recursive: true });
}
