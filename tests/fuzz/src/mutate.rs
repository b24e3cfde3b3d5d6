//! Mutations of files.

use testkit::Random;

/// Values at the limits of integers, which headers and lengths often mishandle.
const LIMITS: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/// A member of the corpus with up to eight mutations. The seed determines the result.
///
/// # Panics
/// If the corpus is empty.
#[must_use]
pub fn mutated(corpus: &[Vec<u8>], seed: u32) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(2_654_435_761));
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(8) {
        mutate(&mut bytes, corpus, &mut random);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    // Half of the mutations are at the beginning, where files have their headers.
    let reach = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(256) };
    let at = random.below(reach);
    let end = (at + 1 + random.below(64)).min(bytes.len());
    if at >= end {
        bytes.extend_from_slice(&corpus[random.below(corpus.len())]);
        return;
    }
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.below(256) as u8,
        2 => bytes[at..end.min(at + 4)].fill(LIMITS[random.below(LIMITS.len())]),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let repeated = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, repeated));
        }
        5 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len());
            let inserted = other[from..(from + end - at).min(other.len())].to_vec();
            drop(bytes.splice(at..end, inserted));
        }
        _ => bytes.truncate(at.max(bytes.len() / 2)),
    }
}
