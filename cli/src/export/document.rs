//! `DIR/<recording>.json`: all results of one recording in one file. `earwitness schema` prints its schema.

use std::collections::BTreeMap;
use std::path::Path;

use authenticity::{NameClaims, Statements};
use scheduler::store::MadeFrom;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use stage_core::authenticity::AuthenticityRecord;
use stage_core::container::ContainerFacts;
use stage_core::forensics::ForensicRecord;
use stage_core::{
    ArtifactName, DecodeWarning, Diagnostics, Dropped, ExternalDecoder, FileAccount, Fingerprint, OutputName, Overview,
    Segment, Speakers, StageName, TokenTiming, Turn, Word, path_bytes, path_text, sha256_hex,
};

use super::formats::Json;
use super::read::Evidence;
use super::{DocumentContext, ExportFormat, PageSound};
use crate::case_file::{CaseFacts, CaseFile, PersonFacts, Speaker, Voice};
use crate::redact::RedactionBlock;
use crate::review::{Judgment, ReviewBlock, ReviewedBlock, Target};

/// Incremented when a field is removed or changes its meaning.
const SCHEMA_VERSION: u32 = 9;

/// All results of one recording. Times are in seconds from its start. A value that was not measured is null with a
/// reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Document {
    /// Version of this schema.
    pub schema_version: u32,
    /// The recording itself.
    pub recording: RecordingBlock,
    /// What `case.toml` states about the recording; null if the case has no such file.
    pub case: Option<CaseFacts>,
    /// The transcript, one segment per window.
    pub segments: Vec<SegmentBlock>,
    /// Intervals that were not transcribed, with reasons.
    pub dropped: Vec<Dropped>,
    /// The speakers of each channel and their turns.
    pub speakers: Speakers,
    /// The words with their times.
    pub words: Vec<Word>,
    /// Measurements, evidence and scores.
    #[schemars(schema_with = "forensics::record_schema")]
    pub forensics: ForensicRecord,
    /// What was masked in this copy for others; null in a full record.
    pub redaction: Option<RedactionBlock>,
    /// What people state about these results, by time. The results themselves stay as the program made them.
    pub review: Vec<ReviewBlock>,
    /// What this copy with the corrections of reviewers shows; omitted in a full record, which has the program's texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<ReviewedBlock>,
    /// Artifacts of further stages by name; omitted if there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub further: BTreeMap<String, Value>,
    /// Provenance of each artifact, which `earwitness verify` checks.
    pub provenance: Vec<Provenance>,
    /// How this file was written.
    pub renderer: RendererBlock,
    /// What only pages show.
    #[serde(skip)]
    pub(crate) page: PageFacts,
}

/// What pages need besides the document, and the JSON file does not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageFacts {
    /// Waveform and spectrogram; `None` if an earlier version of the program processed the recording.
    pub(crate) overview: Option<Overview>,
    /// ID of the case, which a file of reviews states.
    pub(crate) case_id: Option<String>,
    /// What it plays, if not the recording beside it.
    pub(crate) sound: PageSound,
    /// Where a server takes reviews.
    pub(crate) reviews_at: Option<&'static str>,
}

/// How a result file was written from the artifacts in `provenance`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct RendererBlock {
    /// The format.
    pub format: String,
    /// Version of the format's renderer.
    pub version: u32,
    /// Its settings.
    pub settings: Value,
}

/// The recording: path, hashes and format.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct RecordingBlock {
    /// Path of the file. Bytes that are not UTF-8 are written as `\xB1`; then `path_bytes` has the path without loss.
    pub path: String,
    /// The bytes of a path that is not UTF-8, as hexadecimal digits; null for other paths.
    pub path_bytes: Option<String>,
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// SHA-256 of the decoder's output before resampling: interleaved little-endian f32.
    pub pcm_sha256: String,
    /// Container format.
    pub container: String,
    /// Codec.
    pub codec: String,
    /// Sample rate of the file, in Hz.
    pub sample_rate_hz: u32,
    /// Number of channels of the file.
    pub channels: u16,
    /// Length in seconds.
    pub duration_s: f64,
    /// The other party, according to the file name, in NFC.
    pub contact: Option<String>,
    /// Its phone number, according to the file name: as it is written, or that the number was withheld.
    pub number: Option<String>,
    /// Direction of the call, according to the file name: incoming or outgoing.
    pub direction: Option<String>,
    /// Local time of the recording, according to the file name: ISO 8601 without a time zone, which no name states. A
    /// date alone if the name has no time of day.
    pub recorded_at: Option<String>,
    /// Other names under which the same bytes were seen, with their extensions. The claims above are those of the last one.
    pub other_names: Vec<String>,
    /// The encoding in which a file name that is not UTF-8 was read for these fields: a guess. Null for other names.
    pub name_encoding: Option<String>,
    /// The container's tags.
    pub tags: BTreeMap<String, String>,
    /// The program that decoded the file, if it was another one.
    pub external_decoder: Option<ExternalDecoder>,
    /// What became of the bytes and tracks of the file.
    pub account: Option<FileAccount>,
    /// What the container states about its own making; null in results of versions that did not read it.
    pub container_facts: Option<ContainerFacts>,
    /// Problems that did not stop the decoder.
    pub warnings: Vec<DecodeWarning>,
}

impl RecordingBlock {
    /// Adds statements of the container and of the file's name that disagree, if the container's were read.
    fn add_container_cues(&self, path: &Path, record: &mut AuthenticityRecord) {
        let Some(facts) = &self.container_facts else { return };
        let file = Statements {
            container: &self.container,
            tags: &self.tags,
            sound_s: self.duration_s,
            account: self.account.as_ref(),
            facts,
        };
        let file_name = path.file_name().map(|name| path_text(Path::new(name))).unwrap_or_default();
        let name = NameClaims { file_name: &file_name, recorded_at: self.recorded_at.as_deref() };
        authenticity::add_container(record, &file, &name);
    }
}

/// The text of one window.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct SegmentBlock {
    /// Channel, from 0.
    pub channel: u16,
    /// Start in the recording, in seconds.
    pub start_s: f64,
    /// End in the recording, in seconds.
    pub end_s: f64,
    /// The text.
    pub text: String,
    /// Language code; `und` if the model does not provide it.
    pub language: String,
    /// Probability of that language, 0 to 1; null if the language was given.
    pub language_probability: Option<f32>,
    /// Geometric mean of the probabilities of the window's tokens, 0 to 1.
    pub confidence: f32,
    /// Why the text is not reliable; null if it is reliable.
    pub low_confidence: Option<String>,
    /// Why the text ends early; null if it does not.
    pub cut_short: Option<String>,
    /// How the times of its tokens were measured; null if they were not.
    pub token_timing: Option<TokenTiming>,
    /// Values specific to the model's family. Whisper: scores of the decoding and rejected attempts.
    pub diagnostics: Diagnostics,
}

/// Provenance of one artifact.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Provenance {
    /// Stage that computed it.
    pub stage: StageName,
    /// Name among the stage's outputs; omitted for the main artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputName>,
    /// Version of the stage's method.
    pub version: u32,
    /// Hash of everything that the artifact depends on.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the stored artifact.
    pub artifact_sha256: String,
    /// SHA-256 of the model, if one was used.
    pub model_sha256: Option<String>,
    /// SHA-256 of each of the model's files, as `sha256sum` prints it, by file name; empty without a model, and for recipes
    /// of versions that did not record them.
    pub model_files: BTreeMap<String, String>,
    /// Numeric type of the model (f32, bf16, f16 or int8), if one was used.
    pub precision: Option<String>,
    /// Settings that the stage read.
    pub settings: serde_json::Value,
    /// Device that computed it. Results do not depend on this field or on the following ones.
    pub device: String,
    /// CPU instruction set that was used; null for artifacts of versions that did not record it.
    pub instruction_set: Option<String>,
    /// Version of the program that computed it.
    pub tool_version: String,
    /// Versions of the libraries that decode and compute; empty for artifacts of versions that did not record them.
    pub libraries: BTreeMap<String, String>,
    /// Start of the computation (UTC).
    pub started_at: String,
    /// Duration of the computation, in seconds.
    pub duration_s: f64,
}

/// Prefix of unreliable text in human-readable output.
pub const LOW_CONFIDENCE: &str = "[?] ";
/// Prefix of text that a reviewer rejected, in human-readable reviewed copies.
pub const REJECTED: &str = "[rejected] ";

impl RendererBlock {
    fn of(format: &dyn ExportFormat) -> Self {
        Self { format: format.name().to_owned(), version: format.version(), settings: format.settings() }
    }
}

impl Provenance {
    /// The artifact, as the record of written files names it.
    pub(crate) fn made_from(&self) -> MadeFrom {
        let artifact = ArtifactName::new(self.stage, self.output);
        MadeFrom { artifact, fingerprint: self.fingerprint, sha256: self.artifact_sha256.clone() }
    }
}

impl Document {
    /// Joins the artifacts of one recording.
    ///
    /// `path` is that of the recording: relative to the case folder if it is known to be moved with the case.
    pub(super) fn new(path: &Path, other_names: Vec<String>, evidence: Evidence) -> Self {
        let recording = evidence.recording;
        Self {
            schema_version: SCHEMA_VERSION,
            recording: RecordingBlock {
                path: path_text(path).into_owned(),
                path_bytes: path_bytes(path),
                sha256: evidence.file_sha256,
                pcm_sha256: recording.pcm_sha256,
                container: recording.container,
                codec: recording.codec,
                sample_rate_hz: recording.sample_rate_hz,
                channels: recording.channels,
                duration_s: recording.duration_s,
                contact: None,
                number: None,
                direction: None,
                recorded_at: None,
                other_names,
                name_encoding: None,
                tags: recording.tags,
                external_decoder: recording.external_decoder,
                account: recording.account,
                container_facts: evidence.container_facts,
                warnings: recording.warnings,
            },
            case: None,
            segments: evidence.transcript.segments.into_iter().map(SegmentBlock::from).collect(),
            dropped: [evidence.segments.dropped, evidence.transcript.dropped].concat(),
            speakers: evidence.speakers,
            words: evidence.words.words,
            forensics: evidence.forensics,
            redaction: None,
            review: Vec::new(),
            reviewed: None,
            further: evidence.further,
            provenance: evidence.provenance,
            renderer: RendererBlock::of(&Json),
            page: PageFacts { overview: evidence.overview, ..PageFacts::default() },
        }
    }

    /// Adds what the file name and `case.toml` state.
    pub(super) fn in_context(mut self, path: &Path, context: &DocumentContext) -> Self {
        let named = context.names.parse(path);
        let recording = &mut self.recording;
        recording.contact = named.contact;
        recording.number = named.number;
        recording.direction = named.direction.map(|direction| direction.name().to_owned());
        recording.recorded_at = named.recorded_at;
        recording.name_encoding = named.encoding.map(str::to_owned);
        recording.add_container_cues(path, &mut self.forensics.authenticity);
        let (contact, number) = (recording.contact.as_deref(), recording.number.as_deref());
        let facts = |case: &CaseFile| case.facts(&recording.sha256, contact, number, recording.channels);
        self.case = context.case.as_ref().map(facts);
        if let Some(case) = &mut self.case {
            // Labels are those of these results: another run may have found other voices.
            case.voices.retain(|voice| self.speakers.speakers.iter().any(|speaker| speaker.id == voice.speaker));
        }
        self
    }

    /// SHA-256 of the document as JSON. Files with the same one show the same, in any format.
    #[must_use]
    pub fn sha256(&self) -> String {
        // A document is plain data, whose numbers JSON can represent.
        sha256_hex(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Who speaks on a channel, if `case.toml` states it.
    #[must_use]
    pub fn speaker(&self, channel: u16) -> Option<&Speaker> {
        self.case.as_ref()?.speakers.iter().find(|speaker| speaker.channel == channel)
    }

    /// The name of who speaks on a channel, if `case.toml` states it. If two of the speakers have the same name, it has
    /// the person's id behind it, in parentheses.
    #[must_use]
    pub fn speaker_name(&self, channel: u16) -> Option<String> {
        Some(self.person_name(&self.speaker(channel)?.person))
    }

    /// Who a voice is, if `case.toml` states it.
    #[must_use]
    pub fn voice(&self, label: &str) -> Option<&Voice> {
        self.case.as_ref()?.voices.iter().find(|voice| voice.speaker == label)
    }

    /// The name of a speaker, with the person's id behind it if another speaker has the same name.
    fn person_name(&self, person: &PersonFacts) -> String {
        let speakers = self.case.iter().flat_map(|case| case.speakers.iter().map(|speaker| &speaker.person));
        let voices = self.case.iter().flat_map(|case| case.voices.iter().map(|voice| &voice.person));
        let is_shared = speakers.chain(voices).any(|other| other.name == person.name && other.id != person.id);
        if is_shared { format!("{} ({})", person.name, person.id) } else { person.name.clone() }
    }

    /// The person behind a label of a channel, if `case.toml` states it: who the voice is, or else who speaks on the
    /// channel if it has no second voice.
    #[must_use]
    pub fn person(&self, channel: u16, label: Option<&str>) -> Option<&PersonFacts> {
        let on_channel = || self.speaker(channel).map(|speaker| &speaker.person);
        let Some(label) = label else { return on_channel() };
        if let Some(voice) = self.voice(label) {
            return Some(&voice.person);
        }
        let mut voices = self.speakers.speakers.iter().filter(|voice| voice.channel == channel);
        let is_label = label == Turn::UNKNOWN || voices.clone().any(|voice| voice.id == label);
        let is_alone = voices.next().is_none() || voices.next().is_none();
        if is_label && is_alone { on_channel() } else { None }
    }

    /// What a label of a channel is shown as: the name of the person behind it ([`Document::person`]), or itself.
    #[must_use]
    pub fn label_name(&self, channel: u16, label: Option<&str>) -> Option<String> {
        let person = self.person(channel, label).map(|person| self.person_name(person));
        person.or_else(|| label.map(str::to_owned))
    }

    /// The name of who says a word ([`Document::label_name`]).
    #[must_use]
    pub fn word_speaker(&self, word: &Word) -> Option<String> {
        self.label_name(word.channel, word.speaker.as_deref())
    }

    /// What labels a word in subtitles and readable text: who says it ([`Document::word_speaker`]), if several people speak
    /// in the recording or a reviewer corrected it.
    #[must_use]
    pub fn word_label(&self, index: usize) -> Option<String> {
        if let Some(corrected) = self.corrected_speaker(index) {
            let person = self.voice(corrected).map(|voice| self.person_name(&voice.person));
            return Some(person.unwrap_or_else(|| corrected.to_owned()));
        }
        let several = self.recording.channels > 1 || self.speakers.speakers.len() > 1;
        self.words.get(index).filter(|_| several).and_then(|word| self.word_speaker(word))
    }

    /// The whole text of one channel, in time order. Low-confidence segments begin with [`LOW_CONFIDENCE`].
    #[must_use]
    pub fn text(&self, channel: u16) -> String {
        let own = self.segments.iter().filter(|segment| segment.channel == channel);
        let marked = |segment: &SegmentBlock| {
            let mark = if segment.low_confidence.is_some() { LOW_CONFIDENCE } else { "" };
            format!("{mark}{}", segment.text)
        };
        own.map(marked).collect::<Vec<_>>().join(" ")
    }

    /// The words of all channels with their indices, by time.
    pub(crate) fn words_by_time(&self) -> Vec<(usize, &Word)> {
        let mut words: Vec<_> = self.words.iter().enumerate().collect();
        words.sort_by(|(_, a), (_, b)| a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel)));
        words
    }

    /// The text as a conversation: consecutive words of one speaker with the speaker's label, by time. Without labels if one
    /// person speaks. Low-confidence words begin with [`LOW_CONFIDENCE`].
    #[must_use]
    pub fn conversation(&self) -> Vec<(Option<String>, String)> {
        if self.recording.channels == 1 && self.speakers.speakers.len() < 2 {
            let text = self.text(0);
            return if text.is_empty() { Vec::new() } else { vec![(None, text)] };
        }
        let mut lines: Vec<(Option<String>, String)> = Vec::new();
        let mut last_mark = "";
        for (index, word) in self.words_by_time().into_iter().filter(|(_, word)| !word.text.is_empty()) {
            let label = self.word_label(index).or_else(|| Some(word.channel.to_string()));
            let mark = self.mark(index);
            match lines.last_mut() {
                Some((last, text)) if *last == label => {
                    let mark = if mark == last_mark { "" } else { mark };
                    text.push_str(&format!(" {mark}{}", word.text));
                }
                _ => lines.push((label, format!("{mark}{}", word.text))),
            }
            last_mark = mark;
        }
        lines
    }

    /// Whether a word belongs to a low-confidence segment.
    #[must_use]
    pub fn is_low_confidence(&self, word: &Word) -> bool {
        let segment = self.segments.get(word.segment as usize);
        segment.is_some_and(|segment| segment.low_confidence.is_some())
    }

    /// What precedes a word in human-readable output: [`LOW_CONFIDENCE`], or what reviewers say in a reviewed copy: text
    /// of the program that was rejected has [`REJECTED`], and text that was confirmed or corrected has no mark.
    #[must_use]
    pub fn mark(&self, index: usize) -> &'static str {
        let Some(word) = self.words.get(index) else { return "" };
        let low_confidence = if self.is_low_confidence(word) { LOW_CONFIDENCE } else { "" };
        let Some(reviewed) = &self.reviewed else { return low_confidence };
        if reviewed.item(Target::Word(index)).is_some_and(|item| item.text_from.is_some()) {
            return "";
        }
        match reviewed.judgment_of_word(index, word) {
            Some(Judgment::Rejected) => REJECTED,
            Some(Judgment::Confirmed) => "",
            None => low_confidence,
        }
    }

    /// The speaker of a word, if reviewers corrected it and this is a reviewed copy.
    #[must_use]
    pub fn corrected_speaker(&self, index: usize) -> Option<&str> {
        self.reviewed.as_ref()?.item(Target::Word(index))?.speaker.as_deref()
    }

    /// Number and total duration, in seconds, of low-confidence segments.
    #[must_use]
    pub fn low_confidence(&self) -> (usize, f64) {
        let unreliable = self.segments.iter().filter(|segment| segment.low_confidence.is_some());
        unreliable.fold((0, 0.0), |(count, length_s), segment| (count + 1, length_s + segment.end_s - segment.start_s))
    }
}

impl From<Segment> for SegmentBlock {
    fn from(segment: Segment) -> Self {
        Self {
            channel: segment.channel,
            start_s: segment.start_s,
            end_s: segment.end_s,
            text: segment.text,
            language: segment.language,
            language_probability: segment.language_probability,
            confidence: segment.confidence,
            low_confidence: segment.low_confidence,
            cut_short: segment.cut_short,
            token_timing: segment.token_timing,
            diagnostics: segment.diagnostics,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use stage_core::{AlignedWords, SpeechSegments, Transcript};

    use super::*;

    /// The document of a recording of one channel and one second, with these words.
    pub(crate) fn document_of(words: &[Word]) -> Document {
        let recording = json!({
            "container": "wave", "codec": "pcm_s16le", "sample_rate_hz": 8000, "channels": 1, "duration_s": 1.0,
            "pcm_sha256": "", "tags": {}, "warnings": [],
            "pcm": {"source_frames": 8000, "frames": 16000, "trimmed_start_frames": 0, "trimmed_end_frames": 0},
        });
        let missing = json!({"value": null, "reason": "made by hand"});
        let coverage = json!({
            "speech_s": 0.0, "transcribed_s": 0.0, "low_confidence_s": 0.0, "ratio": missing,
            "mean_confidence": missing, "languages_without_lexicon": [],
        });
        let scores = json!({"overall": missing, "level": null, "categories": {}, "coverage": coverage});
        let forensics = json!({"channels": [], "evidence": [], "scores": scores, "limits": []});
        let evidence = Evidence {
            file_sha256: String::new(),
            recording: serde_json::from_value(recording).unwrap(),
            container_facts: None,
            segments: SpeechSegments::of_windows(Vec::new()),
            transcript: Transcript { model: String::new(), segments: Vec::new(), dropped: Vec::new() },
            speakers: Speakers::default(),
            words: AlignedWords { method: String::new(), words: words.to_vec() },
            forensics: serde_json::from_value(forensics).unwrap(),
            overview: None,
            further: BTreeMap::new(),
            provenance: Vec::new(),
        };
        Document::new(Path::new("call.wav"), Vec::new(), evidence)
    }

    /// The document of a call of two channels with these words and this `case.toml`.
    pub(crate) fn document_of_case(words: &[Word], case: &str) -> Document {
        let mut document = document_of(words);
        document.recording.channels = 2;
        let case = CaseFile::parse(Path::new("case.toml"), case).unwrap();
        let context = DocumentContext { case: Some(case), ..DocumentContext::default() };
        document.in_context(Path::new("통화 녹음 김민수_241105_093012.m4a"), &context)
    }

    /// A `case.toml` with the people on both channels of a call.
    pub(crate) fn people(first: &str, second: &str) -> String {
        let person = |id: &str, name: &str, channel: u16| {
            format!("[[person]]\nid = '{id}'\nname = '{name}'\naliases = []\nchannel = {channel}\n")
        };
        format!("{}{}", person("a", first, 0), person("b", second, 1).replace("[]", "['김민수']"))
    }

    #[test]
    fn document_names_the_people_on_channels() {
        let names = |document: &Document| [0, 1, 2].map(|channel| document.speaker_name(channel));
        let named = |first: &str, second: &str| [Some(first.to_owned()), Some(second.to_owned()), None];
        assert_eq!(names(&document_of(&[])), [None, None, None]);
        let document = document_of_case(&[], &people("이영희", "민수"));
        assert_eq!(names(&document), named("이영희", "민수"));
        assert_eq!(document.speaker(1).unwrap().channel, 1);
        let same = document_of_case(&[], &people("박지훈", "박지훈"));
        assert_eq!(names(&same), named("박지훈 (a)", "박지훈 (b)"));
    }

    #[test]
    fn document_labels_words_by_names_or_voices() {
        let word = |channel: u16, speaker: &str| Word {
            speaker: Some(speaker.to_owned()),
            ..Word::of_text(channel, (0.0, 0.5), "word")
        };
        let voice = |id: &str, channel| stage_core::Speaker { id: id.to_owned(), channel, speech_s: 1.0 };
        let words = [word(0, "S1"), word(1, "S2"), word(1, "unknown"), word(0, "somebody")];
        let labels = |document: &Document| [0, 1, 2, 3].map(|index| document.word_label(index));
        let some = |labels: [&str; 4]| labels.map(|label| Some(label.to_owned()));

        let mut document = document_of_case(&words, &people("이영희", "민수"));
        document.speakers.speakers = vec![voice("S1", 0), voice("S2", 1)];
        assert_eq!(labels(&document), some(["이영희", "민수", "민수", "somebody"]));
        document.speakers.speakers.push(voice("S3", 1));
        assert_eq!(labels(&document), some(["이영희", "S2", "unknown", "somebody"]), "two voices on a channel");

        let mut mono = document_of(&words);
        mono.speakers.speakers = vec![voice("S1", 0)];
        assert_eq!(labels(&mono), [None, None, None, None], "nobody to tell apart");
        mono.speakers.speakers.push(voice("S2", 0));
        assert_eq!(labels(&mono), some(["S1", "S2", "unknown", "somebody"]));
    }

    #[test]
    fn document_names_the_voices_of_a_channel() {
        let word = |speaker: &str| Word { speaker: Some(speaker.to_owned()), ..Word::of_text(0, (0.0, 0.5), "word") };
        let voice = |id: &str| stage_core::Speaker { id: id.to_owned(), channel: 0, speech_s: 1.0 };
        let mut document = document_of(&[word("S1"), word("S2"), word("S3"), word("unknown")]);
        document.speakers.speakers = vec![voice("S1"), voice("S2"), voice("S3")];
        document.recording.sha256 = "a".repeat(64);
        let voices = "channels = { 0 = 'a' }\nvoices = { S1 = 'b', S2 = 'a', S9 = 'a' }";
        let text = format!("{}[[recording]]\nsha256 = '{}'\n{voices}\n", people("이영희", "민수"), "a".repeat(64));
        let case = CaseFile::parse(Path::new("case.toml"), &text).unwrap();
        let context = DocumentContext { case: Some(case), ..DocumentContext::default() };
        let document = document.in_context(Path::new("call.m4a"), &context);
        let labels = [0, 1, 2, 3].map(|index| document.word_label(index).unwrap());
        assert_eq!(labels, ["민수", "이영희", "S3", "unknown"], "a channel with several voices is nobody's");
        let stated: Vec<_> = document.case.iter().flat_map(|case| &case.voices).map(|voice| &*voice.speaker).collect();
        assert_eq!(stated, ["S1", "S2"], "the results have no voice S9");
        assert_eq!(document.words[0].speaker.as_deref(), Some("S1"), "the result stays");
    }

    #[test]
    fn document_has_the_facts_of_the_case() {
        assert!(document_of(&[]).case.is_none());
        let case = document_of_case(&[], &format!("title = '갑 대 을'\n{}", people("이영희", "민수"))).case.unwrap();
        let party = case.party.map(|person| (person.id, person.name));
        assert_eq!((case.title.as_deref(), party), (Some("갑 대 을"), Some(("b".to_owned(), "민수".to_owned()))));
        let channels: Vec<_> = case.speakers.iter().map(|speaker| (speaker.channel, &*speaker.person.id)).collect();
        assert_eq!(channels, [(0, "a"), (1, "b")]);
    }

    #[test]
    fn document_has_the_claims_of_the_file_name() {
        let document = document_of(&[]);
        assert_eq!(document.recording.contact, None);
        let path = Path::new("/calls/통화 녹음 김민수_241105_093012.m4a");
        let recording = document.in_context(path, &DocumentContext::default()).recording;
        assert_eq!(recording.contact.as_deref(), Some("김민수"));
        assert_eq!(recording.recorded_at.as_deref(), Some("2024-11-05T09:30:12"));
        assert_eq!((recording.number, recording.direction, recording.name_encoding), (None, None, None));
    }
}
