//! The model of a draft: everything that HTML and DOCX print, as texts in its language.

use jiff::ZonedDateTime;
use serde::Serialize;

use super::excerpt::Interval;
use super::gaps::{self, Gap, Place};
use super::lines::{self, Kind, Line};
use super::people::{self, Person};
use super::texts::{CoverField, TextFile, Texts};
use super::{clean, times, turns};
use crate::export::{Document, ReportLanguage};

/// Hex digits of the hash in the running header.
const DIGITS: usize = 12;
/// Longest running header, in characters.
const LONGEST_HEADER: usize = 64;
/// The stages whose results a transcript prints.
const STAGES: [&str; 3] = ["transcribe", "diarize", "align"];

/// A draft of a transcript.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Draft {
    /// Code of the language of the fixed texts.
    pub(super) language: &'static str,
    /// The title, with the mark of an excerpt.
    pub(super) title: String,
    /// The running header, and the hash beside it.
    pub(super) header: String,
    pub(super) hash: String,
    /// The fields of the cover that are printed, in order.
    pub(super) cover: Vec<Field>,
    pub(super) case: CaseBlock,
    pub(super) document: RecordingFacts,
    pub(super) people: Vec<Person>,
    /// The call, if the file name states one; null if it is not known.
    pub(super) place: Option<String>,
    pub(super) excerpt: Option<Excerpt>,
    /// What stands before and after the lines.
    pub(super) begin: String,
    pub(super) end: String,
    pub(super) lines: Vec<Line>,
    pub(super) not_transcribed: Vec<Untranscribed>,
    pub(super) exhibits: Vec<Hash>,
    /// The results that the draft was made from.
    pub(super) records: Vec<Hash>,
    pub(super) limits: Vec<String>,
    /// The statement that the stenographer signs.
    pub(super) statement: String,
}

/// A field of the cover.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Field {
    pub(super) name: CoverField,
    pub(super) label: String,
    /// Its values, one per line.
    pub(super) values: Vec<String>,
    /// What is said about them, in small print.
    pub(super) note: Option<String>,
    pub(super) is_hash: bool,
}

/// What `case.toml` states about the case.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CaseBlock {
    title: Option<String>,
    reference: Option<String>,
}

/// The recording.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RecordingFacts {
    pub(super) file_name: String,
    size_bytes: Option<u64>,
    duration: String,
    recorded_at: Option<String>,
    exhibit: Option<String>,
    pub(super) sha256: String,
    pcm_sha256: String,
    made_at: String,
    pub(super) tool: String,
}

/// The range of an excerpt, and the range that was asked for.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Excerpt {
    from: String,
    to: String,
    asked_from: String,
    asked_to: String,
    is_extended: bool,
}

/// An interval without transcript.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Untranscribed {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
}

/// Something with its SHA-256.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Hash {
    pub(super) name: String,
    pub(super) sha256: String,
}

/// What a draft is made of.
pub(super) struct Source<'a> {
    /// The reviewed copy of the results.
    pub(super) document: &'a Document,
    /// The range that was asked for; `None` for the whole recording.
    pub(super) asked: Option<Interval>,
    pub(super) file: &'a TextFile,
    pub(super) language: ReportLanguage,
}

impl Draft {
    /// Makes the model of a draft.
    pub(super) fn new(source: &Source<'_>) -> Self {
        let Source { document, asked, file, language } = source;
        let texts = file.texts(*language);
        let gaps = gaps::find(document);
        let mut turns = turns::find(document, &gaps);
        let range = asked.map(|asked| asked.extended(&turns, document.recording.duration_s));
        turns.retain(|turn| range.is_none_or(|range| range.touches(turn.start_s, turn.end_s)));
        let lines = lines::of_turns(document, texts, &turns);
        let excerpt = asked.zip(range).map(|(asked, range)| Excerpt::new(asked, range));
        let people = people::find(document, texts);
        let place = place(document, &people, texts);
        let of_range = |whole, part| {
            let excerpt = excerpt.as_ref().map(|excerpt| excerpt.text(part, texts));
            excerpt.unwrap_or_else(|| texts.get(whole).to_owned())
        };
        let mut draft = Self {
            language: language.code(),
            title: title(texts, excerpt.is_some()),
            header: String::new(),
            hash: format!("SHA-256 {}...", document.recording.sha256.get(..DIGITS).unwrap_or_default()),
            cover: Vec::new(),
            case: CaseBlock::new(document),
            document: RecordingFacts::new(document),
            limits: limits(document, texts, &lines),
            people,
            place,
            begin: of_range("recording_begin", "excerpt_begin"),
            end: of_range("recording_end", "excerpt_end"),
            statement: of_range("statement", "statement_excerpt"),
            lines,
            not_transcribed: untranscribed(&gaps, range, texts),
            exhibits: exhibits(document, texts),
            records: records(document, texts),
            excerpt,
        };
        draft.header = draft.running_header();
        draft.cover = file.cover.iter().filter_map(|field| draft.field(*field, texts)).collect();
        draft
    }

    /// Title of document and case, cut to one line.
    fn running_header(&self) -> String {
        let title = self.case.title.as_ref().map(|title| format!(" · {title}")).unwrap_or_default();
        let whole = format!("{}{title}", self.title);
        let cut: String = whole.chars().take(LONGEST_HEADER).collect();
        if cut.len() < whole.len() { format!("{cut}…") } else { whole }
    }

    /// A field of the cover; `None` if it is left out because it has no value.
    fn field(&self, name: CoverField, texts: &Texts) -> Option<Field> {
        use CoverField::{Case, Duration, Excerpt, Exhibit, FileName, MadeAt, PcmSha256, People};
        use CoverField::{Place, RecordedAt, Reference, Sha256, Size, Tool};
        let Self { case, document, .. } = self;
        let or_unknown = |value: Option<String>| Some(value.unwrap_or_else(|| texts.get("unknown").to_owned()));
        let value = match name {
            Case => case.title.clone(),
            Reference => case.reference.clone(),
            Exhibit => document.exhibit.clone(),
            RecordedAt => or_unknown(document.recorded_at.clone()),
            Place => or_unknown(self.place.clone()),
            People => or_unknown(None).filter(|_| self.people.is_empty()),
            FileName => Some(document.file_name.clone()),
            Size => or_unknown(document.size_bytes.map(|size| format!("{} {}", grouped(size), texts.get("bytes")))),
            Duration => Some(document.duration.clone()),
            Excerpt => self.excerpt.as_ref().map(|excerpt| excerpt.range(&document.duration, texts)),
            MadeAt => Some(document.made_at.clone()),
            Tool => Some(document.tool.clone()),
            Sha256 => Some(document.sha256.clone()),
            PcmSha256 => Some(document.pcm_sha256.clone()).filter(|hash| !hash.is_empty()),
        };
        let people = || self.people.iter().map(|person| person.on_cover(texts)).collect();
        let values = if name == People && value.is_none() { people() } else { vec![value?] };
        let note = match name {
            RecordedAt => document.recorded_at.as_ref().map(|_| texts.get("recorded_at_note").to_owned()),
            Place => self.place.as_ref().map(|_| texts.get("place_note").to_owned()),
            Excerpt => self.excerpt.as_ref().map(|excerpt| excerpt.note(texts)),
            _ => None,
        };
        let is_hash = matches!(name, Sha256 | PcmSha256);
        Some(Field { name, label: texts.field(name).to_owned(), values, note, is_hash })
    }
}

fn title(texts: &Texts, is_excerpt: bool) -> String {
    let excerpt = if is_excerpt { format!(" {}", texts.get("excerpt_title")) } else { String::new() };
    format!("{}{excerpt}", texts.get("title"))
}

/// The call, if the file name states one: a contact, a number or a direction.
fn place(document: &Document, people: &[Person], texts: &Texts) -> Option<String> {
    let recording = &document.recording;
    let is_call = recording.contact.is_some() || recording.number.is_some() || recording.direction.is_some();
    match people {
        _ if !is_call => None,
        [a, b] => {
            let particle = a.particle.unwrap_or_else(|| texts.get("particle"));
            Some(texts.filled("call_of_two", &[("a", a.shown()), ("particle", particle), ("b", b.shown())]))
        }
        _ => Some(texts.get("call").to_owned()),
    }
}

impl CaseBlock {
    fn new(document: &Document) -> Self {
        let case = document.case.as_ref();
        let text = |text: Option<&String>| text.map(|text| clean(text));
        Self {
            title: text(case.and_then(|case| case.title.as_ref())),
            reference: text(case.and_then(|case| case.reference.as_ref())),
        }
    }
}

impl RecordingFacts {
    fn new(document: &Document) -> Self {
        let recording = &document.recording;
        let file_name = recording.path.rsplit(['/', '\\']).next().unwrap_or(&recording.path);
        let account = recording.account.as_ref();
        Self {
            file_name: clean(file_name),
            size_bytes: account.map(|account| account.audio_bytes + account.other_bytes + account.left_out_bytes),
            duration: times::exact(recording.duration_s),
            recorded_at: recording.recorded_at.as_ref().map(|at| clean(&at.replace('T', " "))),
            exhibit: document.case.as_ref().and_then(|case| case.exhibit.as_deref()).map(clean),
            sha256: recording.sha256.clone(),
            pcm_sha256: recording.pcm_sha256.clone(),
            made_at: ZonedDateTime::now().strftime("%Y-%m-%d %H:%M (UTC%:z)").to_string(),
            tool: format!("Earwitness {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

impl Excerpt {
    fn new(asked: Interval, range: Interval) -> Self {
        Self {
            from: times::exact(range.from_s),
            to: times::exact(range.to_s),
            asked_from: times::exact(asked.from_s),
            asked_to: times::exact(asked.to_s),
            is_extended: asked != range,
        }
    }

    /// Both ranges, for the terminal.
    pub(super) fn described(&self) -> String {
        let Self { from, to, asked_from, asked_to, is_extended } = self;
        let why = if *is_extended { "extended to whole turns" } else { "no turn reaches beyond it" };
        format!("{from} to {to} (asked: {asked_from} to {asked_to}; {why})")
    }

    fn text(&self, key: &str, texts: &Texts) -> String {
        let Self { from, to, asked_from, asked_to, .. } = self;
        texts.filled(key, &[("from", from), ("to", to), ("asked_from", asked_from), ("asked_to", asked_to)])
    }

    fn range(&self, duration: &str, texts: &Texts) -> String {
        texts.filled("excerpt_range", &[("from", &self.from), ("to", &self.to), ("duration", duration)])
    }

    /// Which range was asked for, and what the excerpt has.
    fn note(&self, texts: &Texts) -> String {
        let key = if self.is_extended { "excerpt_extended" } else { "excerpt_as_asked" };
        format!("{} {}", self.text(key, texts), texts.get("excerpt_complete"))
    }
}

/// The intervals without transcript that touch the range.
fn untranscribed(gaps: &[Gap], range: Option<Interval>, texts: &Texts) -> Vec<Untranscribed> {
    let inside = gaps.iter().filter(|gap| range.is_none_or(|range| range.touches(gap.start_s, gap.end_s)));
    let interval = |gap: &Gap| {
        let unmarked =
            if gap.place == Place::Elsewhere { format!(" {}", texts.get("not_marked")) } else { String::new() };
        Untranscribed {
            from: times::exact(times::floor_s(gap.start_s)),
            to: times::exact(times::ceil_s(gap.end_s)),
            reason: format!("{}{unmarked}", clean(texts.reason(&gap.reason).unwrap_or(&gap.reason))),
        }
    };
    inside.map(interval).collect()
}

/// The recording as an exhibit: the file, and its decoded sound.
fn exhibits(document: &Document, texts: &Texts) -> Vec<Hash> {
    let recording = RecordingFacts::new(document);
    let number = recording.exhibit.map(|number| format!("{number}: ")).unwrap_or_default();
    let file = Hash { name: format!("{number}{}", recording.file_name), sha256: recording.sha256 };
    let sound = Hash { name: texts.field(CoverField::PcmSha256).to_owned(), sha256: recording.pcm_sha256 };
    [file, sound].into_iter().filter(|hash| !hash.sha256.is_empty()).collect()
}

/// The stored results that the lines are made from, the model that recognized the words, and `case.toml`.
fn records(document: &Document, texts: &Texts) -> Vec<Hash> {
    let links = document.provenance.iter().filter(|link| link.output.is_none());
    let links: Vec<_> = links.filter(|link| STAGES.contains(&link.stage.to_string().as_str())).collect();
    let results = links.iter().map(|link| {
        let (stage, version) = (link.stage.to_string(), clean(&link.tool_version));
        let name = texts.filled("record_result", &[("stage", &stage), ("version", &version)]);
        Hash { name, sha256: link.artifact_sha256.clone() }
    });
    let models = links.iter().filter_map(|link| {
        let name = texts.filled("record_model", &[("stage", &link.stage.to_string())]);
        Some(Hash { name, sha256: link.model_sha256.clone()? })
    });
    let case = document.case.iter().map(|case| Hash { name: "case.toml".to_owned(), sha256: case.file_sha256.clone() });
    results.chain(models).chain(case).collect()
}

/// The limits of every draft, and those of this one.
fn limits(document: &Document, texts: &Texts, lines: &[Line]) -> Vec<String> {
    let count =
        |kind: Kind| lines.iter().flat_map(|line| &line.spans).filter(|span| span.kind == kind).count().to_string();
    let (unsure, inaudible, corrected) = (count(Kind::Unsure), count(Kind::Inaudible), count(Kind::Corrected));
    let marks = texts.filled("limit_marks", &[("unsure", &unsure), ("inaudible", &inaudible)]);
    let reviewed = (corrected != "0").then(|| texts.filled("limit_corrected", &[("corrected", &corrected)]));
    let speakers = document.speakers.skipped.as_ref().map(|_| texts.get("limit_speakers").to_owned());
    let warnings = document.recording.warnings.iter();
    let warnings = warnings.map(|warning| texts.filled("limit_warning", &[("text", &clean(&warning.message))]));
    texts.limits.iter().cloned().chain([marks]).chain(reviewed).chain(speakers).chain(warnings).collect()
}

/// A number with commas: `5,242,880`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::document_of;
    use crate::transcript::texts::BUILT_IN;

    fn draft(document: &Document, asked: Option<Interval>) -> Draft {
        let file = TextFile::parse(BUILT_IN).unwrap();
        Draft::new(&Source { document, asked, file: &file, language: ReportLanguage::En })
    }

    #[test]
    fn call_is_stated_only_if_the_file_name_states_one() {
        let mut document = document_of(&[]);
        assert_eq!(draft(&document, None).place, None);
        document.recording.contact = Some("김민수".to_owned());
        assert_eq!(draft(&document, None).place.as_deref(), Some("Telephone call"));
    }

    #[test]
    fn cover_leaves_out_what_is_not_stated_and_says_what_is_not_known() {
        let draft = draft(&document_of(&[]), None);
        let field = |name| draft.cover.iter().find(|field| field.name == name).map(|field| field.values.concat());
        for name in [CoverField::Case, CoverField::Exhibit, CoverField::Excerpt, CoverField::PcmSha256] {
            assert_eq!(field(name), None);
        }
        for name in [CoverField::People, CoverField::RecordedAt, CoverField::Size, CoverField::Place] {
            assert_eq!(field(name).as_deref(), Some("(not known)"));
        }
    }

    #[test]
    fn running_header_is_cut_to_one_line() {
        let mut draft = draft(&document_of(&[]), None);
        draft.case.title = Some("갑".repeat(100));
        let header = draft.running_header();
        assert!(header.chars().count() == LONGEST_HEADER + 1 && header.ends_with("갑…"), "{header}");
    }

    #[test]
    fn size_has_commas() {
        assert_eq!([0, 999, 1000, 5_242_880].map(grouped), ["0", "999", "1,000", "5,242,880"]);
    }
}
