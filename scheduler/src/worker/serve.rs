//! The life of a worker process: claims stdout, sends `Hello`, receives its settings, runs and exits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::unbounded;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Signal, set_parent_process_death_signal};
use stage_core::{ErrorClass, ErrorCode, Origin, PipelineError, Runners, StageName, Tool};

use super::error::WorkerError;
use super::executor::{Commands, Executor};
use super::faults::Faults;
use super::outbox::Outbox;
use super::{SlotSettings, WorkerSettings};
use crate::lanes::{Activity, Announce, guarded};
use crate::protocol::{Decoder, FaultPlace, FromWorker, Slot, ToWorker, VERSION};

/// Interval between two heartbeats until the configuration arrives.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Serves a coordinator over stdin and stdout until it shuts the worker down or stdin closes. `build` creates the
/// stages from the settings. If it fails, the coordinator reports the error. `tool` is stored with artifacts.
///
/// The calling process must exit when this returns: threads of the lanes may still be running work that is no longer
/// needed.
///
/// # Errors
/// [`WorkerError`]. Exit the process with an error code.
pub fn serve(
    tool: Tool,
    build: impl FnOnce(&WorkerSettings, &SlotSettings) -> Result<Runners, PipelineError>,
) -> Result<(), WorkerError> {
    let output = claim_stdout()?;
    die_with_parent()?;
    let outbox = Arc::new(Outbox::new(output));
    let commands = read_stdin()?;
    outbox.send(&FromWorker::Hello { protocol: VERSION, tool, pid: std::process::id() });
    let activity = Arc::new(Activity::default());
    let heartbeat = Heartbeat::start(Arc::clone(&outbox), Arc::clone(&activity))?;
    let settings = match commands.recv() {
        Ok(Ok(ToWorker::Configure(settings))) => settings,
        Ok(Ok(ToWorker::Shutdown { .. })) | Err(_) => return Ok(()),
        Ok(Ok(_)) => return Err(WorkerError::NotConfigured),
        Ok(Err(error)) => return Err(error.into()),
    };
    heartbeat.set_period(settings.heartbeat_ms);
    let built = only_slot(&settings).and_then(|slot| {
        outbox.commit_faults(Faults::new(settings.faults.clone(), &slot.device));
        let build = || {
            outbox.before(FaultPlace::Build, &[], 0)?;
            build(&settings, slot)
        };
        let runners = guarded(Origin::Worker, build)?;
        check_models(&settings.models, &runners)?;
        Ok((slot, runners))
    });
    let (slot, runners) = built.map_err(|error| {
        outbox.send(&FromWorker::Refused { error: error.clone() });
        WorkerError::Refused(error)
    })?;
    let executor = Executor::start(runners, &settings, slot, Arc::clone(&outbox), activity)?;
    outbox.send(&FromWorker::Ready);
    executor.run(&commands)
}

/// The settings of the only device. Any other number of devices is an error.
fn only_slot(settings: &WorkerSettings) -> Result<&SlotSettings, PipelineError> {
    match settings.slots.as_slice() {
        [slot] => Ok(slot),
        slots => {
            let message = format!("a worker computes on one device, {} were configured", slots.len());
            Err(PipelineError::bug(Origin::Worker, ErrorCode::WorkerSlots, message))
        }
    }
}

/// Compares the models of the stages with those that the coordinator expects.
fn check_models(expected: &BTreeMap<StageName, String>, runners: &Runners) -> Result<(), PipelineError> {
    for (stage, expected) in expected {
        let found = runners.get(*stage).and_then(|runner| runner.identity().model_sha256).unwrap_or_default();
        if found != *expected {
            let message = format!("the model of {stage} has the hash {found}, the coordinator's has {expected}");
            return Err(PipelineError::new(Origin::Worker, ErrorClass::BadInput, ErrorCode::ModelDiffers, message));
        }
    }
    Ok(())
}

/// Starts a thread that reads stdin continuously, so that the coordinator never blocks.
fn read_stdin() -> io::Result<Commands> {
    let (sender, commands) = unbounded();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut decoder = Decoder::new(BufReader::new(io::stdin()));
        while let Some(message) = decoder.read().transpose() {
            let broken = message.is_err();
            if sender.send(message).is_err() || broken {
                break;
            }
        }
    })?;
    Ok(commands)
}

/// A thread that reports the progress of the lanes, even while they are busy.
struct Heartbeat {
    every_ms: Arc<AtomicU64>,
    thread: Thread,
}

impl Heartbeat {
    fn start(outbox: Arc<Outbox>, activity: Arc<Activity>) -> io::Result<Self> {
        let every_ms = Arc::new(AtomicU64::new(HEARTBEAT.as_millis() as u64));
        let period_ms = Arc::clone(&every_ms);
        let beating = thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            while !outbox.is_broken() {
                outbox.send(&FromWorker::Heartbeat { slot: Slot::default(), progress: activity.read() });
                outbox.send_spans(activity.take_spans());
                thread::park_timeout(Duration::from_millis(period_ms.load(Ordering::Relaxed)));
            }
        })?;
        Ok(Self { every_ms, thread: beating.thread().clone() })
    }

    /// Sends a heartbeat now and from then on at this interval.
    fn set_period(&self, ms: u64) {
        self.every_ms.store(ms, Ordering::Relaxed);
        self.thread.unpark();
    }
}

/// The lowest descriptor for the private copy of stdout: after the three standard ones.
const FIRST_PRIVATE_FD: i32 = 3;

/// Reserves stdout for the protocol: duplicates descriptor 1 and redirects stdout to stderr, so that output printed by
/// a library cannot corrupt a message. Call this once, before anything is printed.
fn claim_stdout() -> io::Result<File> {
    let private = fcntl_dupfd_cloexec(io::stdout(), FIRST_PRIVATE_FD)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(private.into())
}

/// Asks the system to kill this process when its parent dies. If the parent died before this call, stdin is closed.
fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

#[cfg(test)]
mod tests {
    use stage_core::DeviceId;

    use crate::protocol::TaskTime;
    use crate::worker::sim;

    use super::*;

    fn settings(slots: u32) -> WorkerSettings {
        let slot = |slot| SlotSettings { slot: Slot(slot), device: DeviceId::Cpu(slot), device_batch: 1 };
        WorkerSettings {
            slots: (0..slots).map(slot).collect(),
            threads: 1,
            heartbeat_ms: 1,
            task_time: TaskTime::default(),
            faults: Vec::new(),
            settings: serde_json::Value::Null,
            models: BTreeMap::new(),
        }
    }

    #[test]
    fn worker_refuses_to_run_with_another_model_than_the_coordinator() {
        let runners = sim::stages(sim::SimSettings::default(), &DeviceId::Cpu(0), &sim::SPECS).unwrap();
        assert_eq!(check_models(&BTreeMap::new(), &runners), Ok(()));
        let expected = BTreeMap::from([(sim::SPECS[2].name, "ab".repeat(32))]);
        let error = check_models(&expected, &runners).unwrap_err();
        assert_eq!((error.class, &error.code), (ErrorClass::BadInput, &ErrorCode::ModelDiffers));
        assert!(error.message.contains(&"ab".repeat(32)), "{error}");
    }

    #[test]
    fn worker_refuses_a_configuration_with_other_than_one_device() {
        assert_eq!(only_slot(&settings(1)).unwrap().device, DeviceId::Cpu(0));
        for slots in [0, 2] {
            let error = only_slot(&settings(slots)).unwrap_err();
            assert_eq!((error.origin, &error.code), (Origin::Worker, &ErrorCode::WorkerSlots));
            assert!(error.message.contains(&format!("{slots} were configured")), "{error}");
        }
    }
}
