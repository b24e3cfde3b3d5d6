//! Converts the hypothesis of a window to segments, or gives the reason why the window is dropped.

use std::ops::Range;

use stage_core::{DetectedLanguage, Diagnostics, Dropped, Segment, TokenGroup, TokenTiming, Window};

use super::FAMILY;
use super::decoding::POSITION_S;
use super::diagnostics::WhisperDiagnostics;
use super::token_groups::{Group, group};
use super::unit::Hypothesis;
use super::vocabulary::Vocabulary;
use crate::families::diagnostics as of_family;
use crate::{TranscribeConfig, WindowText};

/// Minimum number of tokens in a text for detecting collapsed attention.
const COLLAPSED_TOKENS: usize = 3;

/// Builds segments from hypotheses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentBuilder<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) config: &'a TranscribeConfig,
}

/// A text token of a hypothesis.
#[derive(Debug, Clone, Copy)]
struct Token {
    id: u32,
    logprob: f32,
}

/// Text between two timestamps, or the whole text if there are no timestamps.
#[derive(Debug, Default)]
struct Part {
    /// Seconds from the window's start.
    start_s: Option<f64>,
    end_s: Option<f64>,
    /// The range of its text tokens among the window's text tokens.
    tokens: Range<usize>,
}

impl SegmentBuilder<'_> {
    /// The segments of a window. `overruled` is the language that was detected in the window itself, if it was decoded
    /// in another one.
    pub(crate) fn segments(
        &self,
        window: &Window,
        hypothesis: &Hypothesis,
        overruled: Option<DetectedLanguage>,
    ) -> WindowText {
        let (tokens, parts) = self.parts(hypothesis);
        let text = self.groups(&tokens).into_iter().map(|group| group.text).collect::<String>();
        if let Some(reason) = self.drop_reason(text.trim(), hypothesis, tokens.len()) {
            let Window { channel, start_s, end_s, .. } = *window;
            return Err(Dropped { channel, start_s, end_s, reason });
        }
        let diagnostics = diagnostics(hypothesis, overruled);
        let segment = |part: &Part| self.segment(window, hypothesis, &tokens, part, &diagnostics);
        Ok(parts.iter().map(segment).filter(|segment| !segment.text.is_empty()).collect())
    }

    /// The reason for dropping a window, if any: Whisper's rule for silence, an empty text, or a text without speech.
    fn drop_reason(&self, text: &str, hypothesis: &Hypothesis, tokens: usize) -> Option<String> {
        let (no_speech, logprob) = (hypothesis.no_speech_prob, hypothesis.avg_logprob());
        let numbers = format!("no-speech probability {no_speech:.2}, mean log-probability {logprob:.2}");
        let rejected = |why: String| {
            let ratio = hypothesis.compression_ratio;
            Some(format!("{why}: {numbers}, compression ratio {ratio:.2}, rejected text \"{text}\""))
        };
        let is_silent = no_speech > self.config.no_speech_threshold;
        let still = still_tokens(hypothesis);
        if self.config.is_silent(logprob, no_speech) {
            Some(format!("no speech: {numbers}"))
        } else if text.is_empty() {
            Some(format!("no text: {numbers}"))
        } else if hypothesis.loudest_dbfs < self.config.silence_dbfs {
            rejected(format!("silence: at most {:.0} dBFS", hypothesis.loudest_dbfs))
        } else if is_silent && tokens >= COLLAPSED_TOKENS && 4 * still >= 3 * tokens {
            rejected(format!("no speech behind the text: {still} of {tokens} tokens without duration"))
        } else {
            None
        }
    }

    /// The text tokens, and the parts between timestamps. A part without an end timestamp lasts to the window's end. A
    /// part without a start timestamp starts where the previous part ends.
    fn parts(&self, hypothesis: &Hypothesis) -> (Vec<Token>, Vec<Part>) {
        let (mut tokens, mut parts) = (Vec::new(), Vec::new());
        let mut part = Part::default();
        for (&id, &logprob) in hypothesis.tokens.iter().zip(&hypothesis.logprobs) {
            if !self.vocabulary.timestamps.contains(&id) {
                tokens.push(Token { id, logprob });
                part.tokens.end = tokens.len();
                continue;
            }
            let time_s = f64::from(id - self.vocabulary.timestamps.start) * POSITION_S;
            let next = |start_s| Part { start_s, end_s: None, tokens: tokens.len()..tokens.len() };
            if part.tokens.is_empty() {
                part = next(Some(time_s));
            } else {
                part.end_s = Some(time_s);
                parts.push(std::mem::replace(&mut part, next(Some(time_s))));
            }
        }
        if !part.tokens.is_empty() {
            parts.push(part);
        }
        (tokens, parts)
    }

    fn groups(&self, tokens: &[Token]) -> Vec<Group> {
        group(tokens.iter().map(|token| self.vocabulary.bytes(token.id)))
    }

    fn segment(
        &self,
        window: &Window,
        hypothesis: &Hypothesis,
        tokens: &[Token],
        part: &Part,
        diagnostics: &Diagnostics,
    ) -> Segment {
        let (start_s, end_s) = span(window, hypothesis, part);
        let tokens = &tokens[part.tokens.clone()];
        let token_group = |group: Group| {
            let at = |boundary: usize, otherwise: f64| match &hypothesis.boundaries_s {
                Some(boundaries) => (window.start_s + boundaries[part.tokens.start + boundary]).clamp(start_s, end_s),
                None => otherwise,
            };
            TokenGroup {
                ids: tokens[group.tokens.clone()].iter().map(|token| token.id).collect(),
                text: group.text,
                start_s: at(group.tokens.start, start_s),
                end_s: at(group.tokens.end, end_s),
                logprob: tokens[group.tokens].iter().map(|token| token.logprob).sum(),
            }
        };
        let token_groups: Vec<TokenGroup> = self.groups(tokens).into_iter().map(token_group).collect();
        let stop = if hypothesis.looping { "repetition" } else { "token budget" };
        Segment {
            channel: window.channel,
            start_s,
            end_s,
            text: token_groups.iter().map(|group| group.text.as_str()).collect::<String>().trim().to_owned(),
            language: hypothesis.language.clone(),
            language_probability: hypothesis.language_probability,
            confidence: hypothesis.avg_logprob().exp().clamp(0.0, 1.0),
            low_confidence: hypothesis.low_confidence.clone(),
            cut_short: hypothesis.end_logprob.is_none().then(|| stop.to_owned()),
            token_timing: hypothesis.boundaries_s.is_some().then_some(TokenTiming::CrossAttention),
            diagnostics: diagnostics.clone(),
            token_groups,
        }
    }
}

/// Whisper's diagnostics of a window.
fn diagnostics(hypothesis: &Hypothesis, overruled_language: Option<DetectedLanguage>) -> Diagnostics {
    let values = WhisperDiagnostics {
        avg_logprob: hypothesis.avg_logprob(),
        no_speech_prob: hypothesis.no_speech_prob,
        temperature: hypothesis.temperature,
        compression_ratio: hypothesis.compression_ratio,
        rejected: hypothesis.rejected.clone(),
        overruled_language,
    };
    of_family(FAMILY.name, &values)
}

/// Start and end of a part in the recording, limited to the window. If the end timestamp is not after the start, the
/// measured times are used, or otherwise the window's end.
fn span(window: &Window, hypothesis: &Hypothesis, part: &Part) -> (f64, f64) {
    let inside = |offset_s: f64| (window.start_s + offset_s).clamp(window.start_s, window.end_s);
    let start_s = part.start_s.map_or(window.start_s, inside);
    let end_s = part.end_s.map_or(window.end_s, inside);
    if start_s < end_s {
        return (start_s, end_s);
    }
    let measured = hypothesis
        .boundaries_s
        .as_ref()
        .map(|boundaries| (inside(boundaries[part.tokens.start]), inside(boundaries[part.tokens.end])));
    measured.filter(|(start_s, end_s)| start_s < end_s).unwrap_or((start_s, window.end_s.max(start_s)))
}

/// Number of text tokens that last at most one position.
fn still_tokens(hypothesis: &Hypothesis) -> usize {
    let boundaries = hypothesis.boundaries_s.as_deref().unwrap_or_default();
    boundaries.windows(2).filter(|pair| pair[1] - pair[0] < 1.5 * POSITION_S).count()
}
