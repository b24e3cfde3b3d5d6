//! How a word stands in a transcript.

use stage_core::Word;

use crate::export::Document;
use crate::review::{Judgment, Target};

/// Words with a lower probability are marked, as on the page of a recording.
const UNSURE: f32 = 0.5;

/// How a word is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A reviewer deleted it.
    Deleted,
    /// Its text is not reliable, or a reviewer rejected it: it is not printed.
    Unreliable,
    /// It is marked.
    Unsure,
    /// A reviewer wrote it.
    Corrected,
    /// As it is: the program is sure of it, or a reviewer confirmed it.
    Plain,
}

/// How a word of a reviewed copy is shown. What people state goes before what the program states.
pub(super) fn shown(document: &Document, index: usize) -> Shown {
    let Some(word) = document.words.get(index) else { return Shown::Deleted };
    if word.text.trim().is_empty() {
        return Shown::Deleted;
    }
    let Some(reviewed) = &document.reviewed else { return of_program(document, word) };
    if reviewed.item(Target::Word(index)).is_some_and(|item| item.text_from.is_some()) {
        return Shown::Corrected;
    }
    match reviewed.judgment_of_word(index, word) {
        Some(Judgment::Rejected) => Shown::Unreliable,
        Some(Judgment::Confirmed) => Shown::Plain,
        None => of_program(document, word),
    }
}

fn of_program(document: &Document, word: &Word) -> Shown {
    if document.is_low_confidence(word) {
        Shown::Unreliable
    } else if word.confidence < UNSURE {
        Shown::Unsure
    } else {
        Shown::Plain
    }
}

/// The sound that a word names, if it is one in brackets: `[laughter]`.
pub(super) fn non_speech(text: &str) -> Option<&str> {
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let sound = inside('[', ']').or_else(|| inside('(', ')')).map(str::trim)?;
    (!sound.is_empty() && !sound.contains(['[', ']', '(', ')'])).then_some(sound)
}

#[cfg(test)]
mod tests {
    use stage_core::Segment;

    use super::*;
    use crate::export::document_of;
    use crate::review::{Action, ReviewBlock, ReviewState, corrected};

    /// Six words: of a reliable segment, the second one unsure; the last three of an unreliable one.
    fn document(statements: &[(Action, Target, Option<&str>)]) -> Document {
        let words = [("a", 0.9), ("b", 0.4), ("c", 0.9), ("d", 0.9), ("e", 0.9), ("f", 0.2)];
        let word = |(at, (text, confidence)): (usize, &(&str, f32))| Word {
            confidence: *confidence,
            segment: u32::from(at > 2),
            ..Word::of_text(0, (at as f64 * 0.1, at as f64 * 0.1 + 0.1), text)
        };
        let words: Vec<Word> = words.iter().enumerate().map(word).collect();
        let mut document = document_of(&words);
        let low = Segment { low_confidence: Some("low".into()), ..Segment::of_text(0, (0.3, 0.6), "d e f", "en") };
        document.segments = vec![Segment::of_text(0, (0.0, 0.3), "a b c", "en").into(), low.into()];
        let block = |(action, target, new): &(Action, Target, Option<&str>)| ReviewBlock {
            new: new.map(str::to_owned),
            ..ReviewBlock::of_test(ReviewState::Current, *action, *target)
        };
        document.review = statements.iter().map(block).collect();
        corrected(document, None)
    }

    fn all(statements: &[(Action, Target, Option<&str>)]) -> Vec<Shown> {
        let document = document(statements);
        (0..document.words.len()).map(|index| shown(&document, index)).collect()
    }

    #[test]
    fn word_of_the_program_is_plain_unsure_or_unreliable() {
        use Shown::{Plain, Unreliable, Unsure};
        assert_eq!(all(&[]), [Plain, Unsure, Plain, Unreliable, Unreliable, Unreliable]);
    }

    #[test]
    fn word_that_a_person_judged_is_as_that_person_says() {
        use Shown::{Corrected, Deleted, Plain, Unreliable};
        let statements = [
            (Action::Reject, Target::Word(0), None),
            (Action::CorrectText, Target::Word(1), Some("x")),
            (Action::Confirm, Target::Word(5), None),
            (Action::CorrectText, Target::Word(4), Some("y")),
        ];
        assert_eq!(all(&statements), [Unreliable, Corrected, Plain, Unreliable, Corrected, Plain]);
        let segment = [(Action::CorrectText, Target::Segment(0), Some("a c"))];
        assert_eq!(all(&segment)[..3], [Corrected, Deleted, Corrected]);
    }

    #[test]
    fn sound_is_a_word_in_brackets() {
        let sounds = ["[웃음]", "( 박수 )", "[]", "웃음", "[a] b [c]", "(a", "[웃음]."].map(non_speech);
        assert_eq!(sounds, [Some("웃음"), Some("박수"), None, None, None, None, None]);
    }
}
