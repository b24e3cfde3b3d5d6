//! The worker's life: claim stdout, greet, be configured, run, end.

use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use stage_core::{StageError, StageKind, Tool};

use super::executor::Executor;
use super::faults::Faults;
use super::outbox::Outbox;
use super::{Pipeline, WorkerSettings, stdio};
use crate::lanes::{Activity, Announce, guarded};
use crate::protocol::{CodecError, Decoder, FaultPlace, FromWorker, ToWorker, VERSION};

/// Between two heartbeats before the configuration tells.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why a worker ended otherwise than it was told to. End the process with a failing exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// Descriptors, threads or the death signal could not be set up.
    #[error("the worker cannot start: {0}")]
    Start(#[from] io::Error),
    /// The CPU lane could not be made.
    #[error("the worker cannot start its threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The coordinator's input cannot be understood.
    #[error("the coordinator cannot be understood: {0}")]
    Protocol(#[from] CodecError),
    /// Something else came before the configuration.
    #[error("the coordinator did not begin with the configuration")]
    NotConfigured,
    /// The pipeline could not be built; the coordinator was told.
    #[error("the pipeline cannot be built: {0}")]
    Refused(#[source] StageError),
}

/// What the reader of stdin hands on; the channel closes at the end of stdin.
pub(super) type Commands = Receiver<Result<ToWorker, CodecError>>;

/// Serves a coordinator over stdin and stdout until it says to end or stdin closes. `build` makes the pipeline from
/// the settings; a failure is told to the coordinator, which reports it. `tool` is recorded with artifacts.
///
/// The calling process must end when this returns: lanes may still be at work that nobody waits for.
///
/// # Errors
/// [`WorkerError`]; end the process with a failing exit code.
pub fn serve<P: Pipeline>(
    tool: Tool,
    build: impl FnOnce(&WorkerSettings) -> Result<P, StageError>,
) -> Result<(), WorkerError> {
    let output = stdio::claim_stdout()?;
    stdio::die_with_parent()?;
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
    outbox.commit_faults(Faults::new(settings.faults.clone(), &settings.device));
    let pipeline = guarded(StageKind::Decode, || {
        outbox.before(FaultPlace::Build, &[], 0)?;
        build(&settings)
    });
    let pipeline = pipeline.map_err(|error| {
        outbox.send(&FromWorker::Refused { error: error.clone() });
        WorkerError::Refused(error)
    })?;
    let executor = Executor::start(pipeline, &settings, Arc::clone(&outbox), activity)?;
    outbox.send(&FromWorker::Ready);
    executor.run(&commands)
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

/// A thread that tells of the lanes' progress whatever they do.
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
                outbox.send(&FromWorker::Heartbeat(activity.read()));
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
