//! Finds matches of the lexicons in timed words and reports them as evidence.

use stage_core::forensics::Evidence;
use stage_core::{AlignedWords, Transcript, Turn, Word};

use crate::config::REPORTED;
use crate::lexicon::{Lexicons, Match, Rule, Standing, tokens_of};

/// A phrase that a rule found in a run of words.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) standing: Standing,
    /// Indices of its words, ascending, never empty.
    pub(crate) words: Vec<usize>,
}

impl Finding<'_> {
    /// The category of the evidence. What others said or did is a category of its own.
    pub(crate) fn category(&self) -> &str {
        if self.is_reported() { REPORTED } else { &self.rule.category }
    }

    /// The kind inside the category: of what is reported, its own category.
    pub(crate) fn kind(&self) -> &str {
        if self.is_reported() && !self.rule.reported { &self.rule.category } else { &self.rule.kind }
    }

    pub(crate) fn is_reported(&self) -> bool {
        self.standing == Standing::Reported
    }

    pub(crate) fn is_negated(&self) -> bool {
        matches!(self.standing, Standing::Negated(_))
    }

    pub(crate) fn is_quoted(&self) -> bool {
        matches!(self.standing, Standing::Quoted(_))
    }

    /// Why it does not count.
    pub(crate) fn discounted(&self) -> Option<String> {
        match &self.standing {
            Standing::Counts | Standing::Reported => None,
            Standing::Negated(cue) => Some(format!("negated: {cue}")),
            Standing::Quoted(cue) => Some(format!("quoted: {cue}")),
            Standing::Lawful(cue) => Some(format!("lawful: {cue}")),
            Standing::Asked => Some("asked, not stated".to_owned()),
        }
    }
}

/// Searches a run of words, given with their indices, for the rules of all lexicons, regardless of the language: calls mix
/// languages, and the model only guesses the language.
pub(crate) fn findings<'a, 'w>(
    lexicons: &'a Lexicons,
    words: impl Iterator<Item = (usize, &'w str)>,
) -> Vec<Finding<'a>> {
    let tokens = tokens_of(words);
    let mut found = Vec::new();
    for lexicon in lexicons.iter() {
        let view = lexicon.view(&tokens);
        for rule in &lexicon.rules {
            found.extend(lexicon.find(rule, &view).into_iter().map(|found| (rule, found)));
        }
    }
    let finding = |(rule, found): (&'a Rule, Match)| {
        let mut words: Vec<usize> = found.tokens.iter().map(|&token| tokens[token].word).collect();
        words.dedup();
        Finding { rule, standing: found.standing, words }
    };
    without_overlap(found.into_iter().map(finding).collect())
}

/// Searches every run of words. The result is ordered by start time, then channel, then rule.
pub(crate) fn find_evidence(lexicons: &Lexicons, words: &[Word], gap_max_s: f64) -> Vec<Evidence> {
    let in_run = |run: Vec<usize>| {
        let found = findings(lexicons, run.iter().map(|&index| (index, words[index].text.as_str())));
        found.into_iter().map(|finding| item(finding, words)).collect::<Vec<_>>()
    };
    let mut evidence: Vec<Evidence> = runs(words, gap_max_s).into_iter().flat_map(in_run).collect();
    evidence.sort_by(|a, b| {
        let by_time = a.start_s.total_cmp(&b.start_s).then(a.channel.cmp(&b.channel));
        by_time.then_with(|| a.rule.cmp(&b.rule))
    });
    evidence
}

/// Discounts evidence that contains a word of low-confidence text. It stays listed, so that a listener can check it,
/// and counts in no score.
pub(crate) fn discount_low_confidence(evidence: &mut [Evidence], words: &AlignedWords, transcript: &Transcript) {
    for item in evidence.iter_mut().filter(|item| item.discounted.is_none()) {
        let mut own = item.words.iter().filter_map(|word| words.words.get(*word as usize));
        if own.any(|word| !transcript.is_reliable(word)) {
            item.discounted = Some("low-confidence transcript".to_owned());
        }
    }
}

/// Indices of consecutive words that one phrase may span: words of one channel and of one speaker, at most `gap_max_s`
/// apart. A word whose speaker is unknown continues the phrase.
fn runs(words: &[Word], gap_max_s: f64) -> Vec<Vec<usize>> {
    let channels = words.iter().map(|word| word.channel).max().map_or(0, |last| last + 1);
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for channel in 0..channels {
        let own = (0..words.len()).filter(|&index| words[index].channel == channel);
        let mut previous: Option<&Word> = None;
        let mut speaker: Option<&str> = None;
        for index in own {
            let word = &words[index];
            let known = known_speaker(word);
            let is_same = known.is_none() || speaker.is_none() || known == speaker;
            match runs.last_mut() {
                Some(run) if is_same && previous.is_some_and(|last| word.start_s - last.end_s <= gap_max_s) => {
                    run.push(index);
                    speaker = known.or(speaker);
                }
                _ => {
                    runs.push(vec![index]);
                    speaker = known;
                }
            }
            previous = Some(word);
        }
    }
    runs
}

/// The speaker of a word, unless the voice is not clear.
fn known_speaker(word: &Word) -> Option<&str> {
    word.speaker.as_deref().filter(|speaker| *speaker != Turn::UNKNOWN)
}

/// Removes overlapping matches of the same category, so that the same words count once per category. The most severe match
/// stays, then the longest, then the first. What is reported counts for nothing else.
fn without_overlap(mut found: Vec<Finding<'_>>) -> Vec<Finding<'_>> {
    found.sort_by(|a, b| {
        let by_report = b.is_reported().cmp(&a.is_reported());
        let by_severity = b.rule.severity.total_cmp(&a.rule.severity);
        let by_length = b.words.len().cmp(&a.words.len());
        by_report.then(by_severity).then(by_length).then_with(|| a.rule.id.cmp(&b.rule.id))
    });
    let mut kept: Vec<Finding<'_>> = Vec::new();
    for finding in found {
        let excludes = |other: &Finding<'_>| {
            (other.is_reported() || other.category() == finding.category())
                && finding.words.iter().any(|word| other.words.binary_search(word).is_ok())
        };
        if !kept.iter().any(excludes) {
            kept.push(finding);
        }
    }
    kept
}

fn item(finding: Finding<'_>, words: &[Word]) -> Evidence {
    let indices = &finding.words;
    let (first, last) = (indices[0], indices[indices.len() - 1]);
    let spoken = words[first..=last].iter().filter(|word| word.channel == words[first].channel);
    let known = indices.iter().find_map(|&index| known_speaker(&words[index]));
    let confidence =
        indices.iter().map(|&index| f64::from(words[index].confidence)).sum::<f64>() / indices.len() as f64;
    Evidence {
        category: finding.category().to_owned(),
        kind: finding.kind().to_owned(),
        rule: finding.rule.id.clone(),
        severity: finding.rule.severity,
        text: spoken.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
        channel: words[first].channel,
        speaker: known.map(str::to_owned).or_else(|| words[first].speaker.clone()),
        start_s: words[first].start_s,
        end_s: indices.iter().map(|&index| words[index].end_s).fold(f64::NEG_INFINITY, f64::max),
        confidence: confidence.clamp(0.0, 1.0),
        negated: finding.is_negated(),
        quoted: finding.is_quoted(),
        reported: finding.is_reported(),
        discounted: finding.discounted(),
        words: finding.words.into_iter().map(|index| index as u32).collect(),
    }
}
