//! Compares refined boundaries with digits that were joined with known pauses.

mod support;

use align::{AlignConfig, Aligner};
use stage_core::{PhoneEmissions, Speakers, Stage};
use support::{Attention, Call, percentile};

#[test]
fn refinement_brings_boundaries_closer_to_the_sound() {
    let call = Call::of_digits(3);
    for attention in [Attention::Scattered, Attention::Contiguous] {
        let transcript = call.transcript(attention, 5);
        let median = |search_s| {
            let aligner = Aligner::new(AlignConfig { search_s, ..AlignConfig::default() });
            let words = aligner
                .run((&call.pcm, &call.speech(), &Speakers::default(), &transcript, &PhoneEmissions::default()))
                .unwrap()
                .words;
            let (starts, ends) = call.errors(&words);
            (percentile(starts, 50), percentile(ends, 50))
        };
        let (raw, refined) = (median(0.0), median(0.15));
        assert!(raw.0 > 0.03 && raw.1 > 0.03, "{attention:?}: the attention's times are off by {raw:?} s");
        assert!(refined.0 < 0.015 && refined.1 < 0.025, "{attention:?}: {raw:?} s became {refined:?} s");
    }
}
