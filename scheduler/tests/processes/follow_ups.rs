//! Inputs that depend on outputs of other inputs.

use scheduler::coordinator::Event;

use crate::fixture::{Fixture, artifacts, ends, planned};
use crate::pipeline::PREPARED;

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("follow_ups_go_to_the_device_until_there_are_none_and_all_outputs_make_the_artifact", round_by_round),
        ("follow_ups_add_nothing_to_the_recordings_length", progress),
        ("follow_ups_of_a_killed_worker_keep_the_stored_outputs", killed),
    ]
}

/// The expected outputs of a recording.
fn expected(name: &str) -> Vec<String> {
    let name = name.to_uppercase();
    let mut outputs: Vec<_> = (0..PREPARED).map(|index| format!("{name}/{index}")).collect();
    outputs.push(format!("{name}/5<{name}/4"));
    outputs.push(format!("{name}/6<{name}/4"));
    outputs.push(format!("{name}/7<{name}/6<{name}/4"));
    outputs
}

/// The outputs in a stored transcript.
fn stored(fixture: &Fixture, name: &str) -> Vec<String> {
    let transcript = &artifacts(&*fixture.store(), &planned(&[name])[0])[2];
    let body: serde_json::Value = serde_json::from_str(&transcript.artifact.body).unwrap();
    serde_json::from_value(body["outputs"].clone()).unwrap()
}

/// The inputs of a recording that the device computed, in order.
fn computed(fixture: &Fixture, name: &str) -> Vec<String> {
    let log = fixture.log();
    let inputs = log.iter().filter(|entry| entry.what == "infer").flat_map(|entry| entry.name.split(' '));
    inputs.filter(|input| input.starts_with(name)).map(str::to_uppercase).collect()
}

fn round_by_round() {
    let mut fixture = Fixture::new(1);
    let (outcome, events) = fixture.run(&planned(&["follow-a", "b", "follow-c"]));
    assert_eq!(ends(&outcome), (3, vec![]));
    for name in ["follow-a", "follow-c"] {
        assert_eq!(stored(&fixture, name), expected(name));
        assert_eq!(computed(&fixture, name), expected(name), "each once, in rounds");
    }
    assert_eq!(stored(&fixture, "b").len(), PREPARED);
    let checkpoints = events.iter().filter(|event| matches!(event, Event::CheckpointCommitted { .. })).count();
    assert_eq!(checkpoints, 2 * expected("").len() + PREPARED, "every output is stored before the artifact");
}

fn progress() {
    let mut fixture = Fixture::new(1);
    let (_, events) = fixture.run(&planned(&["follow-a"]));
    let audio_s = events.iter().map(|event| match event {
        Event::CheckpointCommitted { audio_s, .. } => *audio_s,
        _ => 0.0,
    });
    let audio_s: f64 = audio_s.sum();
    assert!((audio_s - 1.0).abs() < 1e-9, "{audio_s} s of 1 s");
}

fn killed() {
    let mut fixture = Fixture::new(1);
    // One input at a time, so that the output before the fatal input is stored.
    fixture.options.device_batch = 1;
    let name = "follow-crash";
    let (outcome, events) = fixture.run(&planned(&[name]));
    assert_eq!(ends(&outcome), (1, vec![]));
    let workers = events.iter().filter(|event| matches!(event, Event::WorkerUp { .. })).count();
    assert_eq!(workers, 2, "the first one died");
    assert_eq!(stored(&fixture, name), expected(name));
    assert_eq!(computed(&fixture, name), expected(name), "nothing was computed again");
    assert_eq!(fixture.store().recomputations().unwrap(), 0);
}
