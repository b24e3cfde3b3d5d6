//! A short session of mutated files; `benches/mutation` runs as long as wanted.

#[path = "../../benches/mutation/session/mod.rs"]
mod session;

use std::time::Duration;

use session::{Options, Session};

#[test]
fn mutated_files_end_in_a_result_or_an_error_and_lose_nothing_silently() {
    let options = Options { program: env!("CARGO_BIN_EXE_earwitness").into(), seed: 15, batch: 60, keep: None };
    let Some(mut session) = Session::new(options) else { return };
    session.run_for(Duration::from_millis(1));
    assert!(session.findings().is_empty(), "{}", session.report());
}
