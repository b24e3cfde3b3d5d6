//! One side of a call heard again in the other side's channel.

use segment::BleedConfig;

use crate::support::calls::{LEAKS, Leak, Separation, call};
use crate::support::data;

#[test]
fn bleed_is_dropped_and_speech_over_it_stays() {
    let Some(data) = data() else { return };
    let mut all = Separation::default();
    for (seed, leak) in LEAKS.into_iter().enumerate() {
        let call = call(&data, Some(leak), 5 + seed as u64);
        let found = call.separation();
        assert!(found.bled > 100, "{leak:?}: there is bleed to be found: {found:?}");
        assert!(found.dropped * 10 > found.bled * 7, "{leak:?}: {found:?}");
        assert!(found.lost * 20 < found.own, "{leak:?}: {found:?}");
        assert_eq!(call.lost_of_source(), 0, "{leak:?}");
        all.bled += found.bled;
        all.dropped += found.dropped;
        all.own += found.own;
        all.lost += found.lost;
    }
    assert!(all.dropped * 100 > all.bled * 85 && all.lost * 50 < all.own, "{all:?}");
}

#[test]
fn without_bleed_nothing_is_dropped() {
    let Some(data) = data() else { return };
    for seed in 40..44 {
        let call = call(&data, None, seed);
        assert_eq!((call.separation().lost, call.lost_of_source()), (0, 0));
    }
}

#[test]
fn bleed_is_listed_with_its_numbers() {
    let Some(data) = data() else { return };
    let leak = Leak { gain_db: -20.0, delay_ms: 10.0, room: false };
    let dropped = call(&data, Some(leak), 3).segments(Some(BleedConfig::default())).dropped;
    let is_bleed = |reason: &&String| reason.starts_with("bleed of channel 0: correlation 0.");
    let listed = dropped.iter().map(|dropped| &dropped.reason).find(is_bleed).unwrap();
    assert!(listed.contains(" at -10.0 ms, ") && listed.ends_with(" dB below it"), "{listed}");
}
