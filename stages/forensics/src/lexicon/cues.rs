//! Cues around a phrase that change what it means: negation, quotation, reports, lawful announcements.

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::Token;
use super::pattern::{Passing, Pattern, Sets};
use super::view::View;

/// Maximum distance from the start of a cue to the phrase after it, in tokens.
const REACH: usize = 12;
/// Tokens of the same sentence that may stand between a cue that attributes a phrase to somebody and the phrase.
const ATTRIBUTION_GAP: usize = 4;

/// Cues as written in a lexicon file.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CueTexts {
    /// Patterns directly before the phrase.
    pub(super) before: Vec<String>,
    /// Single words anywhere inside the phrase.
    pub(super) inside: Vec<String>,
    /// Patterns directly after the phrase.
    pub(super) after: Vec<String>,
    /// Forms of the phrase's last word.
    pub(super) last: Vec<String>,
    /// Patterns anywhere in the sentences of the phrase.
    pub(super) sentence: Vec<String>,
    /// Patterns anywhere in the sentences of the phrase with which no cue of this kind applies.
    pub(super) except: Vec<String>,
}

/// The cues of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Cue {
    before: Vec<Pattern>,
    pub(super) inside: Vec<Pattern>,
    after: Vec<Pattern>,
    last: Vec<Pattern>,
    sentence: Vec<Pattern>,
    except: Vec<Pattern>,
}

/// The cues of one language.
#[derive(Debug, Clone, Default)]
pub(super) struct Cues {
    pub(super) negation: Cue,
    pub(super) quotation: Cue,
    pub(super) report: Cue,
    pub(super) lawful: Cue,
}

/// A phrase that a rule matched, without the cues around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrase<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Cue {
    /// # Errors
    /// The pattern that cannot be parsed, and the problem.
    pub(super) fn parse(texts: &CueTexts, sets: &Sets) -> Result<Self, (String, &'static str)> {
        let parse = |texts: &[String]| {
            let parse = |text: &String| Pattern::parse(text, sets).map_err(|problem| (text.clone(), problem));
            texts.iter().map(parse).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            before: parse(&texts.before)?,
            inside: parse(&texts.inside)?,
            after: parse(&texts.after)?,
            last: parse(&texts.last)?,
            sentence: parse(&texts.sentence)?,
            except: parse(&texts.except)?,
        })
    }

    /// Adds the cues of another lexicon of the same language.
    pub(super) fn extend(&mut self, other: Self) {
        self.before.extend(other.before);
        self.inside.extend(other.inside);
        self.after.extend(other.after);
        self.last.extend(other.last);
        self.sentence.extend(other.sentence);
        self.except.extend(other.except);
    }

    /// Returns the words of the cue around the phrase, if there is one. A cue before the phrase must be in the same
    /// clause, a cue after it in the same sentence.
    pub(super) fn around(&self, phrase: Phrase<'_>) -> Option<String> {
        self.before(phrase, 0).or_else(|| self.behind(phrase)).or_else(|| in_sentence(&self.sentence, phrase))
    }

    /// As [`Cue::around`], for cues that attribute the phrase to somebody: they may also stand at a distance before it.
    pub(super) fn attributes(&self, phrase: Phrase<'_>) -> Option<String> {
        let distant = || self.before(phrase, ATTRIBUTION_GAP);
        distant().or_else(|| self.behind(phrase)).or_else(|| in_sentence(&self.sentence, phrase))
    }

    /// A cue before the phrase, with up to `gap` tokens of the sentence between them. Without a gap it is in the same clause.
    pub(super) fn before(&self, phrase: Phrase<'_>, gap: usize) -> Option<String> {
        if self.is_excepted(phrase) {
            return None;
        }
        let Phrase { view, start, .. } = phrase;
        let parts = |token: &Token| if gap > 0 { token.ends_sentence } else { token.ends_clause };
        let near = (start.saturating_sub(REACH + gap)..start).rev().take_while(|&at| !parts(&view.tokens[at]));
        for at in near {
            let reaches = |to: usize| {
                let after = view.after_fillers(to);
                to <= start && after + gap >= start
            };
            if self.before.iter().any(|cue| cue.match_at(view, at, Passing::default(), &reaches).is_some()) {
                return Some(plain(&view.tokens[at..start]));
            }
        }
        None
    }

    /// A form of the phrase's last word, or a cue directly after the phrase.
    pub(super) fn behind(&self, phrase: Phrase<'_>) -> Option<String> {
        if self.is_excepted(phrase) {
            return None;
        }
        let Phrase { view, end, .. } = phrase;
        let last = &view.tokens[end - 1];
        if self.last.iter().any(|cue| cue.matches_token(last)) {
            return Some(plain(std::slice::from_ref(last)));
        }
        if last.ends_sentence {
            return None;
        }
        let next = view.after_fillers(end);
        let to = self.after.iter().find_map(|cue| cue.end_at(view, next))?;
        Some(plain(&view.tokens[next..to]))
    }

    fn is_excepted(&self, phrase: Phrase<'_>) -> bool {
        !self.except.is_empty() && in_sentence(&self.except, phrase).is_some()
    }
}

/// The first words in the sentences of the phrase that one of the patterns matches.
fn in_sentence(patterns: &[Pattern], phrase: Phrase<'_>) -> Option<String> {
    let Phrase { view, start, end } = phrase;
    let mut places = view.sentence(start).start..view.sentence(end - 1).end;
    places.find_map(|at| {
        let to = patterns.iter().find_map(|pattern| pattern.end_at(view, at))?;
        Some(plain(&view.tokens[at..to]))
    })
}

impl Cues {
    pub(super) fn extend(&mut self, other: Self) {
        self.negation.extend(other.negation);
        self.quotation.extend(other.quotation);
        self.report.extend(other.report);
        self.lawful.extend(other.lawful);
    }

    /// Returns the negation of the phrase, if any. `negators` are the tokens found inside it. Two negations cancel each
    /// other: in "don't think I won't" nothing is negated.
    pub(super) fn negation(&self, phrase: Phrase<'_>, negators: &[usize]) -> Option<String> {
        let inside = negators.first().map(|&negator| plain(&phrase.view.tokens[negator..=negator]));
        let behind = self.negation.behind(phrase).or_else(|| in_sentence(&self.negation.sentence, phrase));
        let found: Vec<String> = [inside, self.negation.before(phrase, 0), behind].into_iter().flatten().collect();
        (found.len() % 2 == 1).then(|| found.into_iter().next()).flatten()
    }

    /// Returns the cue that marks the phrase as a quotation, if any.
    pub(super) fn quotation(&self, phrase: Phrase<'_>) -> Option<String> {
        if phrase.view.tokens[phrase.start..phrase.end].iter().all(|token| token.quoted) {
            return Some("between quotation marks".to_owned());
        }
        self.quotation.attributes(phrase)
    }
}

/// Formats tokens as readable text.
pub(super) fn plain(tokens: &[Token]) -> String {
    let texts: Vec<String> = tokens.iter().map(|token| token.text.nfc().collect()).collect();
    texts.join(" ")
}
