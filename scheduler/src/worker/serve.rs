//! The worker process from start to end: claim stdout, send the greeting, be configured, run, end.

use std::fs::File;
use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::unbounded;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Signal, set_parent_process_death_signal};
use stage_core::{ErrorClass, Runners, StageError, StageName, Tool};

use super::error::WorkerError;
use super::executor::{Commands, Executor};
use super::faults::Faults;
use super::outbox::Outbox;
use super::{SlotSettings, WorkerSettings};
use crate::lanes::{Activity, Announce, guarded};
use crate::protocol::{Decoder, FaultPlace, FromWorker, Slot, ToWorker, VERSION};

/// Between two heartbeats before the configuration is known.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Serves a coordinator over stdin and stdout until it ends the worker or stdin closes. `build` makes the stages from
/// the settings; the coordinator reports its failure. `tool` is stored with artifacts.
///
/// The calling process must end when this returns: lanes may still be busy with work that nobody waits for.
///
/// # Errors
/// [`WorkerError`]; end the process with a failing exit code.
pub fn serve(
    tool: Tool,
    build: impl FnOnce(&WorkerSettings, &SlotSettings) -> Result<Runners, StageError>,
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
        Ok((slot, guarded(WORKER, build)?))
    });
    let (slot, runners) = built.map_err(|error| {
        outbox.send(&FromWorker::Refused { error: error.clone() });
        WorkerError::Refused(error)
    })?;
    let executor = Executor::start(runners, &settings, slot, Arc::clone(&outbox), activity)?;
    outbox.send(&FromWorker::Ready);
    executor.run(&commands)
}

/// What stands in an error for the stage, before there are any.
const WORKER: StageName = StageName::new("worker");

/// The device of a worker that has one.
fn only_slot(settings: &WorkerSettings) -> Result<&SlotSettings, StageError> {
    match settings.slots.as_slice() {
        [slot] => Ok(slot),
        slots => {
            let message = format!("a worker computes on one device, {} were configured", slots.len());
            Err(StageError::new(WORKER, ErrorClass::Bug, "worker-slots", message))
        }
    }
}

/// A thread that always drains stdin, so that the coordinator never waits.
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

/// A thread that reports the lanes' progress, also while they are busy.
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

    /// Beats at once, and with this period from now on.
    fn set_period(&self, ms: u64) {
        self.every_ms.store(ms, Ordering::Relaxed);
        self.thread.unpark();
    }
}

/// The lowest number that the private copy may get: beyond the standard three.
const FIRST_PRIVATE_FD: i32 = 3;

/// Takes stdout for the protocol: keeps a private copy of descriptor 1 and turns stdout into stderr, so that no
/// library's print can break a message. To be called once, before anything is printed.
fn claim_stdout() -> io::Result<File> {
    let private = fcntl_dupfd_cloexec(io::stdout(), FIRST_PRIVATE_FD)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(private.into())
}

/// Has the system end this process when its parent dies. A parent that died before the call closed stdin.
fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

#[cfg(test)]
mod tests {
    use stage_core::DeviceId;

    use super::*;

    fn settings(slots: u32) -> WorkerSettings {
        let slot = |slot| SlotSettings { slot: Slot(slot), device: DeviceId::Cpu(slot), device_batch: 1 };
        WorkerSettings {
            slots: (0..slots).map(slot).collect(),
            threads: 1,
            heartbeat_ms: 1,
            faults: Vec::new(),
            settings: serde_json::Value::Null,
        }
    }

    #[test]
    fn worker_refuses_a_configuration_with_other_than_one_device() {
        assert_eq!(only_slot(&settings(1)).unwrap().device, DeviceId::Cpu(0));
        for slots in [0, 2] {
            let error = only_slot(&settings(slots)).unwrap_err();
            assert_eq!(error.code, "worker-slots");
            assert!(error.message.contains(&format!("{slots} were configured")), "{error}");
        }
    }
}
