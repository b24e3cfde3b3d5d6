//! Engines that fail in the middle of their work or complete the wrong number of inputs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use stage_core::PipelineError;

use super::{Bench, NumberFlow, failures, outputs, refusal};

/// Queues four inputs before the engine starts. Returns its outputs and failures.
fn four_inputs(
    engine: impl Fn(NumberFlow<'_>) -> Result<(), PipelineError> + Send + Sync + 'static,
) -> (Vec<(u64, u32)>, Vec<String>) {
    let bench = Bench::new(engine);
    bench.lane.pause(true);
    (0..4).for_each(|slot| bench.push(slot, 10 + slot as u32));
    bench.lane.pause(false);
    let (reports, _) = bench.finish();
    let failed = failures(&reports).into_iter().map(|(slot, code)| format!("{slot} {code}")).collect();
    let mut completed = outputs(&reports);
    completed.sort_unstable();
    (completed, failed)
}

fn all(flow: NumberFlow<'_>) -> Vec<(usize, u32)> {
    std::iter::from_fn(|| flow.draw()).collect()
}

const DOUBLED: [(u64, u32); 4] = [(0, 20), (1, 22), (2, 24), (3, 26)];

#[test]
fn engine_outputs_before_a_failure_are_not_computed_again() {
    for panics in [false, true] {
        let computed = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&computed);
        let (completed, failed) = four_inputs(move |flow| {
            for (key, input) in all(flow) {
                match (input, panics) {
                    (12, true) => panic!("12 is too much"),
                    (12, false) => return Err(refusal()),
                    _ => {
                        log.lock().unwrap().push(input);
                        flow.complete(key, input * 2);
                    }
                }
            }
            Ok(())
        });
        assert_eq!(completed, [DOUBLED[0], DOUBLED[1], DOUBLED[3]]);
        assert_eq!(failed, [if panics { "2 panic" } else { "2 thirteen" }]);
        assert_eq!(*computed.lock().unwrap(), [10, 11, 13]);
    }
}

#[test]
fn engine_that_forgets_an_input_once_gets_it_again() {
    let forgotten = AtomicBool::new(false);
    let (completed, failed) = four_inputs(move |flow| {
        for (key, input) in all(flow) {
            if input != 11 || forgotten.swap(true, Ordering::Relaxed) {
                flow.complete(key, input * 2);
            }
        }
        Ok(())
    });
    assert_eq!((completed, failed), (DOUBLED.to_vec(), vec![]));
}

#[test]
fn engine_that_always_forgets_an_input_fails_its_recording_alone() {
    let (completed, failed) = four_inputs(|flow| {
        all(flow).into_iter().filter(|(_, input)| *input != 11).for_each(|(key, input)| flow.complete(key, input * 2));
        Ok(())
    });
    assert_eq!(
        (completed, failed),
        (vec![DOUBLED[0], DOUBLED[2], DOUBLED[3]], vec!["1 inference-incomplete".to_owned()])
    );
}

#[test]
fn engine_that_draws_nothing_fails_all_queued_inputs() {
    let (completed, failed) = four_inputs(|_| Ok(()));
    assert_eq!((completed, failed.len()), (vec![], 4));
    assert!(failed.iter().all(|failure| failure.ends_with("inference-incomplete")), "{failed:?}");
}

#[test]
fn engine_output_that_is_repeated_is_refused_and_the_first_one_kept() {
    let (completed, failed) = four_inputs(|flow| {
        for (key, input) in all(flow) {
            flow.complete(key, input * 2);
            flow.complete(key, 999);
        }
        Ok(())
    });
    assert_eq!((completed, failed), (DOUBLED.to_vec(), vec![]));
}

#[test]
fn engine_output_without_an_input_ends_the_run_and_the_rest_is_tried_again() {
    let (completed, failed) = four_inputs(|flow| {
        for (key, input) in all(flow) {
            flow.complete(if input == 12 { key + 100 } else { key }, input * 2);
            assert!(input != 12 || flow.draw().is_none(), "the engine gets no more inputs");
        }
        Ok(())
    });
    assert_eq!((completed, failed), (vec![DOUBLED[0], DOUBLED[1], DOUBLED[3]], vec!["2 output-key".to_owned()]));
}
