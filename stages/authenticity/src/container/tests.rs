//! Disagreements of made statements.

use std::collections::BTreeMap;

use stage_core::FileAccount;
use stage_core::authenticity::{AuthenticityCue, CueKind};
use stage_core::container::{ContainerFacts, EditFacts, HeaderTimes, Mp3Header, TrackFacts};

use super::{NameClaims, Statements, container_cues};

/// 2024-03-01 09:30:00 UTC, 18:30:00 in Korea.
const CREATED_S: i64 = 1_709_285_400;

fn times(created_s: i64, modified_s: i64) -> HeaderTimes {
    HeaderTimes { created_s: Some(created_s), modified_s: Some(modified_s), duration_s: Some(60.0) }
}

/// A file, and what was found in it.
#[derive(Clone)]
struct File {
    container: &'static str,
    tags: BTreeMap<String, String>,
    account: FileAccount,
    facts: ContainerFacts,
}

impl File {
    /// A file as a recorder writes it.
    fn plain() -> Self {
        let edit = EditFacts { duration_s: 60.0, media_start_s: Some(0.044) };
        let header = times(CREATED_S, CREATED_S);
        let track = TrackFacts { handler: "soun".to_owned(), header, media: header, edits: vec![edit] };
        let facts = ContainerFacts { movie: Some(header), tracks: vec![track], ..ContainerFacts::default() };
        Self { facts, ..Self::without_statements("isomp4") }
    }

    fn without_statements(container: &'static str) -> Self {
        let account = FileAccount { parts: 1, ..FileAccount::default() };
        Self { container, tags: BTreeMap::new(), account, facts: ContainerFacts::default() }
    }

    fn mp3(encoder: Option<&str>, frames: Option<u64>) -> Self {
        let header = Mp3Header { encoder: encoder.map(str::to_owned), frames };
        let facts = ContainerFacts { mp3_header: Some(header), ..ContainerFacts::default() };
        Self { facts, ..Self::without_statements("mp3") }
    }

    fn with_tag(mut self, tag: &str, value: &str) -> Self {
        self.tags.insert(tag.to_owned(), value.to_owned());
        self
    }

    fn cues(&self, name: &NameClaims<'_>) -> Vec<AuthenticityCue> {
        let Self { container, tags, account, facts } = self;
        container_cues(&Statements { container, tags, sound_s: 60.0, account: Some(account), facts }, name)
    }

    fn kinds(&self, name: &NameClaims<'_>) -> Vec<CueKind> {
        self.cues(name).iter().map(|cue| cue.kind).collect()
    }
}

const SAMSUNG: NameClaims<'_> =
    NameClaims { file_name: "통화 녹음 엄마_240301_183000.m4a", recorded_at: Some("2024-03-01T18:30:00") };

#[test]
fn container_of_a_recorder_has_no_cue() {
    assert_eq!(File::plain().cues(&SAMSUNG), []);
    assert_eq!(File::without_statements("amr").cues(&NameClaims::default()), []);
    // The recorder stamps the file at the end of the call.
    let late = NameClaims { recorded_at: Some("2024-03-01T18:28:50"), ..SAMSUNG };
    assert_eq!(File::plain().cues(&late), []);
}

#[test]
fn container_times_that_disagree_are_cues() {
    let renamed = NameClaims { recorded_at: Some("2024-03-01T18:37:00"), ..SAMSUNG };
    assert_eq!(File::plain().kinds(&renamed), [CueKind::TimesDisagree]);
    let other_day = NameClaims { recorded_at: Some("2024-02-27T18:30:00"), ..SAMSUNG };
    assert_eq!(File::plain().kinds(&other_day), [CueKind::TimesDisagree]);
    let mut changed = File::plain();
    changed.facts.movie = Some(times(CREATED_S, CREATED_S + 7_200));
    assert_eq!(changed.kinds(&SAMSUNG), [CueKind::TimesDisagree]);
    let mut joined = File::plain();
    joined.facts.tracks[0].media.created_s = Some(CREATED_S - 86_400);
    let cues = joined.cues(&SAMSUNG);
    assert_eq!(cues.len(), 1);
    assert_eq!(
        cues[0].detail.as_deref(),
        Some("mdhd of track 1 was created at 2024-02-29T09:30:00Z, and mvhd at 2024-03-01T09:30:00Z")
    );
    assert!(!cues[0].alternatives.is_empty() && cues[0].strength.value.is_none());
}

#[test]
fn container_times_of_tags_are_compared_with_the_name() {
    for (tag, value, disagrees) in [
        ("OriginationTime", "2024-03-01 18:30:05", false),
        ("OriginationTime", "2024-03-01 18:37:00", true),
        ("creation_time", "2024-03-01T09:30:00Z", false),
        ("ICRD", "2023-03-01T09:30:00Z", true),
        ("ICRD", "2023-03-01", false),
        ("comment", "2023-03-01T09:30:00Z", false),
        ("ICRD", "yesterday", false),
    ] {
        let expected = if disagrees { vec![CueKind::TimesDisagree] } else { vec![] };
        let name = NameClaims { file_name: "call.wav", ..SAMSUNG };
        assert_eq!(File::without_statements("wav").with_tag(tag, value).kinds(&name), expected, "{tag} {value}");
    }
}

#[test]
fn container_times_at_the_limits_do_not_overflow() {
    for created_s in [i64::MIN, i64::MAX] {
        let mut extreme = File::plain();
        extreme.facts.movie = Some(times(created_s, -created_s.max(-i64::MAX)));
        assert!(!extreme.cues(&SAMSUNG).is_empty());
    }
}

#[test]
fn container_encoder_that_the_claimed_recorder_lacks_is_a_cue() {
    let converted = File::plain().with_tag("\u{a9}too", "Lavf60.16.100");
    assert_eq!(converted.kinds(&SAMSUNG), [CueKind::EncoderDisagrees]);
    let xiaomi = NameClaims { file_name: "CallRecord_01012345678_20240301183000.m4a", ..SAMSUNG };
    assert_eq!(File::plain().kinds(&xiaomi), [CueKind::EncoderDisagrees]);
    assert_eq!(File::mp3(Some("LAME3.100"), None).kinds(&SAMSUNG), [CueKind::EncoderDisagrees; 2]);
}

#[test]
fn container_structure_of_an_edit_is_a_cue() {
    let mut edited = File::plain();
    edited.facts.tracks[0].edits.push(EditFacts { duration_s: 20.0, media_start_s: Some(80.0) });
    assert_eq!(edited.kinds(&SAMSUNG), [CueKind::ContainerStructure]);
    let mut trimmed = File::plain();
    trimmed.facts.tracks[0].edits[0].media_start_s = Some(12.0);
    trimmed.facts.tracks[0].media.duration_s = Some(72.0);
    assert_eq!(trimmed.kinds(&SAMSUNG), [CueKind::ContainerStructure; 2]);
    let mut joined = File::plain();
    joined.account.parts = 2;
    assert_eq!(joined.kinds(&SAMSUNG), [CueKind::ContainerStructure]);
    let mut cut = File::mp3(None, Some(2_000));
    cut.account.packets = 1_700;
    assert_eq!(cut.kinds(&NameClaims::default()), [CueKind::ContainerStructure]);
    cut.account.packets = 2_000;
    assert_eq!(cut.kinds(&NameClaims::default()), []);
}
