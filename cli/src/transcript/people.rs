//! The people on the cover of a transcript.

use serde::Serialize;

use super::clean;
use super::texts::Texts;
use crate::export::{Document, PersonFacts};

/// A speaker of the recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Person {
    /// The label of the voice or channel, or the name that a reviewer gave.
    pub(super) label: String,
    /// The name, if `case.toml` or a reviewer states it.
    pub(super) name: Option<String>,
    /// The role in the case.
    pub(super) role: Option<String>,
    /// The Korean particle for "and" that follows the name: 와 or 과. `None` if it depends on how the name is spoken.
    pub(super) particle: Option<&'static str>,
    #[serde(skip)]
    id: Option<String>,
}

/// Everybody who speaks in a reviewed copy, each once.
pub(super) fn find(document: &Document, texts: &Texts) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let mut add = |person: Person| {
        let is_there = people.iter().any(|there| match (&there.id, &person.id) {
            (Some(there), Some(id)) => there == id,
            _ => there.shown() == person.shown(),
        });
        if !is_there {
            people.push(person);
        }
    };
    let voices = document.speakers.speakers.iter().map(|voice| (voice.channel, Some(&*voice.id)));
    let mut speakers: Vec<(u16, Option<&str>)> = voices.collect();
    for channel in 0..document.recording.channels {
        let has_words = document.words.iter().any(|word| word.channel == channel);
        if has_words && !speakers.iter().any(|(of, _)| *of == channel) {
            speakers.push((channel, None));
        }
    }
    for (channel, label) in speakers {
        let shown = label.map_or_else(|| channel_name(document, channel, texts), |label| Some(label.to_owned()));
        if let Some(shown) = shown {
            let person = document.person(channel, label);
            let name = person.and_then(|_| document.label_name(channel, label));
            add(Person::new(&shown, name.as_deref(), person));
        }
    }
    for index in 0..document.words.len() {
        if let Some(name) = document.corrected_speaker(index).and_then(|_| document.word_label(index)) {
            add(Person::new(&name, Some(&name), None));
        }
    }
    people
}

/// What a channel is called whose speakers were not sought; `None` if there is one channel, which says nothing.
pub(super) fn channel_name(document: &Document, channel: u16, texts: &Texts) -> Option<String> {
    let number = (u32::from(channel) + 1).to_string();
    (document.recording.channels > 1).then(|| texts.filled("channel", &[("number", &number)]))
}

impl Person {
    fn new(label: &str, name: Option<&str>, person: Option<&PersonFacts>) -> Self {
        let (label, name) = (clean(label), name.map(clean));
        let particle = particle(name.as_deref().unwrap_or(&label));
        let role = person.and_then(|person| person.role.as_deref()).map(clean);
        Self { label, name, role, particle, id: person.map(|person| person.id.clone()) }
    }

    /// The name or, if it is not known, the label.
    pub(super) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.label)
    }

    /// The person as the cover states it.
    pub(super) fn on_cover(&self, texts: &Texts) -> String {
        let mut text = self.shown().to_owned();
        if self.name.is_none() {
            text = format!("{text} {}", texts.get("name_unknown"));
        }
        if let Some(role) = &self.role {
            text = format!("{text} ({role})");
        }
        text
    }
}

/// The particle for "and": 과 after a final consonant, 와 after a vowel.
fn particle(name: &str) -> Option<&'static str> {
    const SYLLABLES: std::ops::RangeInclusive<char> = '가'..='힣';
    const FINALS: u32 = 28;
    let last = name.chars().next_back()?;
    let has_final = match last {
        '0' | '1' | '3' | '6' | '7' | '8' => true,
        '2' | '4' | '5' | '9' => false,
        last if SYLLABLES.contains(&last) => (u32::from(last) - u32::from(*SYLLABLES.start())) % FINALS != 0,
        _ => return None,
    };
    Some(if has_final { "과" } else { "와" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particle_follows_the_last_sound() {
        let particles = ["김민수", "박지훈", "S1", "S2", "S10", "Kim", "김민수 (kim)", ""].map(particle);
        assert_eq!(particles, [Some("와"), Some("과"), Some("과"), Some("와"), Some("과"), None, None, None]);
    }
}
