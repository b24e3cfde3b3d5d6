//! Drafts of transcripts: what they print and what they do not, as a page and as DOCX, and templates of users.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use quick_xml::events::Event;
use serde_json::{Value, json};
use stage_core::{is_unprintable, sha256_hex};
use tempfile::TempDir;

use crate::made_store::{self, NAME};
use crate::support::{Finished, earwitness, finish};

/// Who speaks in the call of [`made_store`].
const CASE: &str = "title = '갑 대 을'\nreference = '2026가단1'\n\
    [[person]]\nid = 'lee'\nname = '이영희'\nrole = '원고'\nchannel = 0\n\
    [[person]]\nid = 'kim'\nname = '김민수'\nrole = '피고'\naliases = ['민수']\nchannel = 1\n";

const NOTICE: &str = "기계가 만든 초안 · 누구도 확인하거나 인증하지 않음";

/// A case of one call of two channels.
fn case() -> TempDir {
    case_of(made_store::folder(), CASE)
}

fn case_of(folder: TempDir, text: &str) -> TempDir {
    fs::write(folder.path().join("case.toml"), text).unwrap();
    folder
}

/// A call of one channel, in which two voices speak, and a third one at the end.
fn mono() -> TempDir {
    let word = |at: usize, speaker: &str, text: &str| {
        let start_s = at as f64 * 0.5;
        json!({"channel": 0, "speaker": speaker, "text": text, "start_s": start_s, "end_s": start_s + 0.4,
               "confidence": 0.75, "segment": 0})
    };
    let said =
        [("S1", "여보세요"), ("S2", "네"), ("S2", "누구세요"), ("S1", "접니다"), ("S3", "야"), ("unknown", "왜")];
    let words: Vec<Value> = said.iter().enumerate().map(|(at, (speaker, text))| word(at, speaker, text)).collect();
    made_store::folder_with(move |stage, mut body| {
        match stage {
            "decode" => body["channels"] = json!(1),
            "segment" => body["dropped"] = json!([]),
            "transcribe" => {
                body["dropped"] = json!([]);
                body["segments"].as_array_mut().unwrap().truncate(1);
            }
            "diarize" => {
                let voice = |id: &str| json!({"id": id, "channel": 0, "speech_s": 1.0});
                body = json!({"skipped": null, "speakers": [voice("S1"), voice("S2"), voice("S3")], "turns": []});
            }
            "align" => body["words"] = json!(words),
            _ => body["evidence"] = json!([]),
        }
        body
    })
}

/// Runs `transcript` on the call, in a folder for its files.
fn transcript(case: &Path, here: &Path, more: &[&str]) -> Finished {
    let args = ["transcript", case.to_str().unwrap(), NAME].into_iter().chain(more.iter().copied());
    Finished::of(earwitness(args).current_dir(here).output().unwrap())
}

/// The bytes of the only file that a command wrote.
fn written(case: &Path, more: &[&str]) -> Vec<u8> {
    let here = tempfile::tempdir().unwrap();
    transcript(case, here.path(), more).with_code(0);
    let files: Vec<PathBuf> = here.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    fs::read(&files[0]).unwrap()
}

fn page(case: &Path, more: &[&str]) -> String {
    let korean = ["--language", "ko"];
    let language = if more.contains(&"--language") { &[][..] } else { &korean };
    let page = String::from_utf8(written(case, &[language, more].concat())).unwrap();
    assert!(
        page.contains(NOTICE) || more.contains(&"--template") || more.contains(&"en"),
        "a draft says that it is one"
    );
    page
}

/// The lines of a page: number, time, speaker and text, without markup.
fn lines(page: &str) -> Vec<String> {
    let body = page.split_once(r#"<tbody role="rowgroup">"#).unwrap().1.split_once("</tbody>").unwrap().0;
    let rows = body.split(r#"<tr role="row">"#).skip(1).map(|row| row.split("</tr>").next().unwrap());
    rows.map(|row| text(&row.replace("</td>", "|")).trim_end_matches('|').to_owned()).collect()
}

/// HTML without its tags, with single spaces.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#x2f;", "/");
    text.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ").replace(" |", "|").replace("| ", "|")
}

/// The text of each paragraph of a part of a DOCX file, read by another library.
fn paragraphs(docx: &[u8], part: &str) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    let mut xml = String::new();
    archive.by_name(part).unwrap().read_to_string(&mut xml).unwrap();
    assert!(!xml.chars().any(|c| is_unprintable(c) && !c.is_whitespace()), "{part}");
    let mut reader = quick_xml::Reader::from_str(&xml);
    let mut paragraphs = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return paragraphs,
            Event::Start(start) if start.name().as_ref() == b"w:p" => paragraphs.push(String::new()),
            Event::Empty(start) if start.name().as_ref() == b"w:tab" && start.attributes().next().is_none() => {
                push(&mut paragraphs, "\t")
            }
            Event::Text(text) => push(&mut paragraphs, &text.decode().unwrap()),
            Event::GeneralRef(entity) => push(&mut paragraphs, &resolved(&entity.decode().unwrap())),
            _ => {}
        }
    }
}

fn push(paragraphs: &mut [String], text: &str) {
    if let Some(last) = paragraphs.last_mut() {
        last.push_str(text);
    }
}

fn resolved(entity: &str) -> String {
    match entity {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        other => panic!("the entity {other}"),
    }
    .to_owned()
}

#[test]
fn transcript_of_a_call_has_its_words_and_says_that_it_is_a_draft() {
    let case = case();
    let page = page(case.path(), &[]);
    let expected = ["1|00:00:00|이영희: 돈 안 갚으면, \"가만\" 안 둬", "2||김민수: (청취불능)"];
    assert_eq!(lines(&page)[..2], expected, "{}", lines(&page).join("\n"));
    for hidden in ["A &amp; B", "--&gt;", "no text", "log-probability"] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    let sha256 = sha256_hex(b"the bytes of the recording");
    let cover = text(&page);
    for stated in [
        "사건갑 대 을",
        "사건번호2026가단1",
        "녹음일시2026-11-07 21:30:00",
        "이영희 (원고)김민수 (피고)",
        "녹음장소이영희와 김민수의 전화 통화",
        "녹음 길이00:00:07.5",
        &format!("파일의 SHA-256{sha256}"),
        "파일 크기(확인되지 않음)",
        "속기사 성명",
        "사무소 직인",
        "00:00:0100:00:02다른 채널의 소리가 섞여 들림 (본문에 표시하지 않음)",
        "00:00:03.700:00:06.8인식 결과의 신뢰도가 낮음",
        "1 of 59 packets could not be decoded",
        "align",
        "case.toml",
    ] {
        let squeezed = |text: &str| text.replace(' ', "");
        assert!(squeezed(&cover).contains(&squeezed(stated)), "{stated}: {cover}");
    }
    assert!(page.contains(&format!(r#"data-notice="{NOTICE}""#)) && page.contains("counter(pages)"));
    assert!(!page.contains("http"), "nothing is loaded from elsewhere");
}

#[test]
fn transcript_is_recorded_in_the_custody_log_and_changes_nothing_else() {
    let case = case();
    let here = tempfile::tempdir().unwrap();
    let finished = transcript(case.path(), here.path(), &["--language", "ko"]).with_code(0);
    let name = format!("{NAME}.transcript.ko.html");
    let sha256 = sha256_hex(&fs::read(here.path().join(&name)).unwrap());
    assert!(finished.stdout.contains(&name) && finished.stdout.contains(&sha256), "{}", finished.stdout);
    assert!(finished.stderr.contains("recorded in the custody log: 1 copies"), "{}", finished.stderr);
    let log = fs::read_to_string(crate::support::custody_log(case.path())).unwrap();
    assert!(log.contains("transcript-html") && log.contains(&sha256));
    assert!(!case.path().join(&name).exists());
}

#[test]
fn transcript_in_english_has_the_same_words() {
    let case = case();
    let page = page(case.path(), &["--language", "en"]);
    let expected = ["1|00:00:00|이영희: 돈 안 갚으면, \"가만\" 안 둬", "2||김민수: (inaudible)"];
    assert_eq!(lines(&page)[..2], expected);
    let text = text(&page);
    for stated in
        ["Machine-made draft · not checked or certified by anybody", "Telephone call between 이영희 and 김민수"]
    {
        assert!(text.contains(stated), "{stated}: {text}");
    }
    assert!(page.contains(r#"<html lang="en""#) && !page.contains("청취불능"));
    let default = String::from_utf8(written(case.path(), &[])).unwrap();
    assert!(default.contains(r#"<html lang="en""#), "as the pages of results");
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("earwitness.toml"), "[export]\nreport_language = \"ko\"\n").unwrap();
    transcript(case.path(), here.path(), &[]).with_code(0);
    assert!(here.path().join(format!("{NAME}.transcript.ko.html")).exists());
}

#[test]
fn transcript_of_an_excerpt_has_whole_turns_and_states_both_ranges() {
    let case = case();
    let page = page(case.path(), &["--from", "1", "--to", "0:02"]);
    let lines = lines(&page);
    assert_eq!(lines[0], "1|00:00:00|이영희: 돈 안 갚으면, \"가만\" 안 둬");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let text = text(&page);
    for stated in [
        "녹취록 초안 (발췌)",
        "00:00:00.5부터 00:00:02.8까지 (전체 길이 00:00:07.5)",
        "지정한 범위는 00:00:01부터 00:00:02까지이며",
        "(00:00:00.5부터 발췌)",
        "(00:00:02.8까지 발췌)",
        "녹음파일 가운데 00:00:00.5부터 00:00:02.8까지를 직접 듣고",
    ] {
        assert!(text.contains(stated), "{stated}: {text}");
    }
    let silent = self::page(case.path(), &["--from", "3.2", "--to", "3.5"]);
    assert!(
        self::text(&silent).contains("(이 범위에서 전사된 말이 없습니다.)")
            && silent.contains("지정한 범위 그대로입니다")
    );
    let here = tempfile::tempdir().unwrap();
    transcript(case.path(), here.path(), &["--from", "0:01"]).with_code(0);
    assert!(here.path().join(format!("{NAME}_00-00-01.000-end.transcript.en.html")).exists());
    for (range, reason) in [
        (["--from", "2", "--to", "1"], "--from 2 is not before --to 1"),
        (["--from", "0", "--to", "7.6"], "--to 7.6 is beyond the end of the recording, which is 7.5 s long"),
        (["--from", "7.5", "--to", "8"], "--from 7.5 is beyond the end"),
        (["--from", "x", "--to", "8"], "a time is expected"),
    ] {
        let refused = transcript(case.path(), here.path(), &range).with_code(2).stderr;
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn transcript_as_docx_has_the_same_lines_header_and_page_numbers() {
    let case = case();
    let docx = written(case.path(), &["--language", "ko", "--docx"]);
    let body = paragraphs(&docx, "word/document.xml");
    let position = |text: &str| body.iter().position(|one| one == text).unwrap_or_else(|| panic!("{text}: {body:#?}"));
    let order = [
        "녹취록 초안",
        NOTICE,
        "이영희 (원고)",
        "녹취 내용",
        "번호\t시각\t대화자: 내용",
        "1\t00:00:00\t이영희: 돈 안 갚으면, \"가만\" 안 둬",
        "2\t\t김민수: (청취불능)",
        "(녹음 끝)",
        "별지",
        "이 초안의 한계",
        "속기사 확인란",
        "속기사 성명",
        "사무소 직인",
    ];
    let order =
        order.map(|text| if text == "이 초안의 한계" { position("4. 이 초안의 한계") } else { position(text) });
    assert!(order.is_sorted(), "{order:?}");
    let header = paragraphs(&docx, "word/header1.xml").concat();
    let sha256 = sha256_hex(b"the bytes of the recording");
    assert_eq!(header, format!("녹취록 초안 · 갑 대 을\tSHA-256 {}...", &sha256[..12]));
    let footer = paragraphs(&docx, "word/footer1.xml").concat();
    assert!(
        footer.starts_with(&format!("{NOTICE}\t")) && footer.contains("PAGE") && footer.contains("NUMPAGES"),
        "{footer}"
    );
    let english = written(case.path(), &["--language", "en", "--docx", "--from", "1", "--to", "2"]);
    let body = paragraphs(&english, "word/document.xml");
    assert!(
        body.iter().any(|one| one == "Draft transcript (excerpt)")
            && body.iter().any(|one| one.contains("Telephone call"))
    );
}

#[test]
fn transcript_names_the_voices_of_one_channel_from_the_case_file() {
    let people = CASE.replace("channel = 0\n", "").replace("channel = 1\n", "");
    let case = case_of(mono(), &people);
    let set =
        |more: &[&str]| finish(["case", "set", case.path().to_str().unwrap()].into_iter().chain(more.iter().copied()));
    let before = lines(&page(case.path(), &[]));
    assert_eq!(before[..2], ["1|00:00:00|S1: 여보세요", "2||S2: 네 누구세요"]);
    let recording = ["--recording", NAME, "--speaker", "S1=lee", "--speaker", "S2=kim", "--speaker", "S9=kim"];
    let stdout = set(&recording).with_code(0).stdout;
    assert!(stdout.contains(&format!("recording {NAME}: voice S1: lee")), "{stdout}");
    let page = page(case.path(), &[]);
    let expected =
        ["1|00:00:00|이영희: 여보세요", "2||김민수: 네 누구세요", "3||이영희: 접니다", "4||S3: 야", "5||화자 불명: 왜"];
    assert_eq!(lines(&page)[..5], expected);
    assert!(text(&page).contains("이영희 (원고)김민수 (피고)S3 (성명 확인되지 않음)"), "{}", text(&page));
    finish(["export", case.path().to_str().unwrap(), "--format", "json,srt,csv,html"]).with_code(0);
    let read = |end: &str| fs::read_to_string(case.path().join(format!("{NAME}.{end}"))).unwrap();
    assert!(read("srt").contains("[이영희] 여보세요") && read("csv").contains("김민수"), "{}", read("srt"));
    let document = crate::support::document(case.path(), NAME);
    assert_eq!(document["words"][0]["speaker"], "S1", "the result stays");
    assert_eq!(document["case"]["voices"][1], json!({"speaker": "S2", "id": "kim", "name": "김민수", "role": "피고"}));
    let shown = finish(["case", "show", case.path().to_str().unwrap()]).with_code(0).stdout;
    assert!(shown.contains("S1 이영희") && shown.contains("the person of the voice S9 is stated"), "{shown}");
    set(&["--recording", NAME, "--speaker", "S1=", "--speaker", "S2=", "--speaker", "S9="]).with_code(0);
    assert!(!fs::read_to_string(case.path().join("case.toml")).unwrap().contains("voices"));
}

#[test]
fn transcript_marks_unsure_words_and_none_that_a_person_corrected() {
    let folder = made_store::folder_with(|stage, mut body| {
        if stage == "align" {
            for index in [1, 3] {
                body["words"][index]["confidence"] = json!(0.25);
            }
        }
        body
    });
    let case = case_of(folder, CASE);
    let first = |more: &[&str]| lines(&page(case.path(), more))[0].clone();
    assert_eq!(first(&[]), "1|00:00:00|이영희: 돈 안(?) 갚으면, \"가만\"(?) 안 둬");
    let review = |command: &str, more: &[&str]| {
        let head = ["review", command, case.path().to_str().unwrap(), NAME].into_iter();
        finish(head.chain(more.iter().copied()).chain(["--author", "kim"])).with_code(0);
    };
    review("text", &["word:1", "못"]);
    review("confirm", &["word:3"]);
    review("reject", &["word:5"]);
    review("text", &["word:6", "[웃음]"]);
    let page = page(case.path(), &[]);
    let expected = ["1|00:00:00|이영희: 돈 못 갚으면, \"가만\" 안 (청취불능)", "2||김민수: [웃음] (청취불능)"];
    assert_eq!(lines(&page)[..2], expected);
    assert!(page.contains("사람이 고친 곳은 1곳입니다"), "{}", text(&page));
    let docx = paragraphs(&written(case.path(), &["--language", "ko", "--docx"]), "word/document.xml");
    assert!(docx.iter().any(|one| one.ends_with("돈 못 갚으면, \"가만\" 안 (청취불능)")), "{docx:#?}");
}

#[test]
fn transcript_of_hostile_texts_shows_them_as_texts() {
    let hostile = "<script>alert(1)</script>{{ 7 * 7 }}{% raw %}\u{202e}&amp;\u{1b}[2J\u{0}\u{ffff}]]>";
    let folder = made_store::folder_with(|stage, mut body| {
        if stage == "align" {
            body["words"][0]["text"] = json!(hostile);
        }
        if stage == "decode" {
            body["warnings"][0]["message"] = json!(hostile);
        }
        body
    });
    let people = CASE.replace("'이영희'", "'<img src=x onerror=alert(1)> {{ t }} &amp; \"x\"'");
    let case = case_of(folder, &people.replace("'갑 대 을'", "'\" onload=\"alert(1) <b>'"));
    let page = page(case.path(), &[]);
    let expected = r"<script>alert(1)</script>{{ 7 * 7 }}{% raw %}\u{202e}&amp;\u{1b}[2J\u{0}\u{ffff}]]>";
    assert!(lines(&page)[0].contains(expected), "{}", lines(&page)[0]);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains(r#"" onload"#));
    assert!(!page.chars().any(|c| is_unprintable(c) && !c.is_whitespace()));
    let docx = written(case.path(), &["--language", "ko", "--docx"]);
    let body = paragraphs(&docx, "word/document.xml");
    assert!(body.iter().any(|one| one.contains(expected)), "{body:#?}");
    assert!(
        body.iter().any(|one| one.contains("<img src=x onerror=alert(1)> {{ t }} &amp; \"x\" (원고)")),
        "{body:#?}"
    );
    paragraphs(&docx, "word/header1.xml");
}

#[test]
fn transcript_uses_the_template_of_a_user() {
    let case = case();
    let here = tempfile::tempdir().unwrap();
    let own = here.path().join("own");
    let write = || finish(["transcript", "--write-templates", own.to_str().unwrap()]);
    write().with_code(0);
    let taken = write().with_code(2).stderr;
    assert!(taken.contains("transcript.html: it exists, and nothing is replaced"), "{taken}");
    let [html, toml] = ["transcript.html", "transcript.toml"].map(|name| own.join(name));
    let edit = |path: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    edit(&toml, "title = \"녹취록 초안\"", "title = \"녹취서 초안\"");
    edit(&toml, "\"case\", \"reference\", ", "\"tool\", ");
    edit(&html, "<main>", "<main>\n<p>{{ document.file_name }} of our office</p>");
    let template = ["--template", own.to_str().unwrap()];
    let page = page(case.path(), &template);
    assert!(page.contains("<h1>녹취서 초안</h1>") && page.contains(&format!("<p>{NAME}.m4a of our office</p>")));
    assert!(!page.contains(">사건<"), "a field that the cover does not have");
    fs::remove_file(&html).unwrap();
    let page = self::page(case.path(), &template);
    assert!(page.contains("<h1>녹취서 초안</h1>") && !page.contains("of our office"), "one file is enough");
    let docx = paragraphs(
        &written(case.path(), &["--language", "ko", "--docx", "--template", template[1]]),
        "word/document.xml",
    );
    assert_eq!(docx[0], "녹취서 초안");
}

#[test]
fn transcript_with_a_broken_template_names_file_line_and_reason() {
    let case = case();
    let here = tempfile::tempdir().unwrap();
    let own = here.path().join("own");
    finish(["transcript", "--write-templates", own.to_str().unwrap()]).with_code(0);
    let built_in = ["transcript.html", "transcript.toml"].map(|name| fs::read_to_string(own.join(name)).unwrap());
    let line = |text: &str, part: &str| 1 + text.lines().position(|line| line.contains(part)).unwrap();
    let refused = |file: usize, from: &str, to: &str| {
        for (name, text) in ["transcript.html", "transcript.toml"].into_iter().zip(&built_in) {
            let text = if name.ends_with(["html", "toml"][file]) { text.replacen(from, to, 1) } else { text.clone() };
            fs::write(own.join(name), text).unwrap();
        }
        transcript(case.path(), here.path(), &["--language", "ko", "--template", own.to_str().unwrap()])
            .with_code(2)
            .stderr
    };
    let at = line(&built_in[0], "<h1>{{ title }}</h1>");
    for (to, reason) in [
        ("<h1>{{ titles }}</h1>", "undefined value in `titles`"),
        ("<h1>{{ t.titles }}</h1>", "undefined value in `t.titles`"),
        ("<h1>{{ title </h1>", "syntax error"),
        ("<h1>{% if title %}</h1>", "syntax error"),
        ("<h1>{{ title|upppper }}</h1>", "unknown filter"),
    ] {
        let message = refused(0, "<h1>{{ title }}</h1>", to);
        let has_line = message.contains(&format!("own/transcript.html: line {at}: ")) || reason == "syntax error";
        assert!(has_line && message.contains(reason), "{reason}: {message}");
    }
    let table = line(&built_in[1], "[ko]");
    let message = refused(1, "excerpt_title = ", "# excerpt_title = ");
    assert!(
        message.contains(&format!("own/transcript.toml: line {table}: [ko] has no key `excerpt_title`")),
        "{message}"
    );
    let message = refused(1, "title = \"녹취록 초안\"", "title = 녹취록");
    assert!(
        message.contains(&format!("own/transcript.toml: line {}: ", line(&built_in[1], "title = \"녹취록"))),
        "{message}"
    );
    for name in ["transcript.html", "transcript.toml"] {
        fs::remove_file(own.join(name)).unwrap();
    }
    fs::write(own.join("transcript.html"), "<p>{{ title }}</p>").unwrap();
    let template = ["--template", own.to_str().unwrap()];
    let message = transcript(case.path(), here.path(), &template).with_code(2).stderr;
    assert!(message.contains("own/transcript.html: the page does not show the text `draft_notice`"), "{message}");
    fs::remove_file(own.join("transcript.html")).unwrap();
    let message = transcript(case.path(), here.path(), &template).with_code(2).stderr;
    assert!(message.contains("has neither transcript.html nor transcript.toml"), "{message}");
    let left: Vec<_> = here.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["own"], "nothing was written");
}

#[test]
fn transcript_replaces_nothing() {
    let case = case();
    let here = tempfile::tempdir().unwrap();
    let at = |name: &str| here.path().join(name);
    transcript(case.path(), here.path(), &["--out", "a.html"]).with_code(0);
    let first = fs::read(at("a.html")).unwrap();
    fs::write(at("taken.docx"), "theirs").unwrap();
    std::os::unix::fs::symlink(at("nothing"), at("link.html")).unwrap();
    let case_file = case.path().join("case.toml");
    fs::hard_link(&case_file, at("case.html")).unwrap();
    for (more, reason) in [
        (vec!["--out", "a.html"], "a.html: it exists, and a transcript replaces nothing"),
        (vec!["--out", "taken.docx", "--docx"], "taken.docx: it exists"),
        (vec!["--out", "link.html"], "link.html: it exists"),
        (vec!["--out", "case.html"], "this is the input"),
        (vec!["--out", "b.docx"], "the name of this transcript ends in .html; --docx writes a DOCX file"),
        (vec!["--out", "b.html", "--docx"], "the name of this transcript ends in .docx"),
        (vec!["--out", "none/b.html"], "none: the folder does not exist"),
    ] {
        let refused = transcript(case.path(), here.path(), &more).with_code(2).stderr;
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
    assert_eq!((fs::read(at("a.html")).unwrap(), fs::read(at("taken.docx")).unwrap()), (first, b"theirs".to_vec()));
    assert_eq!(fs::read_to_string(case_file).unwrap(), CASE);
    let unknown = finish(["transcript", case.path().to_str().unwrap(), "nobody"]).with_code(2).stderr;
    assert!(unknown.contains("RECORDING nobody: there is no such recording"), "{unknown}");
    let missing = finish(["transcript", case.path().to_str().unwrap()]).with_code(2).stderr;
    assert!(missing.contains("RECORDING"), "{missing}");
}
