//! Runs each target on its corpus and on mutations of it. `EARWITNESS_FUZZ_ROUNDS` sets the number of mutations,
//! `EARWITNESS_FUZZ_SEED` the first seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fuzz_targets::{decode, lexicon, mutated, protocol, store};

fn number(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: a number")))
}

/// Checks the corpus and then `rounds` mutations of it. A failure names its seed and the command that repeats it.
fn run(name: &str, corpus: &[Vec<u8>], rounds: u32, check: fn(&[u8])) {
    corpus.iter().for_each(|bytes| check(bytes));
    let (rounds, first) = (number("EARWITNESS_FUZZ_ROUNDS", rounds), number("EARWITNESS_FUZZ_SEED", 1));
    for seed in first..first.saturating_add(rounds) {
        let bytes = mutated(corpus, seed);
        if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
            let variables = format!("EARWITNESS_FUZZ_SEED={seed} EARWITNESS_FUZZ_ROUNDS=1");
            panic!("seed {seed} fails; repeat it with {variables} cargo test --release -p fuzz-targets {name}");
        }
    }
}

#[test]
fn decode_of_mutated_calls_ends_in_a_recording_or_blames_the_file() {
    run("decode", &decode::corpus(), 400, decode::check);
}

#[test]
fn lexicon_of_mutated_text_loads_or_names_the_file() {
    run("lexicon", &lexicon::corpus(), 300, lexicon::check);
}

#[test]
fn protocol_of_mutated_conversations_gives_messages_or_an_error() {
    run("protocol", &protocol::corpus(), 20_000, protocol::check);
}

#[test]
fn store_with_mutated_bytes_never_returns_another_artifact() {
    run("store", &store::corpus(), 300, store::check);
}
