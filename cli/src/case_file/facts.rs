//! What a `case.toml` states about one recording.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::{CaseFile, Person, compare};

/// What `case.toml` states about a recording and its case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct CaseFacts {
    /// The title of the case.
    pub title: Option<String>,
    /// The reference number of the case.
    pub reference: Option<String>,
    /// The exhibit number of the recording.
    pub exhibit: Option<String>,
    /// The note about the recording.
    pub note: Option<String>,
    /// The person whose number or name the file name states as that of the other party. Null if it is nobody's, or
    /// that of several people.
    pub party: Option<PersonFacts>,
    /// Who speaks on which channel, by channel. A channel about which nothing is stated is missing.
    pub speakers: Vec<Speaker>,
    /// Who the voices are, by label: labels of diarize within this recording. A voice about which nothing is stated is
    /// missing.
    pub voices: Vec<Voice>,
    /// SHA-256 of the bytes of `case.toml`.
    pub file_sha256: String,
}

/// A person of the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct PersonFacts {
    /// The id of the person in `case.toml`.
    pub id: String,
    /// The name.
    pub name: String,
    /// The role in the case.
    pub role: Option<String>,
}

/// Who speaks on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Speaker {
    /// The channel, from 0.
    pub channel: u16,
    /// The person.
    #[serde(flatten)]
    pub person: PersonFacts,
}

/// Who a voice is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Voice {
    /// The label of the voice, such as `S1`.
    pub speaker: String,
    /// The person.
    #[serde(flatten)]
    pub person: PersonFacts,
}

/// Which person a file name names as the other party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartyMatch<'a> {
    /// The name states no party.
    Unstated,
    /// It states somebody who is not in the file, or withholds the number.
    Unknown,
    /// It states a name that several people have, or the number of one and the name of another.
    Ambiguous,
    /// One person.
    Person(&'a Person),
}

impl From<&Person> for PersonFacts {
    fn from(person: &Person) -> Self {
        Self { id: person.id.clone(), name: person.name.clone(), role: person.role.clone() }
    }
}

impl CaseFile {
    /// What the file states about the recording with this SHA-256 (lowercase), whose file name states `contact` and
    /// `number`, and which has `channels` channels.
    ///
    /// Speakers are those that the recording's own entry states. Without such an entry they are the people with a
    /// default channel: the party on its channel, and on each other channel the only person who has it. Default
    /// channels are not used in recordings of one channel, nor where the file name states a party that is not known or
    /// has no channel.
    #[must_use]
    pub fn facts(&self, sha256: &str, contact: Option<&str>, number: Option<&str>, channels: u16) -> CaseFacts {
        let recording = self.recording(sha256);
        let party = self.party(contact, number);
        let speakers = match recording.and_then(|recording| recording.channels.as_ref()) {
            Some(stated) => stated.iter().filter_map(|(channel, id)| Some((*channel, self.person(id)?))).collect(),
            None => self.default_speakers(party, channels),
        };
        let speakers = speakers.into_iter().filter(|(channel, _)| *channel < channels);
        let voices = recording.into_iter().flat_map(|recording| &recording.voices);
        let voice =
            |(label, id): (&String, &String)| Some(Voice { speaker: label.clone(), person: self.person(id)?.into() });
        CaseFacts {
            title: self.title.clone(),
            reference: self.reference.clone(),
            exhibit: recording.and_then(|recording| recording.exhibit.clone()),
            note: recording.and_then(|recording| recording.note.clone()),
            party: if let PartyMatch::Person(person) = party { Some(person.into()) } else { None },
            speakers: speakers.map(|(channel, person)| Speaker { channel, person: person.into() }).collect(),
            voices: voices.filter_map(voice).collect(),
            file_sha256: self.file_sha256.clone(),
        }
    }

    /// The person whose number or name a file name states.
    pub(crate) fn party(&self, contact: Option<&str>, number: Option<&str>) -> PartyMatch<'_> {
        let digits = number.and_then(compare::number);
        let by_number = digits.and_then(|digits| self.index.numbers.get(&digits)).copied();
        let by_name = contact.and_then(|contact| self.index.names.get(&compare::name(contact)));
        let by_name: BTreeSet<usize> = by_name.into_iter().flatten().copied().collect();
        let only = match (by_number, by_name.first()) {
            (Some(person), None) => Some(person),
            (Some(person), Some(_)) => Some(person).filter(|person| by_name.contains(person)),
            (None, Some(person)) => Some(*person).filter(|_| by_name.len() == 1),
            (None, None) if contact.is_none() && number.is_none() => return PartyMatch::Unstated,
            (None, None) => return PartyMatch::Unknown,
        };
        only.and_then(|at| self.people.get(at)).map_or(PartyMatch::Ambiguous, PartyMatch::Person)
    }

    /// The people on the channels of a call, according to their default channels.
    fn default_speakers<'a>(&'a self, party: PartyMatch<'a>, channels: u16) -> Vec<(u16, &'a Person)> {
        let party = match party {
            PartyMatch::Unstated => None,
            PartyMatch::Person(person) if person.channel.is_some() => Some(person),
            PartyMatch::Unknown | PartyMatch::Ambiguous | PartyMatch::Person(_) => return Vec::new(),
        };
        if channels < 2 {
            return Vec::new();
        }
        let stated: BTreeSet<u16> = self.people.iter().filter_map(|person| person.channel).collect();
        let on = |channel: u16| {
            let mut there = self.people.iter().filter(|person| person.channel == Some(channel));
            let of_party = party.filter(|party| party.channel == Some(channel));
            let only = of_party.or_else(|| there.next().filter(|_| there.next().is_none()));
            only.map(|person| (channel, person))
        };
        stated.into_iter().filter_map(on).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use unicode_normalization::UnicodeNormalization;

    use super::*;

    const PEOPLE: &str = r#"
        title = "갑 대 을"
        [[person]]
        id = "lee"
        name = "이영희"
        channel = 0
        [[person]]
        id = "kim"
        name = "김민수"
        role = "피고"
        numbers = ["010-1234-5678"]
        aliases = ["민수", "Minsu Kim"]
        channel = 1
    "#;

    fn case(more: &str) -> CaseFile {
        CaseFile::parse(Path::new("case.toml"), &format!("{PEOPLE}{more}")).unwrap()
    }

    fn party(case: &CaseFile, contact: Option<&str>, number: Option<&str>) -> Option<String> {
        case.facts("", contact, number, 1).party.map(|person| person.id)
    }

    /// Channels and ids.
    fn speakers(case: &CaseFile, sha256: &str, contact: Option<&str>, channels: u16) -> Vec<(u16, String)> {
        let speakers = case.facts(sha256, contact, None, channels).speakers;
        speakers.into_iter().map(|speaker| (speaker.channel, speaker.person.id)).collect()
    }

    fn ids(expected: &[(u16, &str)]) -> Vec<(u16, String)> {
        expected.iter().map(|(channel, id)| (*channel, (*id).to_owned())).collect()
    }

    #[test]
    fn party_is_found_by_number_name_and_alias() {
        let case = case("");
        let decomposed: String = "김민수".nfd().collect();
        for (contact, number) in [
            (None, Some("+82 10-1234-5678")),
            (Some("김민수"), None),
            (Some(&*decomposed), None),
            (Some("MINSU KIM"), None),
            (Some("민수"), Some("01012345678")),
            (Some("Somebody's phone"), Some("01012345678")),
            (Some("민수"), Some("010-9999-9999")),
            (Some("민수"), Some("발신번호표시제한")),
        ] {
            assert_eq!(party(&case, contact, number).as_deref(), Some("kim"), "{contact:?} {number:?}");
        }
        for (contact, number) in [(None, None), (Some("김민수 2"), None), (None, Some("unknown")), (Some("kim"), None)]
        {
            assert_eq!(party(&case, contact, number), None, "{contact:?} {number:?}");
        }
    }

    #[test]
    fn party_is_not_guessed_if_claims_contradict_or_two_people_have_the_name() {
        let case = case("[[person]]\nid = \"kim2\"\nname = \"김민수\"\nnumbers = [\"02-123-4567\"]\n");
        assert_eq!(case.party(Some("김민수"), None), PartyMatch::Ambiguous);
        assert_eq!(case.party(Some("이영희"), Some("010-1234-5678")), PartyMatch::Ambiguous);
        assert_eq!(party(&case, Some("김민수"), Some("02-123-4567")).as_deref(), Some("kim2"));
        assert_eq!(party(&case, Some("민수"), None).as_deref(), Some("kim"));
    }

    #[test]
    fn speakers_are_the_people_with_default_channels_of_known_parties() {
        let case =
            case("[[person]]\nid = \"park\"\nname = \"박\"\nchannel = 1\n[[person]]\nid = \"choi\"\nname = \"최\"\n");
        assert_eq!(speakers(&case, "", Some("민수"), 2), ids(&[(0, "lee"), (1, "kim")]));
        assert_eq!(speakers(&case, "", Some("박"), 2), ids(&[(0, "lee"), (1, "park")]));
        assert_eq!(speakers(&case, "", None, 2), ids(&[(0, "lee")]), "two people have channel 1");
        for (contact, channels) in [(Some("최"), 2), (Some("Somebody"), 2), (Some("민수"), 1), (None, 1), (None, 0)]
        {
            assert_eq!(speakers(&case, "", contact, channels), [], "{contact:?}, {channels} channels");
        }
    }

    #[test]
    fn speakers_of_a_recording_replace_the_default_channels() {
        let (both, none, mono) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let case = case(&format!(
            "[[recording]]\nsha256 = \"{both}\"\nchannels = {{ 0 = \"kim\", 1 = \"lee\", 7 = \"lee\" }}\n\
             [[recording]]\nsha256 = \"{none}\"\nchannels = {{}}\n\
             [[recording]]\nsha256 = \"{mono}\"\nchannels = {{ 0 = \"kim\" }}\n"
        ));
        assert_eq!(speakers(&case, &both, Some("민수"), 2), ids(&[(0, "kim"), (1, "lee")]));
        assert_eq!(speakers(&case, &none, Some("민수"), 2), []);
        assert_eq!(speakers(&case, &mono, Some("Somebody"), 1), ids(&[(0, "kim")]));
        assert_eq!(speakers(&case, &mono, None, 2), ids(&[(0, "kim")]));
    }

    #[test]
    fn facts_of_a_recording_have_its_exhibit_and_those_of_others_do_not() {
        let sha256 = "a".repeat(64);
        let case = case(&format!("[[recording]]\nsha256 = \"{sha256}\"\nexhibit = \"갑 제3호증\"\nnote = \"n\"\n"));
        let facts = case.facts(&sha256, None, None, 1);
        assert_eq!((facts.exhibit.as_deref(), facts.note.as_deref()), (Some("갑 제3호증"), Some("n")));
        assert_eq!((facts.title.as_deref(), facts.reference), (Some("갑 대 을"), None));
        let other = case.facts(&"b".repeat(64), None, None, 1);
        assert_eq!((other.title.as_deref(), other.exhibit, other.note), (Some("갑 대 을"), None, None));
        assert_eq!(other.file_sha256.len(), 64);
    }
}
