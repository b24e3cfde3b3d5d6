//! The spans of an engine on the timeline.

use std::thread::sleep;
use std::time::Duration;

use stage_core::PipelineError;

use super::{Bench, NumberFlow, refusal};
use crate::protocol::TaskSpan;

const STEP: Duration = Duration::from_millis(5);

/// The spans of an engine for these queued inputs, given as (recording, input).
fn spans(
    inputs: &[(usize, u32)],
    engine: impl Fn(NumberFlow<'_>) -> Result<(), PipelineError> + Send + Sync + 'static,
) -> Vec<TaskSpan> {
    let bench = Bench::new(engine);
    bench.lane.pause(true);
    inputs.iter().for_each(|(ticket, input)| bench.push(*ticket, *input));
    bench.lane.pause(false);
    let (_, activity) = bench.finish();
    activity.take_spans().into_iter().filter(|span| !span.items.is_empty()).collect()
}

#[test]
fn spans_end_where_outputs_come_and_count_no_time_twice() {
    let spans = spans(&[(0, 1), (1, 2), (2, 3)], |flow| {
        let Some((long, _)) = flow.draw() else { return Ok(()) };
        while let Some((key, _)) = flow.draw() {
            sleep(STEP);
            flow.complete(key, 0);
        }
        sleep(STEP);
        flow.complete(long, 0);
        Ok(())
    });
    let shown: Vec<_> = spans.iter().map(|span| (span.items.clone(), span.inputs, span.at_once)).collect();
    assert_eq!(shown, [(vec![0, 1], 1, 2), (vec![0, 2], 1, 2), (vec![0], 1, 1)]);
    let step_us = STEP.as_micros() as u64;
    assert!(spans.iter().all(|span| span.end_us - span.start_us >= step_us), "{spans:?}");
    assert!(spans.windows(2).all(|pair| pair[0].end_us == pair[1].start_us), "{spans:?}");
}

#[test]
fn spans_hold_all_outputs_that_come_together() {
    let spans = spans(&[(0, 1), (0, 2), (3, 3)], super::in_groups);
    assert_eq!(spans.iter().map(|span| span.inputs).sum::<u32>(), 3);
    assert!(spans.iter().all(|span| span.inputs == span.at_once), "{spans:?}");
}

#[test]
fn spans_show_the_time_of_a_failed_run() {
    let spans = spans(&[(0, 1)], |flow| {
        let _ = flow.draw();
        sleep(STEP);
        Err(refusal())
    });
    assert!(matches!(&spans[..], [span] if span.inputs == 0 && span.at_once == 1), "{spans:?}");
    assert!(spans[0].end_us - spans[0].start_us >= STEP.as_micros() as u64);
}
