//! The texts that users and their scripts read are those of tests/golden: exports in every format, help, schema.
//! `UPDATE_GOLDEN=1 cargo test --release -p earwitness golden` accepts changes.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use testkit::{assert_golden, golden};

use crate::made_store;
use crate::support::finish;

/// Names of the files in a folder of tests/golden.
fn files_of(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(golden(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The possible values of an option, from the help of its command.
fn possible_values(command: &str, option: &str) -> Vec<String> {
    let help = finish([command, "-h"]).with_code(0).stdout;
    let (_, of_option) = help.split_once(option).unwrap_or_else(|| panic!("no {option} in {help}"));
    let (_, values) = of_option.split_once("possible values: ").expect("the option has possible values");
    values.split_once(']').unwrap().0.split(", ").map(str::to_owned).collect()
}

/// The text without the id of the case and the head of its log, which are others in each store.
fn without_random(text: &str) -> String {
    let mut masked = text.to_owned();
    for key in ["\"case_id\":\"", "\"custody_head\":\""] {
        if let Some((before, rest)) = text.split_once(key)
            && let Some((_, after)) = rest.split_once('"')
        {
            masked = format!("{before}{key}(random)\"{after}");
        }
    }
    masked
}

#[test]
fn exports_of_a_made_store_are_golden_in_every_format() {
    let out = made_store::folder();
    let formats = possible_values("export", "--format").join(",");
    finish(["export", out.path().to_str().unwrap(), "--format", &formats]).with_code(0);
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(out.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("earwitness") {
            assert_golden(&format!("export/{name}"), &without_random(&fs::read_to_string(&path).unwrap()));
            written.insert(name);
        }
    }
    assert_eq!(files_of("export"), written, "remove golden files of formats that no longer exist");
}

/// Names of the subcommands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Compares the help of a command and of its subcommands. Returns the names of the golden files.
fn compare_help(command: &[String]) -> BTreeSet<String> {
    let mut arguments = command.to_vec();
    arguments.push("--help".to_owned());
    let help = finish(&arguments).with_code(0).stdout;
    let name = format!("{}.txt", [&["earwitness".to_owned()], command].concat().join("-"));
    assert_golden(&format!("help/{name}"), &help);
    let of_subcommand = |name: String| compare_help(&[command, &[name]].concat());
    subcommands(&help).into_iter().flat_map(of_subcommand).chain([name]).collect()
}

#[test]
fn help_of_every_command_is_golden() {
    let compared = compare_help(&[]);
    assert!(compared.len() > 10, "{compared:?}");
    assert_eq!(files_of("help"), compared, "remove golden files of commands that no longer exist");
}

/// A schema without the texts that describe it.
fn structure(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let is_text = |key: &str, value: &Value| matches!(key, "description" | "title") && value.is_string();
            let kept = fields.iter().filter(|(key, value)| !is_text(key, value));
            kept.map(|(key, value)| (key.clone(), structure(value))).collect()
        }
        Value::Array(items) => items.iter().map(structure).collect(),
        other => other.clone(),
    }
}

/// Each version has a golden file, which stays. Its descriptions may change, but its structure may not.
#[test]
fn schema_changes_only_with_its_version() {
    let out = made_store::folder();
    finish(["export", out.path().to_str().unwrap(), "--format", "json"]).with_code(0);
    let document = fs::read_to_string(out.path().join(format!("{}.json", made_store::NAME))).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let name = format!("schema-v{}.json", document["schema_version"]);
    let text = finish(["schema"]).with_code(0).stdout;
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&document).unwrap();
    if let Ok(known) = fs::read_to_string(golden(&name)) {
        let known: Value = serde_json::from_str(&known).unwrap();
        let same = structure(&schema) == structure(&known);
        assert!(same, "the schema differs from {name}: increment SCHEMA_VERSION, then accept the new golden file");
    }
    assert_golden(&name, &text);
}
