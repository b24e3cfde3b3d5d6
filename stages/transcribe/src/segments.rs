//! A window's hypothesis to segments, or the reason why its text is refused.

use std::ops::Range;

use stage_core::{Decoding, DetectedLanguage, Dropped, Segment, TokenPiece, Window};

use crate::TranscribeConfig;
use crate::decoding::POSITION_S;
use crate::pieces::{Piece, group};
use crate::vocabulary::Vocabulary;
use crate::window::Hypothesis;

/// A text whose attention collapses has at least so many tokens.
const COLLAPSED_TOKENS: usize = 3;

/// Makes segments of hypotheses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segmenter<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) config: &'a TranscribeConfig,
}

/// A text token of a hypothesis.
#[derive(Debug, Clone, Copy)]
struct Token {
    id: u32,
    logprob: f32,
}

/// Text between two timestamps; without timestamps, all of it.
#[derive(Debug, Default)]
struct Part {
    /// Seconds from the window's start.
    start_s: Option<f64>,
    end_s: Option<f64>,
    /// Text tokens, by their index among the window's.
    tokens: Range<usize>,
}

impl Segmenter<'_> {
    /// The segments of a window. `overruled` is the language that it sounds like by itself, where another was taken.
    pub(crate) fn segments(
        &self,
        window: &Window,
        hypothesis: &Hypothesis,
        overruled: Option<DetectedLanguage>,
    ) -> Result<Vec<Segment>, Dropped> {
        let (tokens, parts) = self.parts(hypothesis);
        let text = self.pieces(&tokens).into_iter().map(|piece| piece.text).collect::<String>();
        if let Some(reason) = self.refusal(text.trim(), hypothesis, tokens.len()) {
            let Window { channel, start_s, end_s, .. } = *window;
            return Err(Dropped { channel, start_s, end_s, reason });
        }
        let decoding = Decoding {
            temperature: hypothesis.temperature,
            compression_ratio: hypothesis.compression_ratio,
            rejected: hypothesis.rejected.clone(),
            low_confidence: hypothesis.low_confidence.clone(),
            overruled_language: overruled,
            token_times: hypothesis.boundaries_s.is_some(),
        };
        let segment = |part: &Part| self.segment(window, hypothesis, &tokens, part, &decoding);
        Ok(parts.iter().map(segment).filter(|segment| !segment.text.is_empty()).collect())
    }

    /// Why a window's text is refused, if it is: Whisper's rule for silence, no text, or text where nothing was said.
    fn refusal(&self, text: &str, hypothesis: &Hypothesis, tokens: usize) -> Option<String> {
        let (no_speech, logprob) = (hypothesis.no_speech_prob, hypothesis.avg_logprob());
        let numbers = format!("no-speech probability {no_speech:.2}, mean log-probability {logprob:.2}");
        let refused = |why: String| {
            let ratio = hypothesis.compression_ratio;
            Some(format!("{why}: {numbers}, compression ratio {ratio:.2}, refused text \"{text}\""))
        };
        let heard_none = no_speech > self.config.no_speech_threshold;
        let still = still_tokens(hypothesis);
        if self.config.is_silent(logprob, no_speech) {
            Some(format!("no speech: {numbers}"))
        } else if text.is_empty() {
            Some(format!("no text: {numbers}"))
        } else if hypothesis.loudest_dbfs < self.config.silence_dbfs {
            refused(format!("silence: at most {:.0} dBFS", hypothesis.loudest_dbfs))
        } else if heard_none && tokens >= COLLAPSED_TOKENS && 4 * still >= 3 * tokens {
            refused(format!("no speech behind the text: {still} of {tokens} tokens without duration"))
        } else {
            None
        }
    }

    /// Text tokens, and the parts between timestamps. A part that no timestamp ends lasts to the window's end; one
    /// that none begins follows the part before it.
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

    fn pieces(&self, tokens: &[Token]) -> Vec<Piece> {
        group(tokens.iter().map(|token| self.vocabulary.bytes(token.id)))
    }

    fn segment(
        &self,
        window: &Window,
        hypothesis: &Hypothesis,
        tokens: &[Token],
        part: &Part,
        decoding: &Decoding,
    ) -> Segment {
        let (start_s, end_s) = span(window, hypothesis, part);
        let tokens = &tokens[part.tokens.clone()];
        let piece = |piece: Piece| {
            let at = |boundary: usize, otherwise: f64| match &hypothesis.boundaries_s {
                Some(boundaries) => (window.start_s + boundaries[part.tokens.start + boundary]).clamp(start_s, end_s),
                None => otherwise,
            };
            TokenPiece {
                ids: tokens[piece.tokens.clone()].iter().map(|token| token.id).collect(),
                text: piece.text,
                start_s: at(piece.tokens.start, start_s),
                end_s: at(piece.tokens.end, end_s),
                logprob: tokens[piece.tokens].iter().map(|token| token.logprob).sum(),
            }
        };
        let pieces: Vec<TokenPiece> = self.pieces(tokens).into_iter().map(piece).collect();
        let stop = if hypothesis.looping { "repetition" } else { "token budget" };
        Segment {
            channel: window.channel,
            start_s,
            end_s,
            text: pieces.iter().map(|piece| piece.text.as_str()).collect::<String>().trim().to_owned(),
            language: hypothesis.language.clone(),
            language_probability: hypothesis.language_probability,
            avg_logprob: hypothesis.avg_logprob(),
            no_speech_prob: hypothesis.no_speech_prob,
            cut_short: hypothesis.end_logprob.is_none().then(|| stop.to_owned()),
            decoding: decoding.clone(),
            pieces,
        }
    }
}

/// Start and end of a part in the recording, inside the window. Timestamps without time between them give way to the
/// measured times, or else to the window's end.
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

/// Text tokens that last no longer than one position.
fn still_tokens(hypothesis: &Hypothesis) -> usize {
    let boundaries = hypothesis.boundaries_s.as_deref().unwrap_or_default();
    boundaries.windows(2).filter(|pair| pair[1] - pair[0] < 1.5 * POSITION_S).count()
}
