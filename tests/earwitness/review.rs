//! Reviews are a layer: results stay as the program made them, and documents show who stated what about them.

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn review_file_is_imported_once_and_each_entry_is_checked() {
    let (folder, out) = case();
    review(&out, "text", &["word:1", "new"]).with_code(0);
    review(&out, "confirm", &["segment:0"]).with_code(0);
    let file = folder.path().join("review.json");
    on(&out, &["review", "export", "--"]).with_code(2);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    finish(["review", "export", &text(&out), &text(&file)]).with_code(0);
    let import = |file: &Path| finish(["review", "import", &text(&out), &text(file)]);
    assert!(import(&file).with_code(0).stdout.contains("0 reviews added, 2 known, 0 refused"));

    let mut reviews: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let first = reviews["reviews"][0].clone();
    let changed = |field: &str, value: Value, id: &str| {
        let mut review = first.clone();
        (review["id"], review[field]) = (id.into(), value);
        review
    };
    reviews["reviews"] = json!([
        changed("new", "another".into(), "00000000000000aa"),
        changed("old", "something else".into(), "00000000000000ab"),
        changed("target", "word:99999".into(), "00000000000000ac"),
        changed("artifact_sha256", "ab".repeat(32).into(), "00000000000000ad"),
        changed("recording", "ab".repeat(32).into(), "00000000000000ae"),
        changed("note", "\u{1b}[31m".into(), "00000000000000af"),
        changed("id", "SHORT".into(), "00000000000000b0"),
        changed("new", "in place of the first".into(), first["id"].as_str().unwrap()),
    ]);
    fs::write(&file, reviews.to_string()).unwrap();
    let imported = import(&file).with_code(3).stdout;
    assert!(imported.contains("1 reviews added, 0 known, 7 refused"), "{imported}");
    assert_eq!(states(&out).len(), 3);
    on(&out, &["verify"]).with_code(0);
    reviews["case"] = "0".repeat(32).into();
    fs::write(&file, reviews.to_string()).unwrap();
    import(&file).with_code(2);
}
