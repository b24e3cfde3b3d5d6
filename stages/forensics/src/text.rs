//! Evidence in plain text: lines of a conversation instead of timed words.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stage_core::Measured;
use stage_core::forensics::{CategoryScore, Evidence, ScoreLevel, SpeakerScores};

use crate::config::{ForensicsConfig, LexiconSource};
use crate::error::ForensicsError;
use crate::evidence::{Finding, findings};
use crate::lexicon::{Lexicons, RuleSummary};
use crate::score::{Basis, MOMENT_S, ScoreTable, without_lexicon};

/// Words per second of speech, to estimate the length of a conversation from its text.
const WORDS_PER_S: f64 = 2.5;

/// Finds evidence in plain text, and checks lexicons.
#[derive(Debug)]
pub struct TextEvidence {
    config: ForensicsConfig,
    lexicons: Lexicons,
}

/// A line of a conversation. No phrase continues from one line to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLine<'a> {
    /// Number of the line, for items.
    pub line: usize,
    /// Code of its language.
    pub language: &'a str,
    /// What is said.
    pub text: &'a str,
    /// Who says it, if that is known.
    pub speaker: Option<&'a str>,
}

/// What was found in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextRecord {
    /// The evidence, by line and place.
    pub items: Vec<TextItem>,
    /// Scores over the items.
    pub scores: TextScores,
}

/// A phrase that a rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextItem {
    /// Category (`threat`). What somebody else said or did is `reported`.
    pub category: String,
    /// Kind inside the category (`conditional`).
    pub kind: String,
    /// Severity of the rule, 0 to 1.
    pub severity: f64,
    /// Number of the line.
    pub line: usize,
    /// First character of the phrase in the line, from 0. Characters are Unicode scalar values.
    pub start: usize,
    /// The character after its last one.
    pub end: usize,
    /// The phrase, from the first matched word to the last.
    pub text: String,
    /// Rule that matched.
    pub rule: String,
    /// Who says it, if that is known.
    pub speaker: Option<String>,
    /// Whether the words around it negate it.
    pub negated: bool,
    /// Whether it is a quotation.
    pub quoted: bool,
    /// Whether the speaker reports what somebody else said or did.
    pub reported: bool,
    /// Why the item does not count; null if it counts.
    pub discounted: Option<String>,
}

/// Scores of a conversation. `evidence` of a category has indices of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextScores {
    /// The highest score of a category, by its weight, and a part of the others; 0 to 100. Null with a reason if no lexicon
    /// covers the language.
    pub overall: Measured,
    /// Level of the overall score, if there is a score.
    pub level: Option<ScoreLevel>,
    /// Score of each category.
    pub categories: BTreeMap<String, CategoryScore>,
    /// Scores of each speaker.
    pub speakers: Vec<SpeakerScores>,
}

impl TextEvidence {
    /// Checks the settings, loads the built-in lexicons and `lexicons` in addition.
    ///
    /// # Errors
    /// A [`ForensicsError`] that names what to correct.
    pub fn new(config: ForensicsConfig, lexicons: &[LexiconSource]) -> Result<Self, ForensicsError> {
        Self::over(config, &crate::lexicon::built_in().collect::<Vec<_>>(), lexicons)
    }

    /// As [`TextEvidence::new`], with other lexicons in place of the built-in ones. Their examples are not verified.
    ///
    /// # Errors
    /// A [`ForensicsError`] that names what to correct.
    pub fn over(
        config: ForensicsConfig,
        built_in: &[LexiconSource],
        lexicons: &[LexiconSource],
    ) -> Result<Self, ForensicsError> {
        config.validate()?;
        let lexicons = Lexicons::load_over(&config, built_in, lexicons)?;
        Ok(Self { config, lexicons })
    }

    /// Verifies every example of lexicons that are used together with the built-in ones, and lists their rules.
    ///
    /// # Errors
    /// The first problem found in one of them.
    pub fn check(config: ForensicsConfig, lexicons: &[LexiconSource]) -> Result<Vec<RuleSummary>, ForensicsError> {
        Self::check_over(config, &crate::lexicon::built_in().collect::<Vec<_>>(), lexicons)
    }

    /// As [`TextEvidence::check`], with other lexicons in place of the built-in ones.
    ///
    /// # Errors
    /// The first problem found in one of them.
    pub fn check_over(
        config: ForensicsConfig,
        built_in: &[LexiconSource],
        lexicons: &[LexiconSource],
    ) -> Result<Vec<RuleSummary>, ForensicsError> {
        config.validate()?;
        Lexicons::check(&config, built_in, lexicons)
    }

    /// The evidence in a conversation, and its scores.
    ///
    /// ```
    /// use forensics::{ForensicsConfig, TextEvidence, TextLine};
    ///
    /// let line = |line, text| TextLine { line, language: "en", text, speaker: None };
    /// let evidence = TextEvidence::new(ForensicsConfig::default(), &[])?;
    /// let found = evidence.judge(&[line(1, "Good morning."), line(2, "If you talk I will kill you.")]);
    /// assert_eq!((found.items.len(), found.items[0].line), (1, 2));
    /// assert!(found.scores.overall.value > Some(60.0));
    /// # Ok::<(), forensics::ForensicsError>(())
    /// ```
    #[must_use]
    pub fn judge(&self, lines: &[TextLine<'_>]) -> TextRecord {
        let mut found: Vec<(TextItem, Evidence)> = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let words = words_of(line.text);
            let of_line = findings(&self.lexicons, words.iter().enumerate().map(|(at, word)| (at, word.text)));
            let mut of_line: Vec<TextItem> = of_line.iter().map(|finding| item(finding, line, &words)).collect();
            of_line.sort_by(|a, b| (a.start, a.end, &a.rule).cmp(&(b.start, b.end, &b.rule)));
            found.extend(of_line.into_iter().map(|item| {
                let evidence = evidence(&item, index);
                (item, evidence)
            }));
        }
        let (items, evidence): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        TextRecord { scores: self.scores(lines, &evidence), items }
    }

    fn scores(&self, lines: &[TextLine<'_>], evidence: &[Evidence]) -> TextScores {
        let words: usize = lines.iter().map(|line| line.text.split_whitespace().count()).sum();
        let languages = lines.iter().map(|line| line.language).collect();
        let counts = evidence.iter().any(|item| item.discounted.is_none());
        let obstacle = if counts { None } else { without_lexicon(&self.lexicons, &languages) };
        let mut speakers: Vec<&str> = Vec::new();
        for speaker in lines.iter().filter_map(|line| line.speaker) {
            if !speakers.contains(&speaker) {
                speakers.push(speaker);
            }
        }
        let basis = Basis {
            config: &self.config,
            lexicons: &self.lexicons,
            speech_s: words as f64 / WORDS_PER_S,
            obstacle: obstacle.as_deref(),
            is_recognized: false,
        };
        let ScoreTable { overall, level, categories } = basis.table(evidence, |_| true);
        TextScores { overall, level, categories, speakers: basis.speakers(evidence, &speakers) }
    }
}

/// A word of a line and its place.
struct PlacedWord<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

fn words_of(text: &str) -> Vec<PlacedWord<'_>> {
    let mut start = 0;
    let mut words = Vec::new();
    for part in text.split(char::is_whitespace) {
        let end = start + part.chars().count();
        if !part.is_empty() {
            words.push(PlacedWord { text: part, start, end });
        }
        start = end + 1;
    }
    words
}

fn item(finding: &Finding<'_>, line: &TextLine<'_>, words: &[PlacedWord<'_>]) -> TextItem {
    let (first, last) = (finding.words[0], finding.words[finding.words.len() - 1]);
    let text: Vec<&str> = words[first..=last].iter().map(|word| word.text).collect();
    TextItem {
        category: finding.category().to_owned(),
        kind: finding.kind().to_owned(),
        severity: finding.rule.severity,
        line: line.line,
        start: words[first].start,
        end: words[last].end,
        text: text.join(" "),
        rule: finding.rule.id.clone(),
        speaker: line.speaker.map(str::to_owned),
        negated: finding.is_negated(),
        quoted: finding.is_quoted(),
        reported: finding.is_reported(),
        discounted: finding.discounted(),
    }
}

/// The item as evidence of a call in which each line is a moment of its own.
fn evidence(item: &TextItem, line: usize) -> Evidence {
    let start_s = line as f64 * MOMENT_S;
    Evidence {
        category: item.category.clone(),
        kind: item.kind.clone(),
        rule: item.rule.clone(),
        severity: item.severity,
        text: item.text.clone(),
        channel: 0,
        speaker: item.speaker.clone(),
        start_s,
        end_s: start_s,
        words: Vec::new(),
        confidence: 1.0,
        negated: item.negated,
        quoted: item.quoted,
        reported: item.reported,
        discounted: item.discounted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_places_in_characters() {
        let evidence = TextEvidence::new(ForensicsConfig::default(), &[]).unwrap();
        let text = "그래,  너 죽여버린다고!";
        let line = TextLine { line: 7, language: "ko", text, speaker: Some("A") };
        let found = evidence.judge(&[line]);
        assert_eq!(found.items.len(), 1, "{found:?}");
        let item = &found.items[0];
        let cut: String = text.chars().skip(item.start).take(item.end - item.start).collect();
        assert_eq!((item.line, item.text.as_str(), item.speaker.as_deref()), (7, cut.as_str(), Some("A")));
        assert_eq!(found.scores.speakers.len(), 1);
    }

    #[test]
    fn text_without_a_lexicon_is_not_assessable() {
        let evidence = TextEvidence::new(ForensicsConfig::default(), &[]).unwrap();
        let line = TextLine { line: 1, language: "ja", text: "お前を殺す", speaker: None };
        let scores = evidence.judge(&[line]).scores;
        assert_eq!((scores.overall.value, scores.level), (None, None));
        assert!(scores.overall.reason.unwrap().contains("ja"));
    }
}
