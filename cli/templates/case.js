"use strict";
// All data is put into the page by textContent and setAttribute; nothing of it is parsed as HTML.

const TEXT = {
  mark: ["Earwitness: calls of a case", "Earwitness: 사건의 통화"],
  untitled: ["Untitled case", "제목 없는 사건"],
  reference: ["Reference: {0}", "사건번호: {0}"],
  print: ["Print", "인쇄"],
  note: ["Scores rank which calls to hear first. They are an index over phrases in a machine transcript, not a verdict. Listen to a moment before you rely on it. What was worded otherwise, or was not transcribed, is not found.", "점수는 먼저 들을 통화의 순서를 정하는 지표이며 판단이 아닙니다. 기계가 받아쓴 글의 표현에 따른 것이므로 직접 들은 뒤에 사용하십시오. 다르게 표현되었거나 전사되지 않은 말은 찾지 못합니다."],
  nav: ["Sections", "구역"],
  find: ["Search and filter", "검색과 필터"],
  search: ["Search in all transcripts", "모든 녹취 본문에서 검색"],
  searchHint: ["All words must occur in one turn. Case and the spacing of Korean do not matter. \"Quotation marks\" keep a phrase together.", "모든 단어가 한 발언 안에 있어야 합니다. 대소문자와 띄어쓰기는 구분하지 않으며, 구절은 \"따옴표\"로 묶습니다."],
  go: ["Search", "검색"], clear: ["Clear search", "검색 지우기"],
  contact: ["Contact", "상대방"], category: ["Category", "유형"], from: ["From", "시작일"], to: ["To", "종료일"],
  text: ["Call name, contact, number, exhibit, finding, SHA-256", "통화 이름, 상대방, 번호, 증거번호, 발견 내용, SHA-256"],
  level: ["Level", "단계"], reset: ["Reset filters", "필터 초기화"],
  allContacts: ["All contacts", "전체 상대방"], allCategories: ["All categories", "전체 유형"], noContact: ["Unknown contact", "상대방 미상"],
  moreContacts: ["Other contacts ({0})", "그 밖의 상대방 ({0})"],
  minimal: ["minimal", "미미"], low: ["low", "낮음"], moderate: ["moderate", "보통"], high: ["high", "높음"], critical: ["critical", "심각"], none: ["not assessable", "평가 불가"],
  status: ["{1} of {0} call|{1} of {0} calls", "통화 {0}건 중 {1}건"],
  hours: ["{0} h", "{0}시간"],
  hits: ["Search hits", "검색 결과"],
  hitsNote: ["{0} hit for “{2}” in {1} of the calls that match the filters.|{0} hits for “{2}” in {1} of the calls that match the filters.", "“{2}”: 필터에 맞는 통화 {1}건에서 {0}곳."],
  noHits: ["No hit for “{0}” in the calls that match the filters.", "필터에 맞는 통화에 “{0}” 없음."],
  noText: ["Without a transcript, not searched: {0}.", "녹취 본문이 없어 검색하지 않은 통화: {0}건."],
  lost: ["Not searched: {1} calls, since {0} could not be read. Keep these files beside this page.", "{0}을(를) 읽지 못해 통화 {1}건을 검색하지 못했습니다. 이 페이지와 같은 폴더에 두십시오."],
  loading: ["Loading transcripts: file {0} of {1}", "녹취 본문 불러오는 중: 파일 {0}/{1}"],
  searching: ["Searching: call {0} of {1}", "검색 중: 통화 {0}/{1}"],
  timeline: ["Timeline", "시간순 보기"],
  timelineHint: ["A larger mark is a longer call; it opens the call. A mark with a ring is several calls, with their highest level and total length; it selects their days. Arrow keys move between marks.", "표시가 클수록 긴 통화이며, 누르면 열립니다. 테두리가 있는 표시는 여러 통화(가장 높은 단계, 전체 길이)이며, 누르면 그 기간을 선택합니다. 화살표 키로 이동합니다."],
  timelineUndated: ["Without a date, not shown: {0}.", "날짜가 없어 표시하지 않은 통화: {0}건."],
  noDated: ["No call that matches the filters has a date.", "필터에 맞는 통화 중 날짜가 있는 것이 없습니다."],
  calls: ["Calls", "통화 목록"], noScores: ["No call that matches the filters has a score.", "필터에 맞는 통화 중 점수가 있는 것이 없습니다."], noCalls: ["No call matches the filters.", "필터에 맞는 통화가 없습니다."],
  unassessed: ["Not assessable", "평가할 수 없는 통화"], unassessedHint: ["These calls have no score. That does not mean that nothing was said: listen to them.", "점수가 없습니다. 아무 말도 없었다는 뜻이 아니므로 직접 들어 보십시오."],
  undated: ["Without a date", "날짜 없는 통화"], undatedHint: ["Their file names state no time. Dates of files are not used, since copying changes them.", "파일 이름에 시각이 없습니다. 파일의 날짜는 복사할 때 바뀌므로 쓰지 않습니다."],
  failures: ["Failures: no or incomplete results", "처리 실패: 결과가 없거나 불완전함"],
  warnings: ["Warnings: problems that did not stop the analysis", "주의: 분석을 멈추지 않은 문제"],
  custody: ["Custody", "증거 보관 기록"],
  custodyHead: ["Head of the custody log when this page was written:", "이 페이지를 쓸 때 보관 기록의 마지막 해시:"],
  custodyVerify: ["Check the case in its folder: what was altered, removed or added, and whether the log was changed up to this head:", "사건 폴더에서 검증: 변경, 삭제, 추가된 것과 이 해시까지의 기록 변경을 찾습니다."],
  custodyGrep: ["Without Earwitness: the next line of the log states this head as “prev”, or it is the hash of the last line:", "Earwitness 없이: 다음 줄의 “prev” 또는 마지막 줄의 해시가 이 값입니다."],
  custodyWrite: ["Write the head down elsewhere, or have it time-stamped: who can change the case can change this page, too. Compare the SHA-256 of recordings with those of the original carrier.", "해시를 다른 곳에 적거나 시점 확인을 받으십시오. 사건을 바꿀 수 있는 사람은 이 페이지도 바꿀 수 있습니다. 녹음의 SHA-256을 원본 매체와 비교하십시오."],
  footer: ["Made by {0} from machine transcripts. Times are local, from file names.", "{0}: 기계 전사로 작성. 시각은 파일 이름의 현지 시각."],
  report: ["Report of the last run", "최근 실행 보고서"], reportHint: ["its time, failures and machine load, apart from the evidence.", "시간, 실패, 기계 부하. 증거와는 별개입니다."],
  more: ["Show {0} more of {1}", "{1}건 중 {0}건 더 보기"],
  lanesMore: ["Show all contacts ({0})", "모든 상대방 보기 ({0})"],
  call: ["Call", "통화"], date: ["Date", "일시"], length: ["Length", "길이"], score: ["Score", "점수"], reasons: ["Reasons", "근거"], reason: ["Reason", "사유"], path: ["File", "파일"], stage: ["Stage", "단계"], message: ["Message", "내용"],
  callsN: ["{0} call|{0} calls", "통화 {0} 건"], moments: ["{0} moment|{0} moments", "{0}회"], items: ["{0} further finding|{0} further findings", "발견 {0}건 더"], itemsLeft: ["{0} more in the call", "통화 페이지에 {0}건 더"], noItems: ["No finding counts.", "해당하는 표현 없음."],
  speakers: ["{0} speaker|{0} speakers", "화자 {0}명"], reliable: ["{0}\u00a0% reliable text", "신뢰 전사 {0}\u00a0%"], untranscribed: ["not transcribed: {0}", "미전사 {0}"], warningsN: ["{0} warning|{0} warnings", "주의 {0}건"],
  unknown: ["unknown", "미상"], incoming: ["incoming", "수신"], outgoing: ["outgoing", "발신"],
  factCalls: ["Calls", "통화"], factAssessed: ["{0} assessed, {1} not assessable", "평가 {0}건, 평가 불가 {1}건"],
  factLength: ["Total length", "전체 길이"],
  factPeriod: ["Period", "기간"], factUndated: ["{0} without a date", "날짜 없음 {0}건"],
  factContacts: ["Contacts", "상대방"], factUnknown: ["unknown for {0} call|unknown for {0} calls", "미상 {0}건"],
  factFailures: ["Failures", "처리 실패"], factWarnings: ["calls with warnings: {0}", "주의 있는 통화 {0}건"],
  filtersUsed: ["Filters: {0}. Order: {1}.", "필터: {0}. 정렬: {1}."], noFilters: ["none", "없음"], up: ["ascending", "오름차순"], down: ["descending", "내림차순"],
};
const CATEGORIES = { threat: ["threat", "협박"], coercion: ["coercion", "강요"], gaslighting: ["gaslighting", "가스라이팅"], emotional_manipulation: ["emotional manipulation", "정서적 조종"], reported: ["reported", "전해 말함"], extortion: ["extortion", "갈취"], fraud: ["fraud", "사기"], insult: ["insult", "모욕"], stalking: ["stalking", "스토킹"], violence: ["violence", "폭력"], deception: ["deception (unvalidated)", "기만 지표(미검증)"] };
const REASONS_KO = [
  [/^no speech was detected$/, "말소리가 검출되지 않음"], [/^no speech was transcribed$/, "전사된 말이 없음"],
  [/^all of the transcript is of low confidence$/, "전사 전체의 신뢰도가 낮음"],
  [/^only (\d+) % of the speech was reliably transcribed$/, "말의 $1 %만 신뢰할 수 있게 전사됨"],
  [/^no lexicon covers the language \((.*)\)$/, "이 언어의 사전이 없음 ($1)"],
];
const LEVELS = ["critical", "high", "moderate", "low", "minimal", "none"];
const RANK = { critical: 5, high: 4, moderate: 3, low: 2, minimal: 1, none: 0 };
const DAY = 86400000, HOUR = 3600000, PAGE = 200, LANES = 12;

const data = JSON.parse(document.getElementById("data").textContent);
const language = data.language === "ko" ? "ko" : "en";
const column = language === "ko" ? 1 : 0;
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const collator = new Intl.Collator(language, { numeric: true });
const WEEKDAYS = language === "ko" ? "일월화수목금토" : ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function t(key, ...values) {
  const forms = TEXT[key][column].split("|");
  const text = forms.length > 1 && values[0] !== 1 ? forms[1] : forms[0];
  return text.replace(/\{(\d)\}/g, (_, i) => typeof values[i] === "number" ? number.format(values[i]) : values[i]);
}
const byId = (id) => document.getElementById(id);
const categoryName = (key) => Object.hasOwn(CATEGORIES, key) ? CATEGORIES[key][column] : key;
function reasonText(reason) {
  if (!reason) return "–";
  const rule = column && REASONS_KO.find(([pattern]) => pattern.test(reason));
  return rule ? reason.replace(rule[0], rule[1]) : reason;
}

// ---------- elements

// element(tag, [attributes], ...children)
function fill(node, values) {
  const children = values.flat();
  const first = children[0];
  if (first && typeof first === "object" && !(first instanceof Node)) {
    for (const [key, value] of Object.entries(children.shift())) {
      if (value == null || value === false) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value);
    }
  }
  node.append(...children.flat().filter((child) => child != null && child !== ""));
  return node;
}
const h = (tag, ...values) => fill(document.createElement(tag), values);
const svg = (tag, ...values) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), values);
const bdi = (text) => h("bdi", text);
const speakerName = (speaker) => bdi(speaker === "unknown" ? t("unknown") : speaker || "");

function shape(level, x, y, r) {
  const points = (list) => "M" + list.map(([a, b]) => `${(x + a * r).toFixed(1)} ${(y + b * r).toFixed(1)}`).join("L");
  if (level === "critical") return points([[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]) + "Z";
  if (level === "high") return points([[0, -1.15], [1.15, 0.9], [-1.15, 0.9]]) + "Z";
  if (level === "moderate") return points([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]) + "Z";
  if (level === "none") return points([[-0.8, -0.8], [0.8, 0.8]]) + points([[0.8, -0.8], [-0.8, 0.8]]);
  return `M${(x - r).toFixed(1)} ${y.toFixed(1)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
}
const icon = (level) => svg("svg", { class: `icon ${level}`, viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { class: "shape", d: shape(level, 7, 7, 5) }));

// ---------- values

function clock(seconds) {
  const s = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  const rest = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest.replace(/^0(?=\d:)/, "");
}
const length = (seconds) => clock(Math.round(seconds));
const hours = (seconds) => seconds < 3600 ? length(seconds) : t("hours", seconds / 3600);
const dayText = (time) => new Date(time).toISOString().slice(0, 10);

// The local time of the file name, kept as if it were UTC, so that no time zone changes it.
function parseTime(text) {
  const found = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?/.exec(text || "");
  if (!found) return null;
  const [day, time] = [found[0].slice(0, 10), found[0].slice(11) || "00:00"];
  const value = Date.parse(`${day}T${time}Z`);
  return value >= 0 && dayText(value) === day ? value : null; // no 30 February
}
function dateText(call) {
  if (call.time == null) return "–";
  const time = /[T ](\d\d:\d\d)/.exec(call.recorded_at);
  return `${dayText(call.time)} (${WEEKDAYS[new Date(call.time).getUTCDay()]})${time ? " " + time[1] : ""}`;
}

const calls = (data.recordings || []).map((call, index) => ({
  ...call, index, time: parseTime(call.recorded_at), key: call.contact || call.number || "",
  items: call.items || [], warnings: call.warnings || [], categories: call.categories || {},
  mark: call.score == null || !Object.hasOwn(RANK, call.level) ? "none" : call.level, turns: null,
}));
const failures = data.failures || [];
const contacts = (() => {
  const counts = new Map();
  for (const call of calls) counts.set(call.key, (counts.get(call.key) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || collator.compare(a[0], b[0]));
})();
const contactName = (key) => key || t("noContact");
const contactRank = new Map(contacts.map(([key]) => key).sort((a, b) => !a - !b || collator.compare(a, b)).map((key, rank) => [key, rank]));

const normalize = (text) => text.normalize("NFC").toLowerCase();
const facts = (call) => call.fold ??= normalize([call.name, call.contact, call.number, call.exhibit, call.sha256, ...call.items.map((item) => item.text)].join("\n"));
// "./" keeps any href inside the folder.
const href = (call, start) => call.href == null ? null : "./" + call.href + (start == null ? "" : "#t=" + Math.floor(start * 10) / 10);

// ---------- filters

const EMPTY = { contact: "", category: "", from: "", to: "", text: "", levels: "", query: "", sort: "score", down: "1" };
const state = { ...EMPTY };
let found = null; // the search: { query, hits: Map of call index to turn numbers }
let matching = [];

function matches(call, without) {
  if (state.contact && "=" + call.key !== state.contact) return false;
  if (without !== "levels" && state.levels && !state.levels.split(",").includes(call.mark)) return false;
  if (state.category && !(call.categories[state.category]?.moments > 0) && !call.items.some((item) => item.category === state.category)) return false;
  if (state.from || state.to) {
    if (call.time == null) return false;
    const day = dayText(call.time);
    if ((state.from && day < state.from) || (state.to && day > state.to)) return false;
  }
  if (state.text && !normalize(state.text).split(/\s+/).every((word) => facts(call).includes(word))) return false;
  return !found || found.hits.has(call.index);
}

const SORTS = {
  date: (a, b) => (a.time ?? -Infinity) - (b.time ?? -Infinity) || 0,
  contact: (a, b) => contactRank.get(a.key) - contactRank.get(b.key),
  length: (a, b) => a.duration_s - b.duration_s,
  score: (a, b) => (a.score ?? -1) - (b.score ?? -1) || a.item_count - b.item_count,
};
function sorted(list) {
  const compare = SORTS[state.sort], sign = state.down ? -1 : 1;
  return list.sort((a, b) => sign * compare(a, b) || (a.time ?? Infinity) - (b.time ?? Infinity) || a.index - b.index);
}

function update(changes) {
  Object.assign(state, changes);
  matching = sorted(calls.filter((call) => matches(call)));
  const changed = Object.entries(state).filter(([key, value]) => value !== EMPTY[key]);
  try { history.replaceState(null, "", "#" + new URLSearchParams(changed)); } catch { /* the page works without it */ }
  showFilters();
  showHits();
  showTimeline();
  showTables();
}

function showFilters() {
  for (const key of ["contact", "category", "from", "to", "text"]) if (byId(key).value !== state[key]) byId(key).value = state[key];
  const counts = Object.fromEntries(LEVELS.map((level) => [level, 0]));
  for (const call of calls) if (matches(call, "levels")) counts[call.mark]++;
  const chosen = state.levels ? state.levels.split(",") : [];
  for (const button of byId("levels").children) {
    button.setAttribute("aria-pressed", chosen.includes(button.value));
    button.querySelector(".n").textContent = number.format(counts[button.value]);
  }
  const total = matching.reduce((sum, call) => sum + call.duration_s, 0);
  byId("status").replaceChildren(`${t("status", calls.length, matching.length)} · ${hours(total)}`, h("span", { class: "only-print" }, usedFilters()));
  byId("search-clear").hidden = !found;
}

function usedFilters() {
  const used = [];
  if (state.contact) used.push(contactName(state.contact.slice(1)));
  if (state.category) used.push(categoryName(state.category));
  if (state.from || state.to) used.push(`${state.from || "…"} – ${state.to || "…"}`);
  if (state.levels) used.push(state.levels.split(",").map((level) => t(level)).join(", "));
  if (state.text) used.push(`“${state.text}”`);
  if (found) used.push(`${t("search")}: “${found.query}”`);
  return t("filtersUsed", used.join("; ") || t("noFilters"), `${t(state.sort)}, ${t(state.down ? "down" : "up")}`);
}

function buildFilters() {
  byId("contact").append(h("option", { value: "" }, t("allContacts")), ...contacts.map(([key, n]) => h("option", { value: "=" + key }, `${contactName(key)} (${n})`)));
  const counts = new Map();
  for (const call of calls) {
    const names = new Set(call.items.map((item) => item.category));
    for (const [name, value] of Object.entries(call.categories)) if (value.moments > 0) names.add(name);
    for (const name of names) counts.set(name, (counts.get(name) || 0) + 1);
  }
  byId("category").append(h("option", { value: "" }, t("allCategories")), ...[...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => h("option", { value: name }, `${categoryName(name)} (${n})`)));
  byId("levels").append(...LEVELS.map((level) => h("button", { type: "button", value: level, "aria-pressed": "false", onclick: () => toggleLevel(level) }, icon(level), h("span", t(level)), " ", h("span", { class: "n soft" }))));
  for (const key of ["contact", "category", "from", "to"]) byId(key).addEventListener("change", (event) => update({ [key]: event.target.value }));
  let wait;
  byId("text").addEventListener("input", (event) => { clearTimeout(wait); wait = setTimeout(() => update({ text: event.target.value.trim() }), 150); });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => update({ ...EMPTY, query: state.query, sort: state.sort, down: state.down }));
}
function toggleLevel(level) {
  const chosen = new Set(state.levels ? state.levels.split(",") : []);
  if (!chosen.delete(level)) chosen.add(level);
  update({ levels: LEVELS.filter((name) => chosen.has(name)).join(",") });
}

// ---------- tables, of which the first rows are shown

const pagers = new Map(); // body of a list -> { show(limit) }
function paged(body, more, list, render, empty) {
  const show = (limit) => {
    const shown = Math.min(limit, list.length);
    body.replaceChildren(...list.slice(0, shown).map(render));
    if (!list.length && empty) body.append(empty);
    more.replaceChildren();
    if (shown < list.length) {
      const next = Math.min(limit, list.length - shown);
      more.append(h("button", { type: "button", onclick: () => grow(shown, shown + next) }, t("more", next, list.length)));
    }
  };
  const grow = (before, limit) => {
    show(limit);
    body.children[before]?.querySelector("a, button")?.focus();
  };
  pagers.set(body, { show, size: list.length });
  show(PAGE);
}
function table(id, list, columns, render) {
  const section = byId(id) || tableSection(id);
  section.hidden = !list.length;
  count(section, list.length);
  section.querySelector("thead tr").replaceChildren(...columns.map((key) => h("th", { scope: "col", class: key === "length" ? "n" : null }, t(key))));
  paged(section.querySelector("tbody"), section.querySelector(".more"), list, render);
}
function tableSection(id) {
  const section = h("section", { id, "aria-labelledby": id + "-h" }, h("h2", { id: id + "-h" }, t(id)), TEXT[id + "Hint"] ? h("p", { class: "hint" }, t(id + "Hint")) : null,
    h("div", { class: "scroll" }, h("table", h("thead", h("tr")), h("tbody"))), h("p", { class: "more" }));
  byId("custody").before(section);
  return section;
}
// Tables that are wider than the window can be scrolled by keyboard.
function focusScrollable() {
  for (const box of document.querySelectorAll(".scroll")) {
    const wide = box.scrollWidth > box.clientWidth;
    for (const [key, value] of [["tabindex", 0], ["role", "group"], ["aria-labelledby", box.closest("section").id + "-h"]]) {
      if (wide) box.setAttribute(key, value); else box.removeAttribute(key);
    }
  }
}
function count(section, n) {
  const heading = section.querySelector("h2");
  heading.querySelector(".n")?.remove();
  heading.append(h("span", { class: "n" }, number.format(n)));
}

function showTables() {
  const scored = matching.filter((call) => call.score != null);
  showCallsHead();
  count(byId("calls"), scored.length);
  paged(byId("calls-table").tBodies[0], byId("calls-more"), scored, callRow(["call", "date", "contact", "length", "score", "reasons"]), h("tr", h("td", { colspan: 6, class: "soft" }, t(matching.length ? "noScores" : "noCalls"))));
  callTable("unassessed", (call) => call.score == null, ["call", "date", "contact", "length", "reason"]);
  callTable("undated", (call) => call.time == null, ["call", "contact", "length", "score"]);
  table("failures", failures, ["path", "stage", "message"], (failure) =>
    h("tr", h("td", bdi(failure.path)), h("td", failure.stage), h("td", bdi(failure.message))));
  callTable("warnings", (call) => call.warnings.length, ["call", "date", "message"]);
  focusScrollable();
  showNav();
}

function showCallsHead() {
  const heads = [["call"], ["date", "1"], ["contact", ""], ["length", "1"], ["score", "1"], ["reasons"]];
  const row = byId("calls-table").tHead.rows[0];
  const focused = row.contains(document.activeElement) && document.activeElement.value;
  row.replaceChildren(...heads.map(([key, first]) => {
    const cls = key === "length" ? "n" : null;
    if (first === undefined) return h("th", { scope: "col", class: cls }, t(key));
    const active = state.sort === key;
    const order = active ? (state.down ? "descending" : "ascending") : "none";
    const next = active ? (state.down ? "" : "1") : first;
    return h("th", { scope: "col", class: cls, "aria-sort": active ? order : null },
      h("button", { type: "button", value: key, onclick: () => update({ sort: key, down: next }) }, t(key), h("span", { "aria-hidden": "true" }, active ? (state.down ? " ▼" : " ▲") : " ↕")), h("span", { class: "only-print" }, t(key)));
  }));
  if (focused) row.querySelector(`button[value=${focused}]`)?.focus();
}

function nameCell(call) {
  return h("td", null,
    call.exhibit ? h("span", { class: "exhibit" }, bdi(call.exhibit)) : null,
    h("a", { href: href(call) }, bdi(call.name)),
    h("small", [t("speakers", call.speakers), (call.languages || []).filter((one) => one !== "und").join(", ")].filter(Boolean).join(" · "),
      call.warnings.length ? h("span", { class: "warn" }, " · ", t("warningsN", call.warnings.length)) : null),
    call.sha256 ? h("small", { title: call.sha256 }, h("code", { class: "sha-short" }, call.sha256.slice(0, 12) + "…"), h("code", { class: "sha-full" }, call.sha256)) : null);
}
const dateCell = (call) => h("td", { class: "date" }, dateText(call));
function contactCell(call) {
  const direction = call.direction === "incoming" || call.direction === "outgoing" ? t(call.direction) : null;
  return h("td", bdi(contactName(call.key)), [call.contact ? call.number : null, direction].filter(Boolean).map((text) => h("small", bdi(text))));
}
const untranscribed = (call) => call.not_transcribed_s >= 1 ? h("small", t("untranscribed", length(call.not_transcribed_s))) : null;
const badge = (call) => h("span", { class: `badge ${call.mark}` }, icon(call.mark), call.score == null ? t("none") : `${Math.round(call.score)} ${t(call.mark)}`);

const CELLS = {
  call: nameCell, date: dateCell, contact: contactCell, length: (call) => h("td", { class: "n" }, length(call.duration_s)),
  score: (call) => h("td", badge(call), call.reliable_share == null ? null : h("small", t("reliable", Math.round(100 * call.reliable_share))), untranscribed(call)),
  reasons: (call) => h("td", reasons(call)),
  reason: (call) => h("td", reasonText(call.not_assessable), untranscribed(call)),
  message: (call) => h("td", call.warnings.map((text) => h("div", h("bdi", text)))),
};
const callRow = (columns) => (call) => h("tr", columns.map((key) => CELLS[key](call)));
const callTable = (id, filter, columns) => table(id, matching.filter(filter), columns, callRow(columns));
function reasons(call) {
  if (!call.items.length) return h("span", { class: "soft" }, t("noItems"));
  const scores = Object.entries(call.categories).filter(([, value]) => value.moments > 0).sort((a, b) => b[1].score - a[1].score)
    .map(([name, value]) => `${categoryName(name)} ${Math.round(value.score)} (${t("moments", value.moments)})`);
  const [top, ...rest] = call.items;
  const left = call.item_count - 1;
  return [finding(call, top, "div"), scores.length ? h("small", scores.join(" · ")) : null,
    left > 0 && rest.length ? more(call, rest, left) : null];
}
function finding(call, item, tag) {
  return h(tag, h("a", { href: href(call, item.start_s) }, clock(item.start_s)), " “", bdi(item.text), "” ",
    h("span", { class: "soft" }, categoryName(item.category), item.speaker ? [" · ", speakerName(item.speaker)] : null));
}
function more(call, rest, left) {
  const list = h("ul");
  const details = h("details", h("summary", t("items", left)), list);
  details.addEventListener("toggle", () => {
    if (list.children.length) return;
    list.append(...rest.map((item) => finding(call, item, "li")));
    if (left > rest.length) list.append(h("li", h("a", { href: href(call) }, t("itemsLeft", left - rest.length))));
  });
  return details;
}

// ---------- timeline

let allLanes = false;
function showTimeline() {
  const dated = matching.filter((call) => call.time != null);
  byId("timeline-undated").textContent = matching.length > dated.length ? t("timelineUndated", matching.length - dated.length) : "";
  const box = byId("lanes");
  byId("readout").textContent = "";
  byId("lanes-more").replaceChildren();
  if (!dated.length) return box.replaceChildren(h("p", { class: "soft" }, t("noDated")));
  const groups = new Map();
  for (const call of dated) groups.has(call.key) ? groups.get(call.key).push(call) : groups.set(call.key, [call]);
  let lanes = [...groups].sort((a, b) => b[1].length - a[1].length || collator.compare(a[0], b[0]));
  const total = lanes.length;
  if (!allLanes && total > LANES + 1) {
    const rest = lanes.slice(LANES);
    lanes = [...lanes.slice(0, LANES), [null, rest.flatMap(([, list]) => list), rest.length]];
    byId("lanes-more").append(h("button", { type: "button", onclick: () => { allLanes = true; showTimeline(); } }, t("lanesMore", total)));
  }
  const scale = makeScale(dated, Math.max(200, box.clientWidth - (innerWidth > 760 ? 162 : 104)));
  box.replaceChildren(axis(scale), ...lanes.map(([key, list, n]) => lane(scale, key, list, n)));
  box.querySelector("[data-mark]")?.setAttribute("tabindex", "0");
}

const monthStart = (time, add) => { const d = new Date(time); return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + add, 1); };
function makeScale(dated, width) {
  let from = Infinity, to = -Infinity;
  for (const { time } of dated) { from = Math.min(from, time); to = Math.max(to, time); }
  from = Math.floor(from / DAY) * DAY;
  to = Math.floor(to / DAY + 1) * DAY;
  if (to - from > 45 * DAY) { from = monthStart(from, 0); to = monthStart(to - 1, 1); }
  const pixel = width / (to - from);
  const bucket = [HOUR, DAY, 7 * DAY].find((length) => length * pixel >= 9) || 0; // 0: calendar months
  return { from, to, width, bucket, x: (time) => (time - from) * pixel, ticks: ticks(from, to, pixel) };
}
function ticks(from, to, pixel) {
  const list = [];
  const add = (time, label) => list.push([time, label]);
  if (to - from > 45 * DAY) {
    const step = [1, 2, 3, 6, 12, 24, 60, 120].find((months) => months * 30 * DAY * pixel >= 58) || 240;
    for (let time = from; time < to; time = monthStart(time, 1)) {
      const d = new Date(time);
      if ((d.getUTCFullYear() * 12 + d.getUTCMonth()) % step === 0) add(time, dayText(time).slice(0, 7));
    }
  } else {
    const step = [HOUR, 3 * HOUR, 6 * HOUR, DAY, 2 * DAY, 7 * DAY].find((length) => length * pixel >= 62) || 14 * DAY;
    for (let time = from; time < to; time += step) add(time, new Date(time).toISOString().slice(...(time % DAY ? [11, 16] : [5, 10])));
  }
  return list;
}
function axis(scale) {
  const view = svg("svg", { viewBox: `0 0 ${scale.width} 18`, "aria-hidden": "true" }, scale.ticks.map(([time, label]) => [
    svg("line", { class: "grid", x1: scale.x(time), x2: scale.x(time), y1: 4, y2: 18 }), svg("text", { x: scale.x(time) + 3, y: 13 }, label)]).flat());
  const year = dayText(scale.from), last = dayText(scale.to - 1);
  return h("div", { class: "lane" }, h("span", { class: "soft" }, year === last ? year : `${year.slice(0, 4) === last.slice(0, 4) ? year.slice(0, 4) : year.slice(0, 4) + "–" + last.slice(0, 4)}`), view);
}
// Calls that would overlap are one mark, but never those of two hours, days, weeks (from Monday) or months.
function bucketEnd(scale, time) {
  if (!scale.bucket) return monthStart(time, 1);
  const offset = scale.bucket === 7 * DAY ? 3 * DAY : 0;
  return (Math.floor((time + offset) / scale.bucket) + 1) * scale.bucket - offset;
}

function lane(scale, key, list, others) {
  const HEIGHT = 28;
  list.sort((a, b) => a.time - b.time);
  const buckets = [];
  for (const call of list) {
    const last = buckets.at(-1);
    if (last && call.time < last.to && scale.x(call.time) - scale.x(last.calls.at(-1).time) < 7) last.calls.push(call);
    else buckets.push({ to: bucketEnd(scale, call.time), calls: [call] });
  }
  const marks = buckets.map((bucket) => bucket.calls.length > 1 ? manyMark(scale, bucket.calls, key) : callMark(scale, bucket.calls[0]));
  marks.sort((a, b) => a.rank - b.rank); // the highest level is painted last, on top
  const name = key === null ? t("moreContacts", others) : contactName(key);
  const label = key === null ? h("span", { class: "who" }, name) : h("button", { type: "button", class: "who", title: name, onclick: () => update({ contact: state.contact ? "" : "=" + key }) }, bdi(name));
  return h("div", { class: "lane" }, h("div", label, h("span", { class: "n" }, number.format(list.length))),
    svg("svg", { viewBox: `0 0 ${scale.width} ${HEIGHT}`, role: "group", "aria-label": `${name}: ${t("callsN", list.length)}` },
      svg("rect", { class: "ground", y: 1, width: scale.width, height: HEIGHT - 2, rx: 3 }),
      scale.ticks.map(([time]) => svg("line", { class: "grid", x1: scale.x(time), x2: scale.x(time), y1: 1, y2: HEIGHT - 1 })),
      marks.map((mark) => mark.node)));
}
const radius = (seconds) => Math.min(10, 3 + Math.sqrt(Math.max(0, seconds)) / 12);
function callMark(scale, call) {
  const label = [dateText(call), contactName(call.key), length(call.duration_s), call.score == null ? t("none") : `${Math.round(call.score)} ${t(call.mark)}`, call.items[0]?.text].filter(Boolean).join(" · ");
  return { rank: RANK[call.mark], node: svg("a", { class: call.mark, href: href(call), "aria-label": label, tabindex: -1, "data-mark": scale.x(call.time).toFixed(1) },
    svg("path", { class: "shape", d: shape(call.mark, scale.x(call.time), 14, radius(call.duration_s)) })) };
}
function manyMark(scale, list, key) {
  const worst = list.reduce((a, b) => RANK[b.mark] > RANK[a.mark] ? b : a);
  const total = list.reduce((sum, call) => sum + call.duration_s, 0);
  const first = list[0].time, last = list.at(-1).time;
  const x = (scale.x(first) + scale.x(last)) / 2, r = Math.min(9, Math.max(7, radius(total)));
  const days = dayText(first) === dayText(last) ? dayText(first) : `${dayText(first)} – ${dayText(last)}`;
  const label = [days, key === null ? null : contactName(key), t("callsN", list.length), length(total), t(worst.mark)].filter(Boolean).join(" · ");
  const open = () => {
    const range = { from: dayText(first), to: dayText(last) };
    if (state.from === range.from && state.to === range.to) byId("calls").scrollIntoView();
    else update({ ...range, ...(key === null ? {} : { contact: "=" + key }) });
    byId("lanes").querySelector("[data-mark]")?.focus();
  };
  return { rank: RANK[worst.mark], node: svg("g", { class: `many ${worst.mark}`, role: "button", "aria-label": label, tabindex: -1, "data-mark": x.toFixed(1), onclick: open, onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } } },
    svg("path", { class: "ring", d: shape(worst.mark, x, 14, r + 2) }), svg("path", { class: "shape", d: shape(worst.mark, x, 14, r) }),
    worst.mark === "none" || list.length > 999 ? null : svg("text", { class: "count", x, y: worst.mark === "high" ? 19 : 17, "aria-hidden": "true" }, list.length)) };
}
function moveMark(event) {
  const mark = event.target.closest("[data-mark]");
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!mark || !step) return;
  event.preventDefault();
  const place = (node) => +node.dataset.mark;
  const lanes = [...byId("lanes").querySelectorAll("svg")].map((view) => [...view.querySelectorAll("[data-mark]")].sort((a, b) => place(a) - place(b)));
  const row = lanes.findIndex((marks) => marks.includes(mark));
  const near = (marks = []) => marks.find((other) => place(other) >= place(mark)) || marks.at(-1);
  const next = ["ArrowUp", "ArrowDown"].includes(event.key) ? near(lanes[row + step]) : lanes[row][lanes[row].indexOf(mark) + step];
  if (!next) return;
  mark.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}
function buildTimeline() {
  const box = byId("lanes");
  const tell = (event) => { const mark = event.target.closest?.("[data-mark]"); if (mark) byId("readout").textContent = mark.getAttribute("aria-label"); };
  box.addEventListener("mouseover", tell);
  box.addEventListener("focusin", tell);
  box.addEventListener("keydown", moveMark);
  let wait, width = innerWidth;
  addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(() => { if (innerWidth !== width && !printing) { width = innerWidth; showTimeline(); focusScrollable(); } }, 200); });
}

// ---------- search in the transcripts, which are loaded by the first search

const callByName = new Map(calls.map((call) => [call.name, call]));
const parts = [...new Set(calls.map((call) => call.text_part).filter((part) => part != null))].sort((a, b) => a - b);
const loaded = new Set();
window.earwitnessText = (part, texts) => {
  for (const [name, turns] of texts) {
    const call = callByName.get(name);
    if (call) call.turns = turns;
  }
  loaded.add(part);
};
function loadPart(part) {
  return new Promise((resolve) => {
    const script = h("script", { src: `./index-text-${Number(part)}.js`, onload: done, onerror: done });
    function done() { script.remove(); resolve(); }
    document.head.append(script);
  });
}
function showProgress(key, done, all) {
  byId("progress").hidden = !key;
  byId("bar-label").textContent = key ? t(key, done, all) : "";
  byId("bar").value = done / all || 0;
}

// One pattern per word. Between the characters of a Korean word spaces may stand, since recognizers space differently.
function patterns(query) {
  const words = query.normalize("NFC").replace(/[“”]/g, "\"").match(/"[^"]+"|[^\s"]+/g) || [];
  return words.map((word) => {
    const characters = [...word.replace(/"/g, "").trim().replace(/\s+/g, " ")];
    const korean = /\p{Script=Hangul}/u.test(word);
    return characters.filter((c) => !korean || c !== " ").map((c) => c === " " ? "\\s+" : c.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join(korean ? "\\s*" : "");
  }).filter(Boolean).map((source) => new RegExp(source, "iu"));
}

let searchNumber = 0;
async function search(query) {
  const mine = ++searchNumber, tests = patterns(query);
  if (!tests.length) { found = null; showProgress(); return update({ query: "" }); }
  const missing = parts.filter((part) => !loaded.has(part));
  for (const [i, part] of missing.entries()) {
    showProgress("loading", i + 1, missing.length);
    await loadPart(part);
    if (mine !== searchNumber) return;
  }
  const hits = new Map();
  let until = performance.now() + 30;
  for (const call of calls) {
    if (!call.turns) continue;
    const numbers = [];
    call.turns.forEach((turn, i) => {
      if (!call.normalized) turn[2] = turn[2].normalize("NFC");
      if (tests.every((test) => test.test(turn[2]))) numbers.push(i);
    });
    call.normalized = true;
    if (numbers.length) hits.set(call.index, numbers);
    if (performance.now() > until) {
      showProgress("searching", call.index + 1, calls.length);
      await new Promise((resolve) => setTimeout(resolve));
      if (mine !== searchNumber) return;
      until = performance.now() + 30;
    }
  }
  showProgress();
  found = { query, tests, hits };
  update({ query });
}

function showHits() {
  byId("hits").hidden = !found;
  pagers.delete(byId("hits-list"));
  if (!found) return byId("hits-list").replaceChildren();
  const list = [], note = [];
  for (const call of matching) for (const turn of found.hits.get(call.index)) list.push([call, turn]);
  note.push(list.length ? t("hitsNote", list.length, matching.length, found.query) : t("noHits", found.query));
  const lost = parts.filter((part) => !loaded.has(part));
  if (lost.length) note.push(t("lost", lost.map((part) => `index-text-${part}.js`).join(", "), calls.filter((call) => lost.includes(call.text_part)).length));
  const without = calls.filter((call) => !call.turns && !lost.includes(call.text_part)).length;
  if (without) note.push(t("noText", without));
  byId("hits-note").textContent = note.join(" ");
  count(byId("hits"), list.length);
  paged(byId("hits-list"), byId("hits-more"), list, ([call, turn], i, shown) => hit(call, turn, i === 0 || shown[i - 1][0] !== call));
}
function hit(call, turn, first) {
  const [start, speaker, text] = call.turns[turn];
  return h("div", { class: first ? "hit" : "" }, first ? h("div", { class: "hit-head" }, call.exhibit ? h("span", { class: "exhibit" }, bdi(call.exhibit)) : null, h("a", { href: href(call) }, bdi(call.name)),
    " · ", dateText(call), " · ", bdi(contactName(call.key)), call.score == null ? null : [" · ", badge(call)]) : null,
    h("div", { class: "turn" }, h("a", { href: href(call, start) }, clock(start)), h("span", { class: "who" }, speakerName(speaker)), h("bdi", ...context(text))));
}
function context(text) {
  const spots = [];
  for (const test of found.tests) for (const match of text.matchAll(new RegExp(test.source, "giu"))) spots.push([match.index, match.index + match[0].length]);
  spots.sort((a, b) => a[0] - b[0]);
  const from = text.length < 260 ? 0 : Math.max(0, spots[0][0] - 100), to = Math.min(text.length, from + 260);
  const pieces = [from ? "…" : ""];
  let at = from;
  for (const [start, end] of spots) {
    if (start < at || end > to) continue;
    pieces.push(text.slice(at, start), h("mark", text.slice(start, end)));
    at = end;
  }
  return [...pieces, text.slice(at, to), to < text.length ? "…" : ""].filter(Boolean);
}

// ---------- the rest of the page

function showFacts() {
  const dated = calls.filter((call) => call.time != null).sort((a, b) => a.time - b.time);
  const unassessed = calls.filter((call) => call.score == null).length, warned = calls.filter((call) => call.warnings.length).length;
  const sum = (key) => calls.reduce((total, call) => total + (call[key] || 0), 0);
  const unknown = calls.filter((call) => !call.key).length, undated = calls.length - dated.length;
  const fact = (key, value, detail, wide) => h("div", { class: wide ? "wide" : null }, h("dt", t(key)), h("dd", value, detail ? h("small", detail) : null));
  byId("facts").append(
    fact("factCalls", number.format(calls.length), t("factAssessed", calls.length - unassessed, unassessed)),
    fact("factLength", hours(sum("duration_s")), sum("not_transcribed_s") >= 1 ? t("untranscribed", hours(sum("not_transcribed_s"))) : null),
    fact("factPeriod", dated.length ? `${dayText(dated[0].time)} – ${dayText(dated.at(-1).time)}` : "–", undated ? t("factUndated", undated) : null, true),
    fact("factContacts", number.format(contacts.filter(([key]) => key).length), unknown ? t("factUnknown", unknown) : null),
    fact("factFailures", number.format(failures.length), t("factWarnings", warned)));
}
function showNav() {
  byId("nav").replaceChildren(...["timeline", "calls", "unassessed", "undated", "failures", "warnings", "custody"].filter((id) => byId(id)?.hidden === false).map((id) =>
    h("button", { type: "button", onclick: () => byId(id).scrollIntoView() }, t(id).split(":")[0], " ", byId(id).querySelector("h2 .n")?.textContent)));
}
function showCustody() {
  const head = data.custody_head, code = (text) => h("pre", h("code", text));
  byId("custody").hidden = !head;
  byId("custody-body").append(h("p", t("custodyHead")), code(head), h("p", t("custodyVerify")), code(`earwitness verify . --head ${head}`), h("p", t("custodyGrep")),
    code(`grep '"prev":"${head}"' earwitness-custody-*.jsonl\ntail -n 1 earwitness-custody-*.jsonl | tr -d '\\n' | sha256sum`), h("p", t("custodyWrite")));
}

// All rows that match are printed, with the title and page numbers on each page.
let printing = false;
function buildPrint() {
  const quote = (text) => "\"" + [...text].map((c) => /[\p{L}\p{N} .,:-]/u.test(c) ? c : "\\" + c.codePointAt(0).toString(16) + " ").join("") + "\"";
  const title = [data.title || t("untitled"), data.reference, data.custody_head?.slice(0, 16)].filter(Boolean).join(" · ").slice(0, 120);
  document.head.append(h("style", `@page { @top-left { content: ${quote(title)}; font: 8px sans-serif; color: #444; } @bottom-right { content: counter(page) " / " counter(pages); font: 8px sans-serif; color: #444; } }`));
  byId("print").addEventListener("click", () => print());
  addEventListener("beforeprint", () => { printing = true; for (const pager of pagers.values()) if (pager.size > PAGE) pager.show(Infinity); });
  addEventListener("afterprint", () => { printing = false; for (const pager of pagers.values()) if (pager.size > PAGE) pager.show(PAGE); });
}

function start() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
  byId("title").textContent = document.title = data.title || t("untitled");
  byId("reference").hidden = !data.reference;
  byId("reference").textContent = data.reference ? t("reference", data.reference) : "";
  byId("footer").append(h("p", t("footer", data.generated_by || "earwitness")), data.report ? h("p", h("a", { href: "./" + data.report }, t("report")), ": ", t("reportHint")) : "");
  showFacts();
  buildFilters();
  buildTimeline();
  buildPrint();
  showCustody();
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) if (Object.hasOwn(EMPTY, key)) state[key] = value;
  if (!Object.hasOwn(SORTS, state.sort)) state.sort = "score";
  byId("search").addEventListener("submit", (event) => { event.preventDefault(); search(byId("query").value.trim()); });
  byId("search-clear").addEventListener("click", () => { byId("query").value = ""; search(""); });
  byId("query").value = state.query;
  update({});
  if (state.query) search(state.query);
}
start();
