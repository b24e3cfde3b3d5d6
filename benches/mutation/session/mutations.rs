//! Mutations of recordings.

use testkit::Random;

use super::{Outcome, sources::Source};

/// A mutated recording.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// Name of its file.
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) bytes: Vec<u8>,
    /// What was done, in order.
    pub(crate) mutations: Vec<String>,
    /// Whether bytes were removed, so that there is less sound than before.
    pub(crate) removes: bool,
    /// How the program ended on the source.
    pub(crate) whole: Option<Outcome>,
}

/// Values at the limits of integers, which headers mishandle.
const LIMITS: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
/// Half of the mutations are in the first bytes, where files have their headers.
const HEADER: usize = 600;

/// A source with one to three mutations.
pub(crate) fn mutant(sources: &[Source], index: usize, random: &mut Random) -> Mutant {
    let source = &sources[random.below(sources.len())];
    let mut mutant = Mutant {
        name: format!("{index:04}-{}.{}", source.format, source.extension),
        format: source.format.to_owned(),
        bytes: source.bytes.clone(),
        mutations: Vec::new(),
        removes: false,
        whole: source.whole.clone(),
    };
    for _ in 0..=random.below(3) {
        mutate(&mut mutant, sources, random);
    }
    mutant
}

fn mutate(mutant: &mut Mutant, sources: &[Source], random: &mut Random) {
    let bytes = &mut mutant.bytes;
    if bytes.is_empty() {
        return;
    }
    let reach = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(HEADER) };
    let at = random.below(reach);
    let longest = 1 << random.below(12);
    let end = (at + 1 + random.below(longest)).min(bytes.len());
    let done = match random.below(11) {
        0 => {
            bytes[at] ^= 1 << random.below(8);
            format!("bit flipped at {at}")
        }
        1 => {
            let field = at..(at + [1, 2, 4, 8][random.below(4)]).min(bytes.len());
            let value = LIMITS[random.below(LIMITS.len())];
            bytes[field.clone()].fill(value);
            format!("{field:?} filled with {value}")
        }
        2 => {
            bytes.truncate(at);
            mutant.removes = true;
            format!("cut to {at}")
        }
        3 => {
            let cut = random.below(bytes.len().min(64));
            bytes.truncate(bytes.len() - cut);
            mutant.removes = true;
            format!("{cut} bytes cut off")
        }
        4 => {
            bytes.drain(at..end);
            mutant.removes = true;
            format!("{at}..{end} removed")
        }
        5 => {
            let repeated = bytes[at..end].to_vec();
            bytes.splice(at..at, repeated);
            format!("{at}..{end} repeated")
        }
        6 => {
            bytes[at..end].fill(0);
            format!("{at}..{end} zeroed")
        }
        7 => {
            let garbage: Vec<u8> = (at..end).map(|_| random.below(256) as u8).collect();
            bytes.splice(at..at, garbage);
            format!("{} random bytes inserted at {at}", end - at)
        }
        8 => {
            let other = &sources[random.below(sources.len())];
            bytes.extend_from_slice(&other.bytes);
            format!("{} appended", other.format)
        }
        9 => {
            let copy = bytes.clone();
            bytes.extend_from_slice(&copy);
            "appended to itself".to_owned()
        }
        _ => {
            let middle = at.midpoint(end);
            let length = (end - middle).min(middle - at);
            let (left, right) = bytes.split_at_mut(middle);
            left[at..at + length].swap_with_slice(&mut right[..length]);
            format!("{length} bytes swapped at {at} and {middle}")
        }
    };
    mutant.mutations.push(done);
}
