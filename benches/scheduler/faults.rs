//! How soon a dead or hung worker is noticed.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use scheduler::coordinator::{Event, Interrupt, TimeLimits, run};
use scheduler::protocol::{Fault, FaultKind, FaultPlace};
use scheduler::store::IncidentKind;
use scheduler::worker::sim::SimSettings;
use stage_core::{Phase, StageName};

use crate::{load, median, row};

const ROUNDS: usize = 5;
/// Heartbeat interval of the runs with injected faults.
const HEARTBEAT: Duration = Duration::from_secs(1);
const STALL: Duration = Duration::from_secs(2);

pub(crate) fn table() {
    let timing =
        TimeLimits { heartbeat_ms: HEARTBEAT.as_millis() as u64, device_stall_ms: 60_000, ..TimeLimits::default() };
    let exit_s = (0..ROUNDS).map(|_| noticed_s(Some(Signal::KILL), timing)).collect();
    row("a killed worker is noticed after", median(exit_s) * 1e3, "ms");
    let stop_s = (0..ROUNDS).map(|_| noticed_s(Some(Signal::STOP), timing)).collect();
    row("a worker that stops (no heartbeat) is noticed after, in heartbeats", median(stop_s), "");
    let wedged = TimeLimits { device_stall_ms: STALL.as_millis() as u64, ..timing };
    let wedged_s = (0..ROUNDS).map(|_| noticed_s(None, wedged)).collect();
    row("a wedged device lane is noticed after its limit, plus (heartbeats)", median(wedged_s), "");
}

/// Seconds from the signal to the incident. Without a signal, the device lane hangs at its third call; the result is
/// then the time from the last completed call, less the stall limit.
fn noticed_s(signal: Option<Signal>, timing: TimeLimits) -> f64 {
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut store = load::store(folder.path());
    let sim = SimSettings { time_scale: 10.0, load_s: 0.0, ..SimSettings::default() };
    let mut options = load::options(1, &sim);
    options.timing = timing;
    if signal.is_none() {
        let once = Some(folder.path().join("wedged"));
        let at = FaultPlace::Stage(StageName::new("model"), Phase::Infer);
        options.faults = vec![Fault { at, kind: FaultKind::Wedge, device: None, recording: None, after: 2, once }];
    }
    let interrupt = Interrupt::default();
    let (mut pid, mut at, mut noticed) = (0, None, None);
    run(&load::planned([600.0, 600.0]), &mut *store, &options, &interrupt, &mut |event, _| match event {
        Event::WorkerUp { pid: up, .. } => pid = up as i32,
        Event::CheckpointCommitted { .. } if noticed.is_none() => match signal {
            Some(signal) if at.is_none() => {
                kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
                at = Some(Instant::now());
            }
            Some(_) => {}
            None => at = Some(Instant::now()),
        },
        Event::Incident(incident) if incident.kind == IncidentKind::WorkerLost && noticed.is_none() => {
            noticed = at.map(|at| at.elapsed());
            interrupt.request();
            interrupt.request();
        }
        _ => {}
    })
    .unwrap();
    let limit = if signal.is_none() { STALL } else { Duration::ZERO };
    noticed.unwrap().saturating_sub(limit).as_secs_f64()
}
