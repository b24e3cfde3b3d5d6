//! Compares a case with a manifest that was signed or time-stamped.

use std::collections::BTreeMap;

use scheduler::store::{Custody, Entry, Line, Store, StoreError, line_sha256};
use stage_core::shown;

use super::{Manifest, format};

/// How a case differs from its manifest: one message per difference.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn compare(manifest: &Manifest, store: &dyn Store, lines: &[Line]) -> Result<Vec<String>, StoreError> {
    let custody = store.custody()?;
    let mut differences = chains(manifest, &custody, lines);
    let now = Manifest::of(store, 0, None)?;
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
    differences.extend(different(&recordings(manifest), &recordings(&now)));
    differences.extend(different(&files(manifest), &files(&now)));
    Ok(differences)
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
    match then.map(|line| line_sha256(&line.text)) {
        None => vec![format!("the custody log had {} lines, and has {}: it was cut", chain.lines, custody.lines.len())],
        Some(head) if head != chain.head => {
            vec![format!(
                "line {} of the custody log is not the one of the manifest: the log was made anew",
                chain.lines
            )]
        }
        Some(_) => Later::of(&lines[chain.lines.min(lines.len())..]).message().into_iter().collect(),
    }
}

/// What happened after a line of the log, by kind of entry.
pub(crate) struct Later(BTreeMap<String, usize>);

impl Later {
    /// Counts entries. Those about the manifest and its time stamp change nothing.
    pub(crate) fn of(lines: &[Line]) -> Self {
        let mut kinds = BTreeMap::new();
        for line in lines {
            if !is_about_manifest(&line.entry) {
                *kinds.entry(line.entry.kind()).or_default() += 1;
            }
        }
        Self(kinds)
    }

    /// A message, if there was anything.
    pub(crate) fn message(&self) -> Option<String> {
        let kinds: Vec<_> = self.0.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
        (!kinds.is_empty()).then(|| format!("the custody log has later entries: {}", kinds.join(", ")))
    }
}

/// Whether an entry is about the manifest itself.
fn is_about_manifest(entry: &Entry) -> bool {
    match entry {
        Entry::Manifest { .. } | Entry::TimeStamp { .. } => true,
        Entry::Output { format, .. } => format::ALL.contains(&format.as_str()),
        _ => false,
    }
}
