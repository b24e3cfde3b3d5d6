//! `docs/errors.md`, generated from the codes of errors, their classes, and the exit codes. The tests keep it current
//! and make sure that every code is used.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use stage_core::ErrorClass::{self, BadInput, Bug, Device, Memory, Transient};
use stage_core::{CodeInfo, ErrorCode, Origin};

use crate::exit::Exit;
use crate::stages;

/// Rewrites the page instead of checking it.
const UPDATE: &str = "UPDATE_DOCS";

const INTRODUCTION: &str = "\
# Errors

A file that fails does not stop the others. Its error is printed when it happens and in the final table, and is part of
`--progress json`, `report.html` and `earwitness status`:

```
decode: the file cannot be opened: Permission denied (os error 13) [unreadable-file]
```

An error has an *origin* (the part of the program that failed), a *class* (how it is handled), a *code* (stable, for
scripts; the tables below), a *message*, and the *causes* of the error, the direct one first. In JSON these are the
fields `origin`, `class`, `code`, `message` and `causes`, which is left out if it is empty.

A store may contain codes of another version of Earwitness, and a stage that others wrote may have codes of its own.
Such codes are shown as they are.

Models, lexicons and settings are checked before a run starts. If one of them cannot be used, the command ends with exit
code 2 and shows the same codes.
";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n## Exit codes\n\n| exit code | meaning |\n|---|---|\n";
    for (exit, meaning) in Exit::TABLE {
        writeln!(page, "| {} | {meaning} |", *exit as u8).unwrap();
    }
    page += "\n## Classes\n\n| class | meaning | retried |\n|---|---|---|\n";
    for class in [BadInput, Transient, Device, Memory, Bug] {
        let name = serde_json::to_value(class).unwrap();
        let name = name.as_str().unwrap();
        writeln!(page, "| `{name}` | {} | {} |", meaning(class), retried_stage(class)).unwrap();
    }
    section(&mut page, "Every stage", "stages", retried_stage);
    for spec in stages::specs() {
        section(&mut page, &format!("Stage {}", spec.name), spec.name.as_str(), retried_stage);
    }
    for origin in Origin::RESERVED {
        let (title, retried): (_, fn(ErrorClass) -> &'static str) = match origin {
            Origin::Stage(_) => continue,
            Origin::Worker => ("Worker: a process that runs the stages", retried_worker),
            Origin::Planner => ("Planner: reads the files before any stage runs", |_| "no"),
            Origin::Export => ("Export: writes results that are complete in the store", |_| "no"),
            Origin::Store => ("Store", |_| "no"),
        };
        section(&mut page, title, origin.as_str(), retried);
    }
    page += "\n<!-- Generated: edit stages/core/src/error/code.rs or cli/src/exit.rs, then run\n     UPDATE_DOCS=1 cargo test \
             -p earwitness --lib error_page -->\n";
    page
}

/// The table of the codes of one origin.
fn section(page: &mut String, title: &str, origin: &str, retried: fn(ErrorClass) -> &'static str) {
    write!(page, "\n## {title}\n\n| code | meaning | what to do | retried | exit code |\n|---|---|---|---|---|\n")
        .unwrap();
    for code in ErrorCode::ALL {
        let CodeInfo { name, classes, origins, meaning, remedy } = code.info().unwrap();
        if origins.contains(&origin) {
            let mut handling = Vec::new();
            for how in classes.iter().map(|class| retried(*class)) {
                if !handling.contains(&how) {
                    handling.push(how);
                }
            }
            let (handling, exit) = (handling.join(" or "), exit(origin, code) as u8);
            writeln!(page, "| `{name}` | {meaning} | {remedy} | {handling} | {exit} |").unwrap();
        }
    }
}

const fn meaning(class: ErrorClass) -> &'static str {
    match class {
        BadInput => "The recording, or another thing that you provide, cannot be used.",
        Transient => "A temporary failure.",
        Device => "The device failed.",
        Memory => "The memory of the device is too small for the inputs in flight.",
        Bug => "A bug in Earwitness: report it.",
    }
}

const fn retried_stage(class: ErrorClass) -> &'static str {
    match class {
        BadInput | Bug => "no",
        Transient => "tried three times",
        Device => "on another device",
        Memory => "with fewer inputs, then on another device",
    }
}

/// How a worker that does not start is handled.
const fn retried_worker(class: ErrorClass) -> &'static str {
    match class {
        BadInput | Bug => "no",
        Transient | Device | Memory => "started again",
    }
}

/// The exit code of a command if no other error happens. A worker that does not start fails the run, other errors of
/// workers fail a recording.
fn exit(origin: &str, code: &ErrorCode) -> Exit {
    match (origin, code) {
        ("store", ErrorCode::InvalidStoreUrl) => Exit::Usage,
        ("store", _) => Exit::Store,
        (
            "worker",
            ErrorCode::WorkerDied | ErrorCode::TimeLimit | ErrorCode::MemoryLimit | ErrorCode::MisplacedTask,
        ) => Exit::SomeFilesFailed,
        ("worker", _) => Exit::NoDevice,
        _ => Exit::SomeFilesFailed,
    }
}

#[test]
fn error_page_is_current() {
    let (path, page) = (workspace().join("docs/errors.md"), page());
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page, "docs/errors.md is not current: run {UPDATE}=1 cargo test -p earwitness --lib error_page");
}

#[test]
fn codes_name_origins_that_exist() {
    let stages = stages::specs().map(|spec| spec.name.as_str());
    let reserved = Origin::RESERVED.map(Origin::as_str);
    let known: BTreeSet<_> = stages.chain(reserved).chain(["stages"]).collect();
    for info in ErrorCode::ALL.iter().filter_map(ErrorCode::info) {
        let mut origins = info.origins.iter();
        assert!(origins.all(|origin| known.contains(origin)), "{}: {:?}", info.name, info.origins);
    }
}

/// The sources of the program without tests and without the table of codes, by path.
fn sources() -> Vec<(PathBuf, String)> {
    let (mut folders, mut sources) = (vec![workspace()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let excluded = ["target", "tests", "benches", "examples", "fixtures", "tests.rs", "error_page.rs"];
            if excluded.contains(&name.as_str()) || name.starts_with('.') || path.ends_with("core/src/error") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                sources.push((path, code.to_owned()));
            }
        }
    }
    sources
}

#[test]
fn codes_are_all_used_and_none_is_written_as_text() {
    let mut used = BTreeSet::new();
    for (path, text) in sources() {
        assert!(!text.contains("ErrorCode::named("), "{}: use a code of the table", path.display());
        let names = text.split("ErrorCode::").skip(1);
        used.extend(names.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()));
    }
    // Made by stage-core on behalf of the stages.
    used.insert(format!("{:?}", ErrorCode::SamplesUnreadable));
    for code in ErrorCode::ALL {
        assert!(used.contains(&format!("{code:?}")), "no code of the program makes {code:?}");
    }
}
