//! `earwitness evidence` and `earwitness lexicon check`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::finish;

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const LEXICON: &str = "language = 'en'\n[categories]\npiracy = 'threat'\n[[rule]]\nid = 'own.boat'\ncategory = 'piracy'\n\
                       kind = 'direct'\nseverity = 0.9\npatterns = ['i $will sink your boat']\n\
                       matches = [\"I'll, uh, sink your boat\"]\nrejects = ['I will not sink your boat']\n";

#[test]
fn evidence_of_text_is_one_json_line_per_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.tsv");
    let rows = "id\tlanguage\ttext\tspeaker\n\
                a\ten\tGood morning.\tKim\n\
                a\ten\tI will, uh, kill you.\tLee\n\
                a\ten\tHe said he would kill me.\tKim\n\
                b\tko\t안녕하세요.\t\n";
    fs::write(&file, rows).unwrap();
    let found = lines(&finish(["evidence", text(&file)]).with_code(0).stdout);
    assert_eq!(found.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    let items = found[0]["items"].as_array().unwrap();
    let threat = items.iter().find(|item| item["category"] == "threat").unwrap();
    assert_eq!((threat["line"].as_u64(), threat["speaker"].as_str()), (Some(3), Some("Lee")));
    assert_eq!((threat["start"].as_u64(), threat["end"].as_u64()), (Some(0), Some(21)));
    let report = items.iter().find(|item| item["reported"] == true).unwrap();
    assert_eq!((report["category"].as_str(), report["line"].as_u64()), (Some("reported"), Some(4)));
    let of = |speaker: &str| {
        let speakers = found[0]["scores"]["speakers"].as_array().unwrap();
        let own = speakers.iter().find(|own| own["speaker"] == speaker).unwrap();
        own["categories"]["threat"]["score"]["value"].as_f64().unwrap()
    };
    assert!(of("Lee") > 60.0 && of("Kim") == 0.0, "a victim is not scored as the threat");
    assert!(found[1]["items"].as_array().unwrap().is_empty());
    assert_eq!(found[1]["scores"]["overall"]["value"], 0.0);
    let schema: Value = serde_json::from_str(&finish(["schema", "evidence"]).with_code(0).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    found.iter().for_each(|line| validator.validate(line).unwrap());
}

#[test]
fn evidence_of_text_names_lines_that_cannot_be_used_and_judges_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.tsv");
    fs::write(&file, b"a\ten\tI will kill you.\nno tabs\nb\ten\t\xff\nc\tja\t\xe3\x82\x82\n").unwrap();
    let finished = finish(["evidence", text(&file)]).with_code(3);
    let found = lines(&finished.stdout);
    assert_eq!(found.len(), 2, "{}", finished.stdout);
    for line in ["line 2: three columns", "line 3: the text is not UTF-8"] {
        assert!(finished.stderr.contains(line) && finished.stderr.contains("lines.tsv"), "{}", finished.stderr);
    }
    let japanese = &found[1]["scores"]["overall"];
    assert!(japanese["value"].is_null() && japanese["reason"].as_str().unwrap().contains("ja"), "{japanese}");
    let missing = finish(["evidence", text(&folder.path().join("none.tsv"))]).with_code(2);
    assert!(missing.stderr.contains("none.tsv"), "{}", missing.stderr);
}

#[test]
fn lexicon_of_a_user_has_the_rules_of_its_language_and_adds_a_category() {
    let folder = tempfile::tempdir().unwrap();
    let (lexicon, file) = (folder.path().join("mine.toml"), folder.path().join("lines.tsv"));
    fs::write(&lexicon, LEXICON).unwrap();
    fs::write(&file, "a\ten\tDon't think I won't, you know, sink your boat.\n").unwrap();
    let shown = finish(["lexicon", "check", text(&lexicon)]).with_code(0).stdout;
    assert!(shown.contains("own.boat") && shown.contains("1 rules"), "{shown}");
    let judged = finish(["evidence", text(&file), "--lexicon", text(&lexicon)]).with_code(0).stdout;
    let found = lines(&judged);
    let items = found[0]["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["category"] == "piracy" && item["negated"] == false), "{judged}");
    assert!(found[0]["scores"]["categories"]["threat"]["score"]["value"].as_f64() > Some(60.0), "{judged}");
}

#[test]
fn lexicon_check_names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let lexicon = folder.path().join("mine.toml");
    for (from, to, part) in [
        ("'I will not sink your boat'", "'we will sink your boat and I will sink your boat'", "must not match"),
        ("piracy = 'threat'", "piracy = 'weather'", "weather"),
        ("kind = 'direct'", "kinds = 'direct'", "kinds"),
        ("i $will", "i $wont", "wont"),
    ] {
        fs::write(&lexicon, LEXICON.replace(from, to)).unwrap();
        let error = finish(["lexicon", "check", text(&lexicon)]).with_code(2).stderr;
        assert!(error.contains("mine.toml") && error.contains(part), "{part}: {error}");
    }
}
