//! A copy of a document with the texts and speakers as reviewers corrected them.
//!
//! Statements in the state [`ReviewState::Current`] count, in the order of their times:
//!
//! ```text
//! text of a segment -> the segment, spread over its words     text of a word -> the word, and the text of its segment
//! speaker of a segment -> all of its words                    confirmed, rejected -> a mark; nothing is left out
//! ```
//!
//! So a word that is corrected after its segment is shown as corrected last, and one that was corrected before is what
//! the text of its segment says. Times, measurements and evidence stay as the program made them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stage_core::{Timing, Word};

use super::check::text;
use super::spread::{replace_word, spread};
use super::{Action, ReviewState, Target};
use crate::case_file::CaseFile;
use crate::export::Document;

/// What a reviewed copy says about itself.
const NOTE: &str = "A reviewed copy: texts and speakers as reviewers corrected them; `review` states who did so and when. \
                    Times, measurements and evidence are those of the program, and times of words in corrected segments \
                    are those of the words in whose place they stand.";
/// Why a word without a word of the program has its times.
const NO_WORDS: &str = "the program has no words of this segment: the times are those of the segment";

/// What a copy with the corrections of reviewers shows. The results of the program are in the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct ReviewedBlock {
    /// What the copy is.
    pub note: String,
    /// The items that reviewers confirmed, rejected or corrected, and those whose text or speaker this changed.
    pub items: Vec<ReviewedItem>,
}

/// An item about which reviewers stated something that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct ReviewedItem {
    /// The item: `evidence:N`, `segment:N` or `word:N`.
    #[schemars(with = "String", extend("pattern" = "^(evidence|segment|word):[0-9]+$"))]
    pub target: Target,
    /// What reviewers say about the program's statement; null if they did not confirm or reject it.
    pub judgment: Option<Judgment>,
    /// Which correction gave it its text; null if the text is that of the program.
    pub text_from: Option<TextSource>,
    /// The text of the program; empty for a word that the program does not have.
    pub program_text: String,
    /// The corrected speaker; null if it was not corrected.
    pub speaker: Option<String>,
}

/// What a reviewer says about an item of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum Judgment {
    /// It is right.
    Confirmed,
    /// It is wrong.
    Rejected,
}

/// The correction that gave an item its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum TextSource {
    /// The text of its segment was corrected.
    Segment,
    /// A word was corrected: this one, or one of this segment.
    Word,
}

impl Judgment {
    /// Name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
        }
    }
}

impl TextSource {
    /// Name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Word => "word",
        }
    }
}

impl ReviewedBlock {
    /// What reviewers stated about an item.
    pub(crate) fn item(&self, target: Target) -> Option<&ReviewedItem> {
        let at = self.items.binary_search_by_key(&target, |item| item.target).ok()?;
        self.items.get(at)
    }

    /// What reviewers say about a word: about itself, or else about its segment.
    pub(crate) fn judgment_of_word(&self, index: usize, word: &Word) -> Option<Judgment> {
        let of = |target| self.item(target).and_then(|item| item.judgment);
        of(Target::Word(index)).or_else(|| of(Target::Segment(word.segment as usize)))
    }
}

/// The base name of the files of a reviewed copy.
pub(crate) fn reviewed_name(name: &str) -> String {
    format!("{name}.reviewed")
}

/// The copy of a document that shows what reviewers corrected. `case` has the names of speakers.
pub(crate) fn corrected(document: Document, case: Option<&CaseFile>) -> Document {
    let current = document.review.iter().filter(|review| review.state == ReviewState::Current);
    let statements: Vec<_> = current.map(|review| (review.action, review.target, review.new.clone())).collect();
    let mut copy = Copy { document, items: BTreeMap::new() };
    for (action, target, new) in statements {
        match (action, new) {
            (Action::Confirm, _) => copy.judge(target, Judgment::Confirmed),
            (Action::Reject, _) => copy.judge(target, Judgment::Rejected),
            (Action::CorrectText, Some(new)) => copy.correct_text(target, &new),
            (Action::CorrectSpeaker, Some(new)) => copy.correct_speaker(target, &speaker_name(case, &new)),
            _ => {}
        }
    }
    let Copy { mut document, items } = copy;
    document.reviewed = Some(ReviewedBlock { note: NOTE.to_owned(), items: items.into_values().collect() });
    document
}

/// The name of a speaker: that of the person with this id, with the id behind it if others have the name too.
fn speaker_name(case: Option<&CaseFile>, new: &str) -> String {
    let Some((case, person)) = case.and_then(|case| Some((case, case.person(new)?))) else { return new.to_owned() };
    let is_shared = case.people.iter().any(|other| other.name == person.name && other.id != person.id);
    if is_shared { format!("{} ({})", person.name, person.id) } else { person.name.clone() }
}

struct Copy {
    document: Document,
    items: BTreeMap<Target, ReviewedItem>,
}

impl Copy {
    /// The entry of an item. It is made before the item changes. `None` if the document has no such item.
    fn item(&mut self, target: Target) -> Option<&mut ReviewedItem> {
        let program_text = text(&self.document, target)?;
        let new = || ReviewedItem { target, judgment: None, text_from: None, program_text, speaker: None };
        Some(self.items.entry(target).or_insert_with(new))
    }

    fn judge(&mut self, target: Target, judgment: Judgment) {
        if let Some(item) = self.item(target) {
            item.judgment = Some(judgment);
        }
    }

    fn correct_text(&mut self, target: Target, new: &str) {
        match target {
            Target::Segment(index) => self.correct_segment(index, new),
            Target::Word(index) => self.correct_word(index, new),
            Target::Evidence(_) => {}
        }
    }

    fn correct_segment(&mut self, index: usize, new: &str) {
        let Some(item) = self.item(Target::Segment(index)) else { return };
        item.text_from = Some(TextSource::Segment);
        let words = self.words_of(index);
        self.document.segments[index].text = new.to_owned();
        if words.is_empty() {
            self.add_word(index, new);
            return;
        }
        let shown = spread(&self.program_texts(&words), new);
        for (word, text) in words.into_iter().zip(shown) {
            if let Some(item) = self.item(Target::Word(word)) {
                item.text_from = Some(TextSource::Segment);
            }
            self.document.words[word].text = text;
        }
    }

    fn correct_word(&mut self, index: usize, new: &str) {
        let Some(item) = self.item(Target::Word(index)) else { return };
        item.text_from = Some(TextSource::Word);
        let segment = self.document.words[index].segment as usize;
        if let Some(item) = self.item(Target::Segment(segment)) {
            item.text_from = Some(TextSource::Word);
            let words = self.words_of(segment);
            let at = words.iter().take_while(|word| **word < index).count();
            let text = replace_word(&self.document.segments[segment].text, &self.texts(&words), at, new);
            self.document.segments[segment].text = text;
        }
        new.clone_into(&mut self.document.words[index].text);
    }

    fn correct_speaker(&mut self, target: Target, name: &str) {
        let words = match target {
            Target::Segment(index) => self.words_of(index),
            Target::Word(index) => vec![index],
            Target::Evidence(_) => return,
        };
        for target in words.iter().copied().map(Target::Word).chain([target]) {
            if let Some(item) = self.item(target) {
                item.speaker = Some(name.to_owned());
            }
        }
        for index in words {
            if let Some(word) = self.document.words.get_mut(index) {
                word.speaker = Some(name.to_owned());
            }
        }
    }

    /// Indices of the words of a segment.
    fn words_of(&self, segment: usize) -> Vec<usize> {
        let words = self.document.words.iter().enumerate();
        words.filter(|(_, word)| word.segment as usize == segment).map(|(index, _)| index).collect()
    }

    /// The texts of words as the program has them, without earlier corrections.
    fn program_texts(&self, words: &[usize]) -> Vec<&str> {
        let text = |index: &usize| match self.items.get(&Target::Word(*index)) {
            Some(item) => item.program_text.as_str(),
            None => self.document.words[*index].text.as_str(),
        };
        words.iter().map(text).collect()
    }

    fn texts(&self, words: &[usize]) -> Vec<&str> {
        words.iter().map(|index| self.document.words[*index].text.as_str()).collect()
    }

    /// Adds the text of a segment as one word, behind the others, whose indices stay.
    fn add_word(&mut self, segment: usize, text: &str) {
        let block = &self.document.segments[segment];
        let own = Word {
            confidence: block.confidence,
            segment: u32::try_from(segment).unwrap_or(u32::MAX),
            timing: Timing { fallback: Some(NO_WORDS.to_owned()), ..Timing::default() },
            ..Word::of_text(block.channel, (block.start_s, block.end_s), text)
        };
        let target = Target::Word(self.document.words.len());
        let text_from = Some(TextSource::Segment);
        let item = ReviewedItem { target, judgment: None, text_from, program_text: String::new(), speaker: None };
        self.items.insert(target, item);
        self.document.words.push(own);
    }
}

#[cfg(test)]
mod tests {
    use stage_core::Segment;

    use super::*;
    use crate::export::document_of;
    use crate::review::ReviewBlock;

    /// A document of two segments, "a b c" and "d e", and these statements, in the order of their times.
    fn document(statements: &[(ReviewState, Action, Target, &str)]) -> Document {
        let words = [("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 1)];
        let times = (0..5).map(|i| (f64::from(i) * 0.1, f64::from(i) * 0.1 + 0.1));
        let word = |((text, segment), times)| Word { segment, ..Word::of_text(0, times, text) };
        let words: Vec<Word> = words.into_iter().zip(times).map(word).collect();
        let mut document = document_of(&words);
        document.segments = vec![
            Segment::of_text(0, (0.0, 0.3), "a b, c", "en").into(),
            Segment::of_text(0, (0.3, 0.5), "d e", "en").into(),
        ];
        let block = |(state, action, target, new): &(ReviewState, Action, Target, &str)| ReviewBlock {
            new: Some((*new).to_owned()),
            ..ReviewBlock::of_test(*state, *action, *target)
        };
        document.review = statements.iter().map(block).collect();
        document
    }

    use Action::{Confirm, CorrectSpeaker, CorrectText, Reject};
    use ReviewState::Current;
    use Target::{Segment as S, Word as W};

    /// The texts of segments and words of the copy.
    fn shown(statements: &[(ReviewState, Action, Target, &str)]) -> (Vec<String>, Vec<String>) {
        let copy = corrected(document(statements), None);
        (copy.segments.into_iter().map(|one| one.text).collect(), copy.words.into_iter().map(|one| one.text).collect())
    }

    #[test]
    fn corrected_word_is_in_the_text_of_its_segment() {
        let (segments, words) = shown(&[(Current, CorrectText, W(2), "x y"), (Current, CorrectText, W(0), "z")]);
        assert_eq!((&*segments[0], &*segments[1], words.join("|")), ("z b, x y", "d e", "z|b|x y|d|e".to_owned()));
    }

    #[test]
    fn corrected_segment_is_spread_over_its_words_and_a_later_word_changes_it() {
        let segment = (Current, CorrectText, S(0), "a x y z c");
        assert_eq!(shown(&[segment]).1.join("|"), "a|x y z|c|d|e");
        let word = (Current, CorrectText, W(2), "w");
        let (segments, words) = shown(&[segment, word]);
        assert_eq!((&*segments[0], words.join("|")), ("a x y z w", "a|x y z|w|d|e".to_owned()));
        let (segments, words) = shown(&[word, segment]);
        assert_eq!((&*segments[0], words.join("|")), ("a x y z c", "a|x y z|c|d|e".to_owned()), "the later one counts");
    }

    #[test]
    fn corrected_copy_shows_current_statements_alone() {
        for state in [ReviewState::Superseded, ReviewState::Withdrawn, ReviewState::Outdated] {
            let copy = corrected(document(&[(state, CorrectText, W(0), "x"), (state, Reject, S(0), "")]), None);
            assert_eq!((&*copy.words[0].text, copy.reviewed.unwrap().items), ("a", vec![]));
        }
        let beyond =
            [(Current, CorrectText, S(9), "x"), (Current, CorrectText, W(9), "x"), (Current, Reject, W(9), "")];
        assert_eq!(corrected(document(&beyond), None).reviewed.unwrap().items, []);
    }

    #[test]
    fn corrected_copy_keeps_the_text_of_the_program_and_says_what_changed_it() {
        let statements = [
            (Current, CorrectText, S(1), "d x"),
            (Current, Reject, W(0), ""),
            (Current, Confirm, S(0), ""),
            (Current, CorrectText, W(4), "y"),
        ];
        let reviewed = corrected(document(&statements), None).reviewed.unwrap();
        let item = |target| reviewed.item(target).map(|item| (item.judgment, item.text_from, &*item.program_text));
        assert_eq!(item(S(1)), Some((None, Some(TextSource::Word), "d e")));
        assert_eq!(item(W(3)), Some((None, Some(TextSource::Segment), "d")));
        assert_eq!(item(W(4)), Some((None, Some(TextSource::Word), "e")));
        assert_eq!(item(S(0)), Some((Some(Judgment::Confirmed), None, "a b, c")));
        assert_eq!(item(W(1)), None);
        let words = document(&[]).words;
        let judgment = |index: usize| reviewed.judgment_of_word(index, &words[index]);
        assert_eq!([0, 1, 3].map(judgment), [Some(Judgment::Rejected), Some(Judgment::Confirmed), None]);
    }

    #[test]
    fn corrected_speaker_is_a_person_of_the_case_or_a_name() {
        let case = "[[person]]\nid = 'kim'\nname = '김민수'\n[[person]]\nid = 'lee'\nname = '이영희'\n[[person]]\nid = 'lee2'\nname = '이영희'\n";
        let case = CaseFile::parse(std::path::Path::new("case.toml"), case).unwrap();
        let statements = [
            (Current, CorrectSpeaker, S(0), "kim"),
            (Current, CorrectSpeaker, W(1), "lee"),
            (Current, CorrectSpeaker, W(4), "a guest"),
        ];
        let copy = corrected(document(&statements), Some(&case));
        let speakers: Vec<_> = copy.words.iter().map(|word| word.speaker.as_deref()).collect();
        assert_eq!(speakers, [Some("김민수"), Some("이영희 (lee)"), Some("김민수"), None, Some("a guest")]);
        assert_eq!(copy.reviewed.unwrap().item(S(0)).unwrap().speaker.as_deref(), Some("김민수"));
    }

    #[test]
    fn corrected_segment_without_words_is_one_word_behind_the_others() {
        let mut empty = document(&[(Current, CorrectText, S(1), "x y")]);
        empty.words.truncate(3);
        let copy = corrected(empty, None);
        let added = &copy.words[3];
        assert_eq!((&*added.text, added.start_s, added.end_s, added.segment), ("x y", 0.3, 0.5, 1));
        assert!(added.timing.fallback.as_deref().unwrap().contains("no words"));
    }
}
