//! Calls in which one side leaks into the other side's channel.

use segment::CrosstalkConfig;

use crate::support::Recordings;
use crate::support::calls::{LEAKS, Leak, Separation, call};

#[test]
fn crosstalk_is_dropped_and_speech_over_it_stays() {
    // Few takes differ more than many.
    check_leaks(&Recordings::fixtures(), Limits { dropped: 0.6, lost: 0.1, lost_of_all: 0.03 });
}

#[test]
#[ignore = "needs ../shared"]
fn crosstalk_among_fifty_takes_is_dropped_and_speech_over_it_stays() {
    let limits = Limits { dropped: 0.7, lost: 0.05, lost_of_all: 0.02 };
    check_leaks(&Recordings::shared().expect("../shared exists"), limits);
}

/// Limits for a single call and for all, as shares of its crosstalk and of its own speech.
struct Limits {
    /// At least this much crosstalk is dropped.
    dropped: f64,
    /// At most this much of its own speech is lost.
    lost: f64,
    /// The same over all calls.
    lost_of_all: f64,
}

/// Checks a call with each leak, and all together.
fn check_leaks(data: &Recordings, limits: Limits) {
    let mut all = Separation::default();
    for (seed, leak) in LEAKS.into_iter().enumerate() {
        let call = call(data, Some(leak), 5 + seed as u64);
        let found = call.separation();
        assert!(found.crosstalk > 100, "{leak:?}: there is crosstalk to find: {found:?}");
        assert!(found.dropped as f64 > limits.dropped * found.crosstalk as f64, "{leak:?}: {found:?}");
        assert!((found.lost as f64) < limits.lost * found.own as f64, "{leak:?}: {found:?}");
        assert_eq!(call.lost_of_source(), 0, "{leak:?}");
        all.crosstalk += found.crosstalk;
        all.dropped += found.dropped;
        all.own += found.own;
        all.lost += found.lost;
    }
    assert!(all.dropped * 100 > all.crosstalk * 85, "{all:?}");
    assert!((all.lost as f64) < limits.lost_of_all * all.own as f64, "{all:?}");
}

#[test]
fn crosstalk_free_call_keeps_everything() {
    let data = Recordings::fixtures();
    for seed in 40..44 {
        let call = call(&data, None, seed);
        assert_eq!((call.separation().lost, call.lost_of_source()), (0, 0));
    }
}

#[test]
fn crosstalk_is_listed_with_its_numbers() {
    let data = Recordings::fixtures();
    let leak = Leak { gain_db: -20.0, delay_ms: 10.0, room: false };
    let dropped = call(&data, Some(leak), 3).segments(Some(CrosstalkConfig::default())).dropped;
    let is_crosstalk = |reason: &&String| reason.starts_with("crosstalk from channel 0: correlation 0.");
    let listed = dropped.iter().map(|dropped| &dropped.reason).find(is_crosstalk).unwrap();
    assert!(listed.contains(" at -10.0 ms, ") && listed.ends_with(" dB below it"), "{listed}");
}
