//! Speech spans of one channel.

use stage_core::{Span, SpeechSegments, sum};

/// Returns the speech of one channel, by time. Spans of a channel do not overlap.
pub(crate) fn spans_of(segments: &SpeechSegments, channel: u16) -> Vec<Span> {
    let spans = segments.spans.iter().filter(|span| span.channel == channel);
    spans.map(|span| Span::new(span.start_s, span.end_s)).collect()
}

/// Length of the intersection of two lists of spans, in seconds. Each list is by time and without overlap.
pub(crate) fn common_s(a: &[Span], b: &[Span]) -> f64 {
    let (mut i, mut j, mut common_s) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        common_s += a[i].overlap_s(&b[j]);
        if a[i].end_s <= b[j].end_s {
            i += 1;
        } else {
            j += 1;
        }
    }
    common_s
}

/// The time that is in any of several lists of spans, by time and without overlap.
pub(crate) fn union(lists: &[&[Span]]) -> Vec<Span> {
    let mut all: Vec<Span> = lists.iter().flat_map(|spans| spans.iter().copied()).collect();
    all.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut joined: Vec<Span> = Vec::new();
    for span in all {
        match joined.last_mut() {
            Some(last) if span.start_s <= last.end_s => last.end_s = last.end_s.max(span.end_s),
            _ => joined.push(span),
        }
    }
    joined
}

/// Total length, in seconds.
pub(crate) fn total_s(spans: &[Span]) -> f64 {
    sum(spans.iter().map(Span::duration_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn union_joins_what_overlaps() {
        let (a, b) = ([Span::new(0.0, 2.0), Span::new(5.0, 6.0)], [Span::new(1.0, 3.0), Span::new(3.0, 4.0)]);
        assert_eq!(union(&[&a, &b]), [Span::new(0.0, 4.0), Span::new(5.0, 6.0)]);
        assert!(union(&[]).is_empty());
    }

    #[test]
    fn overlap_counts_each_instant_once() {
        let a = [Span::new(0.0, 2.0), Span::new(3.0, 4.0), Span::new(5.0, 9.0)];
        let b = [Span::new(1.0, 3.5), Span::new(6.0, 7.0), Span::new(8.0, 20.0)];
        assert!((common_s(&a, &b) - 3.5).abs() < 1e-12);
        assert!((common_s(&b, &a) - 3.5).abs() < 1e-12);
        assert_eq!(common_s(&a, &[]), 0.0);
    }
}
