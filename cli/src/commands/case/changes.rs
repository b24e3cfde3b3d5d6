//! What differs between two versions of a `case.toml`, for people.

use std::collections::HashMap;

use crate::case_file::CaseFile;

/// Number of hex digits of a hash that identify a recording in messages.
pub(super) const DIGITS: usize = 12;

/// One line per value that was added, changed or removed. `name` names a recording by its SHA-256.
pub(super) fn between(before: Option<&CaseFile>, after: &CaseFile, name: &dyn Fn(&str) -> String) -> Vec<String> {
    let before = before.map(|before| values(before, name)).unwrap_or_default();
    let after = values(after, name);
    let index = |values: &[(String, String)]| values.iter().cloned().collect::<HashMap<String, String>>();
    let (there, now) = (index(&before), index(&after));
    let changed = after.iter().filter_map(|(key, value)| match there.get(key) {
        None => Some(format!("{key}: {value}")),
        Some(old) if old != value => Some(format!("{key}: {value} (was {old})")),
        Some(_) => None,
    });
    let removed = before.iter().filter(|(key, _)| !now.contains_key(key));
    changed.chain(removed.map(|(key, old)| format!("{key}: removed (was {old})"))).collect()
}

/// Everything that a file states, by what it states it about.
fn values(case: &CaseFile, name: &dyn Fn(&str) -> String) -> Vec<(String, String)> {
    let mut values = Vec::new();
    let mut add = |key: String, value: Option<String>| values.extend(value.map(|value| (key, value)));
    add("title".to_owned(), case.title.clone());
    add("reference".to_owned(), case.reference.clone());
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    for person in &case.people {
        let key = |what: &str| format!("person {}: {what}", person.id);
        add(key("name"), Some(person.name.clone()));
        add(key("role"), person.role.clone());
        add(key("numbers"), list(&person.numbers));
        add(key("aliases"), list(&person.aliases));
        add(key("channel"), person.channel.map(|channel| channel.to_string()));
    }
    for recording in &case.recordings {
        let key = |what: String| format!("recording {}: {what}", name(&recording.sha256));
        add(key("exhibit".to_owned()), recording.exhibit.clone());
        for (channel, person) in recording.channels.iter().flatten() {
            add(key(format!("speaker on channel {channel}")), Some(person.clone()));
        }
        for (label, person) in &recording.voices {
            add(key(format!("voice {label}")), Some(person.clone()));
        }
        add(key("note".to_owned()), recording.note.clone());
    }
    values
}
