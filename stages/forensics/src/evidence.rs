//! Finds matches of the lexicons in timed words and reports them as evidence.

use stage_core::forensics::Evidence;
use stage_core::{AlignedWords, Transcript, Turn, Word};

use crate::lexicon::{Lexicons, Match, Rule, Token, find, tokens_of};

/// Searches every run of words for the rules of all lexicons, regardless of the transcript's language: calls mix
/// languages, and the model only guesses the language. The result is ordered by start time, then channel, then rule.
pub(crate) fn find_evidence(lexicons: &Lexicons, words: &[Word], gap_max_s: f64) -> Vec<Evidence> {
    let mut evidence: Vec<Evidence> = runs(words, gap_max_s)
        .into_iter()
        .flat_map(|run| {
            let tokens = tokens_of(run.iter().map(|&index| (index, words[index].text.as_str())));
            let finds = lexicons.iter().flat_map(|lexicon| {
                let tokens = &tokens;
                lexicon
                    .rules
                    .iter()
                    .flat_map(move |rule| find(lexicon, rule, tokens).into_iter().map(move |found| (rule, found)))
            });
            let kept = without_overlap(finds.collect());
            kept.into_iter().map(|(rule, found)| item(rule, found, &tokens, words)).collect::<Vec<_>>()
        })
        .collect();
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

/// Removes overlapping matches of the same category, so that the same words count once per category. The longest match
/// stays, then the most severe, then the first.
fn without_overlap(mut finds: Vec<(&Rule, Match)>) -> Vec<(&Rule, Match)> {
    finds.sort_by(|(a, x), (b, y)| {
        y.tokens.len().cmp(&x.tokens.len()).then(b.severity.total_cmp(&a.severity)).then_with(|| a.id.cmp(&b.id))
    });
    let mut kept: Vec<(&Rule, Match)> = Vec::new();
    for (rule, found) in finds {
        let taken = kept.iter().any(|(other, kept)| {
            other.category == rule.category && found.tokens.iter().any(|token| kept.tokens.binary_search(token).is_ok())
        });
        if !taken {
            kept.push((rule, found));
        }
    }
    kept
}

fn item(rule: &Rule, found: Match, tokens: &[Token], words: &[Word]) -> Evidence {
    let mut indices: Vec<usize> = found.tokens.iter().map(|&token| tokens[token].word).collect();
    indices.dedup();
    let (first, last) = (indices[0], indices[indices.len() - 1]);
    let spoken = words[first..=last].iter().filter(|word| word.channel == words[first].channel);
    let known = indices.iter().find_map(|&index| known_speaker(&words[index]));
    let confidence =
        indices.iter().map(|&index| f64::from(words[index].confidence)).sum::<f64>() / indices.len() as f64;
    Evidence {
        category: rule.category.clone(),
        subcategory: rule.subcategory.clone(),
        rule: rule.id.clone(),
        severity: rule.severity,
        text: spoken.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
        channel: words[first].channel,
        speaker: known.map(str::to_owned).or_else(|| words[first].speaker.clone()),
        start_s: words[first].start_s,
        end_s: indices.iter().map(|&index| words[index].end_s).fold(f64::NEG_INFINITY, f64::max),
        words: indices.into_iter().map(|index| index as u32).collect(),
        confidence: confidence.clamp(0.0, 1.0),
        discounted: found.discounted,
    }
}
