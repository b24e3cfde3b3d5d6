//! Compares a case with a manifest that was signed or time-stamped.

use std::collections::BTreeMap;

use scheduler::store::{Custody, Entry, Line, line_sha256};
use stage_core::shown;

use super::{Manifest, format};

/// How a case differs from its manifest: one message per difference. `now` is its manifest if it was made now.
pub(crate) fn compare(manifest: &Manifest, now: &Manifest, custody: &Custody, lines: &[Line]) -> Vec<String> {
    let mut differences = chains(manifest, custody, lines);
    let recordings = |manifest: &Manifest| {
        let recordings = manifest.recordings.iter();
        recordings
            .map(|one| {
                (one.sha256.clone(), (format!("{} (recording {})", shown(&one.path), one.sha256), String::new()))
            })
            .collect::<BTreeMap<_, _>>()
    };
    let files = |manifest: &Manifest| {
        let files = manifest.files.iter();
        files.map(|one| (shown(&one.path), (shown(&one.path), one.sha256.clone()))).collect::<BTreeMap<_, _>>()
    };
    differences.extend(different(&recordings(manifest), &recordings(now)));
    differences.extend(different(&files(manifest), &files(now)));
    differences
}

/// Items by what identifies them, with their name for the user and their content.
type Items = BTreeMap<String, (String, String)>;

fn different(then: &Items, now: &Items) -> Vec<String> {
    let gone =
        then.iter().filter(|(id, _)| !now.contains_key(*id)).map(|(_, (name, _))| format!("{name}: removed since"));
    let other = now.iter().filter_map(|(id, (name, content))| match then.get(id) {
        None => Some(format!("{name}: added since")),
        Some((_, before)) if before != content => Some(format!("{name}: changed since")),
        Some(_) => None,
    });
    gone.chain(other).collect()
}

fn chains(manifest: &Manifest, custody: &Custody, lines: &[Line]) -> Vec<String> {
    if manifest.case != custody.case {
        return vec![format!("the manifest is of the case {}, this is the case {}", manifest.case, custody.case)];
    }
    let Some(chain) = manifest.chains.iter().find(|chain| chain.chain == custody.chain) else {
        return vec!["the custody log has another chain than the manifest: it was made anew".to_owned()];
    };
    let then = chain.lines.checked_sub(1).and_then(|last| custody.lines.get(last));
    match then.map(|line| line_sha256(line)) {
        None => vec![format!("the custody log had {} lines, and has {}: it was cut", chain.lines, custody.lines.len())],
        Some(head) if head != chain.head => {
            vec![format!(
                "line {} of the custody log is not the one of the manifest: the log was made anew",
                chain.lines
            )]
        }
        Some(_) => later_entries(&lines[chain.lines.min(lines.len())..]).into_iter().collect(),
    }
}

/// The entries after the manifest, counted by kind.
fn later_entries(lines: &[Line]) -> Option<String> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| !changes_nothing(&line.entry)) {
        *kinds.entry(line.entry.kind()).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    (!kinds.is_empty()).then(|| format!("the custody log has later entries: {}", kinds.join(", ")))
}

/// Whether an entry leaves the case as it was: it is about the manifest itself, or about a copy or voices outside
/// the case.
fn changes_nothing(entry: &Entry) -> bool {
    match entry {
        Entry::Manifest { .. } | Entry::TimeStamp { .. } | Entry::Copied { .. } | Entry::Voices { .. } => true,
        Entry::Output { format, .. } => format::ALL.contains(&format.as_str()),
        _ => false,
    }
}
