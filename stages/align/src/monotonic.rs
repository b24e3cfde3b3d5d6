//! Enforces order and minimum length of words.

use crate::sound::Interval;

/// Minimum length of a word, in samples: 20 ms.
pub(crate) const SHORTEST_WORD: i64 = 320;

/// Moves words, in order, as little as needed to fit inside `room`, without overlap, each at least [`SHORTEST_WORD`]
/// long. If `room` is too short for that, the minimum length is an equal share of it.
pub(crate) fn enforce_monotonic(words: &mut [Interval], room: Interval) {
    let shortest = SHORTEST_WORD.min(room.len() / words.len().max(1) as i64);
    let mut free = room.start;
    let mut following = words.len() as i64;
    for at in 0..words.len() {
        let next_start = words.get(at + 1).map(|next| next.start);
        let word = &mut words[at];
        if let Some(next) = next_start.filter(|next| (word.start..word.end).contains(next)) {
            word.end = word.end.midpoint(next);
        }
        word.start = word.start.clamp(free, room.end - shortest * following);
        following -= 1;
        word.end = word.end.clamp(word.start + shortest, room.end - shortest * following);
        free = word.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_that_are_in_order_stay_where_they_are() {
        let mut words = [Interval { start: 100, end: 900 }, Interval { start: 1000, end: 2000 }];
        let before = words;
        enforce_monotonic(&mut words, Interval { start: 0, end: 4000 });
        assert_eq!(words, before);
    }

    #[test]
    fn words_that_overlap_meet_in_the_middle() {
        let mut words = [Interval { start: 0, end: 2000 }, Interval { start: 1000, end: 3000 }];
        enforce_monotonic(&mut words, Interval { start: 0, end: 4000 });
        assert_eq!(words, [Interval { start: 0, end: 1500 }, Interval { start: 1500, end: 3000 }]);
    }

    proptest! {
        #[test]
        fn words_are_in_order_inside_the_room_and_as_long_as_it_allows(
            times in prop::collection::vec((-9000i64..90_000, -9000i64..90_000), 1..40),
            start in 0i64..20_000,
            len in 0i64..60_000,
        ) {
            let room = Interval { start, end: start + len };
            let mut words: Vec<Interval> =
                times.into_iter().map(|(start, end)| Interval { start, end }).collect();
            enforce_monotonic(&mut words, room);
            let shortest = SHORTEST_WORD.min(len / words.len() as i64);
            prop_assert!(words.iter().all(|word| word.len() >= shortest));
            prop_assert!(words[0].start >= room.start && words[words.len() - 1].end <= room.end);
            prop_assert!(words.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
    }
}
