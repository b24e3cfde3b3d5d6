//! The inputs that the lane gives to its engine, and their order.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use stage_core::{ErrorClass, ErrorCode, PipelineError, StageName};

use super::{Bench, CAPACITY, Fake, OTHER, failures, in_groups, outputs, refusal};
use crate::lanes::{DeviceHandle, LaneReport, guarded};

#[test]
fn lane_returns_every_output_to_its_recording_in_order() {
    let reports = Bench::new(in_groups).feed(&[(0, 1), (1, 2), (0, 3), (2, 4)]);
    assert_eq!(outputs(&reports), [(0, 2), (1, 4), (0, 6), (2, 8)]);
}

#[test]
fn lane_fails_the_recording_of_a_refused_input_alone() {
    let reports = Bench::new(in_groups).feed(&[(0, 1), (1, 2), (2, 13), (3, 4), (4, 5)]);
    assert_eq!(outputs(&reports), [(0, 2), (1, 4), (3, 8), (4, 10)]);
    assert_eq!(failures(&reports), [(2, "thirteen")]);
}

#[test]
fn lane_fails_each_recording_once_where_the_model_does_not_load() {
    let bench = Bench::of(Fake { load: Err(refusal()), ..Fake::new(|_| panic!("nothing is loaded")) }, usize::MAX);
    let reports = bench.feed(&[(0, 1), (0, 2), (1, 3)]);
    assert_eq!(failures(&reports), [(0, "thirteen"), (1, "thirteen")]);
}

#[test]
fn lane_halves_the_inputs_in_flight_when_memory_is_full_and_loses_none() {
    let bench = Bench::of(Fake::new(in_groups), 1);
    let inputs: Vec<_> = (0..40).map(|input| (input as usize % 4, input + 20)).collect();
    let reports = bench.feed(&inputs);
    let mut completed: Vec<_> = outputs(&reports).into_iter().map(|(_, output)| output).collect();
    completed.sort_unstable();
    assert_eq!(completed, (0..40).map(|input| (input + 20) * 2).collect::<Vec<_>>());
    let shrunk = |report: &LaneReport| match report {
        LaneReport::Shrunk { from, to, error } => Some((*from, *to, error.class)),
        _ => None,
    };
    let sizes: Vec<_> = reports.iter().filter_map(shrunk).collect();
    assert_eq!(sizes, [(2, 1, ErrorClass::Memory)], "two did not fit and are not tried again");
}

#[test]
fn lane_halves_its_capacity_when_memory_is_full_before_the_first_input() {
    let bench = Bench::new(|flow| {
        if flow.capacity() > 1 {
            let message = format!("no room for {}", flow.capacity());
            return Err(PipelineError::new(super::STAGE, ErrorClass::Memory, ErrorCode::named("full"), message));
        }
        in_groups(flow)
    });
    let reports = bench.feed(&[(0, 1), (1, 2), (2, 3)]);
    assert_eq!(outputs(&reports), [(0, 2), (1, 4), (2, 6)]);
    assert_eq!(failures(&reports), []);
}

#[test]
fn lane_fails_each_recording_once_on_a_failure_before_the_first_input() {
    for class in [ErrorClass::Device, ErrorClass::Bug] {
        let bench = Bench::new(move |_| {
            Err(PipelineError::new(super::STAGE, class, ErrorCode::named("broken"), "before any input".to_owned()))
        });
        assert_eq!(failures(&bench.feed(&[(0, 1), (1, 2), (2, 3)])), [(0, "broken"), (1, "broken"), (2, "broken")]);
    }
}

#[test]
fn lane_gives_a_free_place_to_another_recording_while_the_rest_is_in_flight() {
    let (sender, seen) = bounded(1);
    let (go, wait) = bounded::<()>(0);
    let bench = Bench::new(move |flow| {
        let Some((first, _)) = flow.draw() else { return Ok(()) };
        wait.recv().unwrap();
        let others: Vec<_> = std::iter::from_fn(|| flow.draw()).collect();
        let (last, _) = others[others.len() - 1];
        flow.complete(last, 0);
        let next = flow.draw();
        sender.send((others.len(), next.map(|(_, input)| input))).unwrap();
        wait.recv().unwrap();
        let left = [first].into_iter().chain(others.iter().map(|(key, _)| *key).filter(|key| *key != last));
        left.chain(next.map(|(key, _)| key)).for_each(|key| flow.complete(key, 1));
        Ok(())
    });
    (0..CAPACITY + 1).for_each(|slot| bench.push(slot, 100 + slot as u32));
    go.send(()).unwrap();
    let drawn = seen.recv().unwrap();
    assert_eq!(drawn, (CAPACITY - 1, Some(100 + CAPACITY as u32)), "no more than allowed, and the next at once");
    let report = bench.reports.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(outputs(&[report]), [(CAPACITY as u64 - 1, 0)], "reported while the engine runs");
    go.send(()).unwrap();
    assert_eq!(outputs(&bench.finish().0).len(), CAPACITY);
}

#[test]
fn lane_never_computes_inputs_of_an_abandoned_recording() {
    let (go, wait) = bounded::<()>(0);
    let bench = Bench::new(move |flow| {
        while let Some((key, input)) = flow.draw() {
            wait.recv().unwrap();
            flow.complete(key, input);
        }
        Ok(())
    });
    [(0, 1), (1, 2), (0, 3)].into_iter().for_each(|(slot, input)| bench.push(slot, input));
    bench.tickets[1].abandon();
    drop(std::iter::repeat_with(|| go.send(())).take(2).collect::<Result<Vec<_>, _>>().unwrap());
    bench.push(1, 4);
    assert_eq!(outputs(&bench.finish().0), [(0, 1), (0, 3)]);
}

/// The reports on inputs 1 and 2, when `disturb` is called between them while the engine works on the first.
fn disturbed(disturb: impl FnOnce(&DeviceHandle), second: StageName, calm: impl FnOnce(&Bench)) -> Vec<LaneReport> {
    let (drawn, is_drawn) = bounded(0);
    let (go, wait) = bounded::<()>(0);
    let bench = Bench::new(move |flow| {
        let Some((key, input)) = flow.draw() else { return Ok(()) };
        if input == 1 {
            drawn.send(()).unwrap();
            wait.recv().unwrap();
            assert!(flow.draw().is_none(), "the engine gets no more inputs");
        }
        flow.complete(key, input);
        Ok(())
    });
    bench.push(0, 1);
    is_drawn.recv().unwrap();
    disturb(&bench.lane);
    bench.push_of(second, 0, 2);
    go.send(()).unwrap();
    calm(&bench);
    bench.finish().0
}

#[test]
fn lane_probes_health_before_the_inputs_that_wait() {
    let reports = disturbed(DeviceHandle::probe_health, super::STAGE, |_| ());
    let probe = reports.iter().position(|report| matches!(report, LaneReport::HealthProbeEnded { error: None }));
    assert_eq!((outputs(&reports), probe), (vec![(0, 1), (0, 2)], Some(1)));
}

#[test]
fn lane_ends_its_engine_for_an_input_of_another_stage_which_is_not_lost() {
    let reports = disturbed(|_| (), OTHER, |_| ());
    assert_eq!((outputs(&reports), failures(&reports)), (vec![(0, 1), (0, 2)], vec![]));
}

#[test]
fn lane_completes_the_inputs_in_flight_when_paused_and_no_more_until_it_resumes() {
    let reports = disturbed(
        |lane| lane.pause(true),
        super::STAGE,
        |bench| {
            assert_eq!(outputs(&[bench.reports.recv().unwrap()]), [(0, 1)]);
            assert!(bench.reports.recv_timeout(Duration::from_millis(50)).is_err());
            bench.lane.pause(false);
        },
    );
    assert_eq!(outputs(&reports), [(0, 2)]);
}

#[test]
fn lane_reports_a_model_that_does_not_load_from_the_health_probe() {
    for (load, passes) in [(Ok(()), true), (Err(refusal()), false)] {
        let bench = Bench::of(Fake { load, ..Fake::new(in_groups) }, usize::MAX);
        bench.lane.probe_health();
        match bench.reports.recv().unwrap() {
            LaneReport::HealthProbeEnded { error } => assert_eq!(error.is_none(), passes),
            _ => panic!("another report"),
        }
    }
}

#[test]
fn lane_counts_steps_and_outputs_as_progress_of_the_device() {
    let bench = Bench::new(|flow| {
        while let Some((key, input)) = flow.draw() {
            (0..10).for_each(|_| flow.progressed());
            flow.complete(key, input);
        }
        Ok(())
    });
    let activity = Arc::clone(&bench.activity);
    bench.feed(&[(0, 1), (0, 2)]);
    let (device, setup) = (activity.read().device, activity.read().setup);
    assert!(device.done >= 22, "{device:?}");
    assert_eq!((device.busy, setup.done), (0, 1), "loading the models is not a step of the engine");
}

#[test]
fn guarded_turns_a_panic_into_an_error_with_its_message() {
    let error = guarded::<()>(super::STAGE, || panic!("no {}", "way")).unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str(), error.message.as_str()),
        (ErrorClass::Bug, "panic", "panicked: no way")
    );
}
