//! Reviews are a layer: results stay as the program made them, and documents show who stated what about them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Finished, calls, document, finish, run};

fn case() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let call = folder.path().join("call.wav");
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    let out = folder.path().join("out");
    run(&[&call], &out, &[]).with_code(0);
    (folder, out)
}

/// `review COMMAND DIR call MORE...`
fn review(out: &Path, command: &str, more: &[&str]) -> Finished {
    let head = ["review", command, out.to_str().unwrap(), "call"];
    finish(head.into_iter().chain(more.iter().copied()).chain(["--author", "김 변호사"]))
}

fn on(out: &Path, args: &[&str]) -> Finished {
    let (command, more) = args.split_at(args.iter().take_while(|arg| !arg.starts_with('-')).count());
    finish(command.iter().copied().chain([out.to_str().unwrap()]).chain(more.iter().copied()))
}

/// Action, target and state of each review in the document.
fn states(out: &Path) -> Vec<[String; 3]> {
    on(out, &["export"]).with_code(0);
    let reviews = document(out, "call")["review"].clone();
    let text = |review: &Value, field: &str| review[field].as_str().unwrap().to_owned();
    let all = reviews.as_array().unwrap().iter();
    all.map(|review| ["action", "target", "state"].map(|field| text(review, field))).collect()
}

/// The state of a review in the document.
fn state_of(out: &Path, id: &str) -> String {
    on(out, &["export"]).with_code(0);
    let reviews = document(out, "call")["review"].clone();
    let review = reviews.as_array().unwrap().iter().find(|review| review["id"] == id).unwrap().clone();
    review["state"].as_str().unwrap().to_owned()
}

#[test]
fn review_is_shown_beside_the_results_which_stay() {
    let (_folder, out) = case();
    let before = document(&out, "call");
    review(&out, "confirm", &["segment:0"]).with_code(0);
    review(&out, "text", &["word:1", "고친", "--note", "checked twice"]).with_code(0);
    review(&out, "speaker", &["word:1", "kim"]).with_code(0);
    review(&out, "reject", &["segment:0"]).with_code(0);
    let stale = on(&out, &["verify"]).with_code(5).stdout;
    assert!(stale.contains("call.json: stale"), "{stale}");
    let expected = [
        ["confirm", "segment:0", "superseded"],
        ["correct-text", "word:1", "current"],
        ["correct-speaker", "word:1", "current"],
        ["reject", "segment:0", "current"],
    ];
    assert_eq!(states(&out), expected);
    let mut after = document(&out, "call");
    let correction = after["review"][1].clone();
    let stated = ["new", "note", "author"].map(|field| correction[field].as_str().unwrap());
    assert_eq!(stated, ["고친", "checked twice", "김 변호사"]);
    assert_eq!(correction["old"], before["words"][1]["text"]);
    after["review"] = json!([]);
    assert_eq!(after, before, "nothing else has changed");
    on(&out, &["verify"]).with_code(0);
}

#[test]
fn review_that_is_withdrawn_or_of_an_earlier_result_is_marked() {
    let (folder, out) = case();
    review(&out, "note", &["word:0", "--note", "unclear"]).with_code(0);
    review(&out, "confirm", &["evidence:0"]).with_code(2);
    on(&out, &["export"]).with_code(0);
    let id = document(&out, "call")["review"][0]["id"].as_str().unwrap().to_owned();
    review(&out, "withdraw", &["0000000000000000"]).with_code(2);
    review(&out, "withdraw", &[&id]).with_code(0);
    assert_eq!(states(&out), [["note", "word:0", "withdrawn"], ["withdraw", "word:0", "current"]]);
    review(&out, "confirm", &["segment:0"]).with_code(0);
    run(&[&folder.path().join("call.wav")], &out, &["--vad", "energy"]).with_code(0);
    assert!(states(&out).iter().all(|[_, _, state]| state == "outdated" || state == "withdrawn"));
}

#[test]
fn review_that_makes_no_sense_is_refused() {
    let (_folder, out) = case();
    for (command, more) in [
        ("confirm", vec!["word:99999"]),
        ("confirm", vec!["page:1"]),
        ("text", vec!["evidence:0", "x"]),
        ("text", vec!["word:0", "  "]),
        ("text", vec!["word:0", "a\u{202e}b"]),
        ("note", vec!["word:0"]),
    ] {
        review(&out, command, &more).with_code(2);
    }
    assert_eq!(states(&out), Vec::<[String; 3]>::new());
}

/// Writes the reviews of a case to a file.
fn exported(out: &Path, file: &Path) -> Value {
    finish(["review", "export", out.to_str().unwrap(), file.to_str().unwrap()]).with_code(0);
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Imports a review file.
fn import(out: &Path, file: &Path) -> Finished {
    finish(["review", "import", out.to_str().unwrap(), file.to_str().unwrap()])
}

/// Imports the statements of a file with other ones in their place.
fn import_all(out: &Path, file: &Path, content: &Value, reviews: &[Value]) -> Finished {
    let mut content = content.clone();
    content["reviews"] = json!(reviews);
    fs::write(file, content.to_string()).unwrap();
    import(out, file)
}

/// A statement with other fields.
fn with(review: &Value, fields: &[(&str, Value)]) -> Value {
    let mut review = review.clone();
    fields.iter().for_each(|(field, value)| review[*field] = value.clone());
    review
}

#[test]
fn review_file_is_imported_once_and_each_entry_is_checked() {
    let (folder, out) = case();
    review(&out, "text", &["word:1", "new"]).with_code(0);
    review(&out, "confirm", &["segment:0"]).with_code(0);
    let file = folder.path().join("review.json");
    on(&out, &["review", "export", "--"]).with_code(2);
    let mut content = exported(&out, &file);
    let refused = finish(["review", "export", out.to_str().unwrap(), file.to_str().unwrap()]).with_code(2).stderr;
    assert!(refused.contains("not replaced"), "{refused}");
    assert!(import(&out, &file).with_code(0).stdout.contains("0 reviews added, 2 known, 0 refused"));

    let first = content["reviews"][0].clone();
    let at_ms = first["at_ms"].as_u64().unwrap();
    let day_ms = 24 * 60 * 60 * 1000;
    let changed = |field: &str, value: Value, id: &str| with(&first, &[("id", id.into()), (field, value)]);
    let refused = [
        (changed("old", "something else".into(), "00000000000000ab"), "the review is of another result"),
        (changed("target", "word:99999".into(), "00000000000000ac"), "no such item"),
        (changed("artifact_sha256", "ab".repeat(32).into(), "00000000000000ad"), "never had the result"),
        (changed("target", "segment:0".into(), "00000000000000a1"), "never had the result"),
        (changed("recording", "ab".repeat(32).into(), "00000000000000ae"), "no such recording"),
        (changed("note", "\u{1b}[31m".into(), "00000000000000af"), "cannot be printed"),
        (changed("author", "a\nb".into(), "00000000000000b0"), "the author"),
        (changed("new", "x".repeat(10_001).into(), "00000000000000b1"), "longer than 10000"),
        (changed("at_ms", (at_ms + 2 * day_ms).into(), "00000000000000b2"), "not between 1990 and a day after now"),
        (changed("at_ms", 0.into(), "00000000000000b3"), "not between 1990 and a day after now"),
        (changed("id", "SHORT".into(), "SHORT"), "16 lower-case"),
        (changed("new", "other".into(), first["id"].as_str().unwrap()), "another review with this ID"),
    ];
    let good = changed("new", "another".into(), "00000000000000aa");
    let all: Vec<Value> = refused.iter().map(|(review, _)| review.clone()).chain([good.clone(), good]).collect();
    let imported = import_all(&out, &file, &content, &all).with_code(3).stdout;
    assert!(imported.contains("1 reviews added, 1 known, 12 refused"), "{imported}");
    for (review, reason) in &refused {
        let start = format!("refused {}: ", review["id"].as_str().unwrap());
        let named = |line: &str| line.starts_with(&start) && line.contains(reason);
        assert!(imported.lines().any(named), "{start}{reason}: {imported}");
    }
    assert_eq!(states(&out).len(), 3);
    on(&out, &["verify"]).with_code(0);
    content["case"] = "0".repeat(32).into();
    import_all(&out, &file, &content, &[]).with_code(2);
}

#[test]
fn review_file_with_different_statements_of_one_id_adds_neither() {
    let (folder, out) = case();
    review(&out, "text", &["word:1", "new"]).with_code(0);
    let file = folder.path().join("review.json");
    let content = exported(&out, &file);
    let one = with(&content["reviews"][0], &[("id", "00000000000000aa".into())]);
    let other = with(&one, &[("new", "another".into())]);
    let imported = import_all(&out, &file, &content, &[one, other]).with_code(3).stdout;
    assert!(imported.contains("0 reviews added, 0 known, 2 refused"), "{imported}");
    assert_eq!(imported.matches("the file has this ID twice").count(), 2, "{imported}");
}

#[test]
fn review_file_that_cannot_be_read_adds_nothing_and_names_line_and_field() {
    let (folder, out) = case();
    review(&out, "note", &["word:1", "--note", "unclear"]).with_code(0);
    let file = folder.path().join("review.json");
    exported(&out, &file);
    let text = fs::read_to_string(&file).unwrap();
    let line = 1 + text.lines().position(|line| line.contains("\"note\":")).unwrap();
    for (from, to, reason) in [
        ("\"note\":", "\"nots\":", "unknown field `nots`"),
        ("\"unclear\"", "7", "(at the field \"note\")"),
        ("\"at_ms\": ", "\"at_ms\": -", "(at the field \"at_ms\")"),
        ("\"earwitness_review\": 1", "\"earwitness_review\": 2", "version 2 of review files"),
    ] {
        fs::write(&file, text.replace(from, to)).unwrap();
        let refused = import(&out, &file).with_code(2).stderr;
        assert!(refused.contains(reason), "{reason}: {refused}");
        assert!(!reason.contains("not") || refused.contains(&format!("at line {line} column ")), "{refused}");
    }
    fs::write(&file, &text).unwrap();
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let pipe = folder.path().join("pipe.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, reason) in [
        (link.as_path(), "a link, which is not followed"),
        (&pipe, "not a file"),
        (folder.path(), "not a file"),
        (&folder.path().join("missing.json"), "cannot be read"),
    ] {
        let refused = import(&out, path).with_code(2).stderr;
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
    assert!(import(&out, &file).with_code(0).stdout.contains("0 reviews added, 1 known"));
}

#[test]
fn review_of_an_earlier_result_is_imported_as_outdated() {
    let (folder, out) = case();
    review(&out, "text", &["word:1", "new"]).with_code(0);
    let file = folder.path().join("review.json");
    let content = exported(&out, &file);
    run(&[&folder.path().join("call.wav")], &out, &["--vad", "energy"]).with_code(0);
    let earlier = with(&content["reviews"][0], &[("id", "00000000000000aa".into())]);
    let forged = [("id", "00000000000000ab".into()), ("old", "never recognized".into())];
    let forged = with(&earlier, &forged);
    let imported = import_all(&out, &file, &content, &[earlier, forged]).with_code(3).stdout;
    assert!(imported.contains("1 reviews added, 0 known, 1 refused"), "{imported}");
    assert!(imported.contains("refused 00000000000000ab: word:1: it is "), "{imported}");
    assert_eq!(states(&out), [["correct-text", "word:1", "outdated"], ["correct-text", "word:1", "outdated"]]);
    finish(["review", "withdraw", out.to_str().unwrap(), "call", "00000000000000aa"]).with_code(0);
    assert_eq!(state_of(&out, "00000000000000aa"), "withdrawn");
    on(&out, &["verify"]).with_code(0);
}

#[test]
fn review_file_withdraws_known_statements_about_the_same_item_alone() {
    let (folder, out) = case();
    let other = folder.path().join("other.wav");
    fs::copy(calls().join("synthetic-threat.flac"), &other).unwrap();
    run(&[&other], &out, &[]).with_code(0);
    review(&out, "confirm", &["word:1"]).with_code(0);
    let file = folder.path().join("review.json");
    finish(["review", "confirm", out.to_str().unwrap(), "other", "word:0"]).with_code(0);
    let content = exported(&out, &file);
    let (known, of_other) = (content["reviews"][0].clone(), content["reviews"][1].clone());
    assert_ne!(known["recording"], of_other["recording"]);
    let fields = |id: &str, new: &Value| [("id", id.into()), ("action", "withdraw".into()), ("new", new.clone())];
    let withdrawal = |id: &str, new: &Value| with(&known, &fields(id, new));
    let in_file = with(&known, &[("id", "00000000000000a0".into())]);
    let on_line = |imported: &str, id: &str, reason: &str| {
        let start = format!("refused {id}: ");
        let found = imported.lines().any(|line| line.starts_with(&start) && line.contains(reason));
        assert!(found, "{id}, {reason}: {imported}");
    };
    let good = withdrawal("00000000000000a1", &known["id"]);
    let all = [
        withdrawal("00000000000000a2", &in_file["id"]),
        in_file,
        good.clone(),
        withdrawal("00000000000000a3", &"00000000000000ff".into()),
        withdrawal("00000000000000a4", &"00000000000000a4".into()),
        withdrawal("00000000000000a5", &good["id"]),
        withdrawal("00000000000000a6", &of_other["id"]),
    ];
    let imported = import_all(&out, &file, &content, &all).with_code(3).stdout;
    assert!(imported.contains("3 reviews added, 0 known, 4 refused"), "{imported}");
    on_line(&imported, "00000000000000a3", "not known");
    on_line(&imported, "00000000000000a4", "not known");
    on_line(&imported, "00000000000000a5", "a withdrawal cannot be withdrawn");
    on_line(&imported, "00000000000000a6", "another recording");
    review(&out, "withdraw", &["00000000000000a1"]).with_code(2);
    let known = known["id"].as_str().unwrap();
    let ids = [known, "00000000000000a0", "00000000000000a1", "00000000000000a2"];
    assert_eq!(ids.map(|id| state_of(&out, id)), ["withdrawn", "withdrawn", "current", "current"]);
}

/// Changes one row of the store with the sqlite3 program.
fn change_one(out: &Path, sql: &str) {
    let sql = format!("{sql}; SELECT changes();");
    let changed = Command::new("sqlite3").arg(out.join("earwitness.db")).arg(&sql).output();
    assert_eq!(changed.expect("sqlite3 is installed (apt-get install sqlite3)").stdout, b"1\n", "{sql}");
}

#[test]
fn review_list_names_recordings_whose_results_cannot_be_read() {
    let (_folder, out) = case();
    review(&out, "confirm", &["word:1"]).with_code(0);
    let list = |more: &[&str]| on(&out, &[&["review", "list"], more].concat());
    assert!(list(&[]).with_code(0).stdout.contains("Confirm word:1"));
    change_one(&out, "UPDATE review SET body = '{}'");
    assert!(list(&[]).with_code(3).stderr.contains("1 reviews cannot be read: they were altered"));
    change_one(&out, "UPDATE artifact SET body = 'x' WHERE key LIKE '%\"stage\":\"align\"%'");
    let listed = list(&[]).with_code(3).stdout;
    assert!(listed.contains("the results cannot be read: the artifact align was altered"), "{listed}");
    assert!(listed.contains("1 reviews about them are stored"), "{listed}");
    let listed: Value = serde_json::from_str(&list(&["--json"]).with_code(3).stdout).unwrap();
    assert_eq!((&listed["review"], &listed["stored_reviews"]), (&Value::Null, &json!(1)));
}

/// Exports copies in all formats and gives back the content of one of them.
fn copies(out: &Path, to: &Path, more: &[&str]) -> Finished {
    let (out, to) = (out.to_str().unwrap(), to.to_str().unwrap());
    let formats = ["--format", "json,srt,vtt,csv,textgrid"];
    finish(["export", out, "--out", to].iter().chain(&formats).chain(more)).with_code(0)
}

#[test]
fn reviewed_copies_show_the_corrected_texts_in_every_format() {
    let (folder, out) = case();
    let program = document(&out, "call");
    let text = |index: usize| program["words"][index]["text"].as_str().unwrap().to_owned();
    review(&out, "text", &["word:1", "고친"]).with_code(0);
    review(&out, "speaker", &["word:1", "김민수"]).with_code(0);
    review(&out, "reject", &["word:0"]).with_code(0);
    let to = folder.path().join("copies");
    let exported = copies(&out, &to, &["--reviewed"]);
    assert!(exported.stderr.contains("recorded in the custody log: 5 copies"), "{}", exported.stderr);
    let read = |format: &str| fs::read_to_string(to.join(format!("call.reviewed.{format}"))).unwrap();
    assert_eq!(fs::read_dir(&to).unwrap().count(), 5);
    for format in ["srt", "vtt", "csv", "TextGrid", "json"] {
        assert!(read(format).contains("고친") && !read(format).contains("[?] 고친"), "{format}: {}", read(format));
    }
    for format in ["srt", "vtt", "TextGrid"] {
        assert!(read(format).contains(&format!("[rejected] {}", text(0))), "{format}: {}", read(format));
    }
    assert!(read("srt").contains("\n[김민수] 고친\n") && read("vtt").contains("\n<v 김민수>고친\n"));
    assert!(read("vtt").contains("\nreviewed: A reviewed copy"), "{}", read("vtt"));
    let rows = read("csv");
    let row = rows.lines().find(|line| line.contains("고친")).unwrap();
    assert!(row.contains(",김민수,") && row.ends_with(&format!(",{},word,,", text(1))), "{row}");
    assert!(rows.lines().any(|row| row.ends_with(&format!(",{},program,rejected,", text(0)))), "{rows}");

    let copy: Value = serde_json::from_str(&read("json")).unwrap();
    let schema: Value = serde_json::from_str(&finish(["schema"]).with_code(0).stdout).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&copy).unwrap();
    let segment = program["segments"][0]["text"].as_str().unwrap();
    assert_eq!(copy["segments"][0]["text"], segment.replacen(&text(1), "고친", 1));
    assert_eq!((&copy["words"][1]["text"], &copy["words"][1]["speaker"]), (&"고친".into(), &"김민수".into()));
    let items = copy["reviewed"]["items"].as_array().unwrap();
    let item = |target: &str| items.iter().find(|item| item["target"] == target).unwrap();
    assert_eq!(item("word:0")["judgment"], "rejected");
    assert_eq!((&item("word:1")["program_text"], &item("word:1")["text_from"]), (&text(1).into(), &"word".into()));
    assert_eq!(
        (&item("segment:0")["program_text"], &item("segment:0")["text_from"]),
        (&segment.into(), &"word".into())
    );
    assert_eq!(copy["review"].as_array().unwrap().len(), 3);

    on(&out, &["export"]).with_code(0);
    assert_eq!(document(&out, "call")["words"], program["words"], "the results of the case stay");
    on(&out, &["verify"]).with_code(0);
    let log = log_text(&out);
    let copied: Vec<&str> = log.lines().filter(|line| line.contains("\"kind\":\"copied\"")).collect();
    assert!(copied.len() == 5 && copied.iter().all(|line| line.contains("\"reviewed\":true")), "{copied:?}");
}

/// The custody log of a case.
fn log_text(out: &Path) -> String {
    let entries = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| path.extension().is_some_and(|end| end == "jsonl");
    entries.filter(is_log).map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn reviewed_copies_need_another_folder() {
    let (_folder, out) = case();
    let refused = on(&out, &["export", "--reviewed"]).with_code(2).stderr;
    assert!(refused.contains("--out with another folder"), "{refused}");
}

#[test]
fn reviewed_copies_show_a_corrected_segment_and_keep_words_that_are_the_same() {
    let (folder, out) = case();
    let program = document(&out, "call");
    let words: Vec<&Value> = program["words"].as_array().unwrap().iter().filter(|word| word["segment"] == 0).collect();
    let texts: Vec<&str> = words.iter().map(|word| word["text"].as_str().unwrap()).collect();
    let new = format!("완전히 {}", texts[1..].join(" "));
    review(&out, "text", &["segment:0", &new]).with_code(0);
    let to = folder.path().join("copies");
    copies(&out, &to, &["--reviewed"]);
    let copy: Value = serde_json::from_slice(&fs::read(to.join("call.reviewed.json")).unwrap()).unwrap();
    assert_eq!(copy["segments"][0]["text"], new);
    for (index, word) in words.iter().enumerate() {
        let shown = &copy["words"][index];
        assert_eq!((&shown["start_s"], &shown["end_s"]), (&word["start_s"], &word["end_s"]));
        assert_eq!(shown["text"], if index == 0 { "완전히" } else { texts[index] });
    }
    let srt = fs::read_to_string(to.join("call.reviewed.srt")).unwrap();
    assert!(srt.contains("완전히") && srt.contains(texts[1]), "{srt}");
}

#[test]
fn reviewed_copies_that_are_redacted_mask_what_reviewers_wrote() {
    let (folder, out) = case();
    for (index, part) in ["010", "1234", "5678"].into_iter().enumerate() {
        review(&out, "text", &[&format!("word:{index}"), part]).with_code(0);
    }
    review(&out, "note", &["segment:0", "--note", "010-1234-5678"]).with_code(0);
    let number = ["--author", "010-1234-5678"];
    finish(["review", "speaker", out.to_str().unwrap(), "call", "word:0", "010-1234-5678"].iter().chain(&number))
        .with_code(0);
    for more in [&["--redact"][..], &["--redact", "--reviewed"][..]] {
        let to = folder.path().join(more.concat());
        copies(&out, &to, more);
        for file in fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with("redacted-"), "{name}");
            assert_eq!(name.contains(".reviewed."), more.len() == 2, "{name}");
            let content = fs::read_to_string(&file).unwrap();
            for part in ["\"010\"", "\"1234\"", "\"5678\"", ",1234,", "010-1234", "1234-5678", " 1234 "] {
                assert!(!content.contains(part), "{name}: {part} in {content}");
            }
        }
    }
}
