//! A worker process: its pipes, and its certain end.

use std::io::{self, BufReader, BufWriter};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use stage_core::DeviceId;

use super::WorkerCommand;
use crate::devices::DeviceReading;
use crate::protocol::{CodecError, Decoder, Encoder, FromWorker, ToWorker};

/// How long a worker that has closed its stdout may take to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What comes to the coordinator.
#[derive(Debug)]
pub(super) enum Incoming {
    /// From a worker.
    Worker {
        slot: usize,
        /// Which of the slot's processes, one after the other.
        generation: u64,
        news: News,
    },
    /// From the device monitor.
    Device(Box<DeviceReading>),
}

#[derive(Debug)]
pub(super) enum News {
    Said(FromWorker),
    /// It cannot be understood.
    Garbage(CodecError),
    /// It closed its stdout.
    Closed,
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    outgoing: Option<Sender<ToWorker>>,
    heard: Arc<LastHeard>,
}

/// When a worker said something last: noted as it is read, so that a busy coordinator takes no worker for silent.
#[derive(Debug)]
struct LastHeard {
    start: Instant,
    after_ms: AtomicU64,
}

impl LastHeard {
    fn now(&self) {
        self.after_ms.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// A worker whose message waits for the coordinator is not silent.
    fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.after_ms.store(u64::MAX, Ordering::Relaxed);
        let result = wait();
        self.now();
        result
    }
}

impl WorkerProcess {
    /// Starts a worker in a process group of its own, so that a terminal's interrupt reaches the coordinator alone.
    pub(super) fn spawn(
        command: &WorkerCommand,
        device: &DeviceId,
        threads: usize,
        (slot, generation): (usize, u64),
        incoming: Sender<Incoming>,
    ) -> io::Result<Self> {
        let mut prepared = Command::new(&command.program);
        prepared.args(&command.args).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        // CUDA_MPS_* variables are inherited. Kernels size their pools by this; the lanes are told in the configuration.
        prepared.env("RAYON_NUM_THREADS", threads.to_string());
        if let DeviceId::Cuda(name) = device {
            prepared.env("CUDA_VISIBLE_DEVICES", name);
        }
        let mut child = prepared.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (outgoing, to_write) = unbounded();
        let heard = Arc::new(LastHeard { start: Instant::now(), after_ms: AtomicU64::new(0) });
        let process = Self { child, outgoing: Some(outgoing), heard: Arc::clone(&heard) };
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("the worker has no pipes"))?;
        let tell =
            move |news| heard.while_waiting(|| incoming.send(Incoming::Worker { slot, generation, news }).is_ok());
        thread::Builder::new().name(format!("from-{device}")).spawn(move || read(stdout, tell))?;
        thread::Builder::new().name(format!("to-{device}")).spawn(move || write(stdin, &to_write))?;
        Ok(process)
    }

    /// Sends a message. One that cannot be delivered is dropped: the worker's end is told by its stdout.
    pub(super) fn say(&self, message: ToWorker) {
        if let Some(outgoing) = &self.outgoing {
            drop(outgoing.send(message));
        }
    }

    /// For how long it has said nothing.
    pub(super) fn silent_for(&self) -> Duration {
        let after = Duration::from_millis(self.heard.after_ms.load(Ordering::Relaxed));
        self.heard.start.elapsed().saturating_sub(after)
    }

    /// Closes the worker's stdin behind what was said.
    pub(super) fn close(&mut self) {
        self.outgoing = None;
    }

    /// Waits up to `patience` for the process to end by itself; none if it did not.
    pub(super) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// How a worker that has closed its stdout ended.
    pub(super) fn epitaph(&mut self) -> String {
        match self.wait(LAST_WORDS) {
            None => "closed its stdout and did not end".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("ended with exit code {code}"),
                (None, Some(signal)) => format!("killed by signal {signal}"),
                (None, None) => format!("ended: {status}"),
            },
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read(stdout: ChildStdout, tell: impl Fn(News) -> bool) {
    let mut decoder = Decoder::new(BufReader::new(stdout));
    loop {
        let news = match decoder.read() {
            Ok(Some(message)) => News::Said(message),
            Ok(None) => News::Closed,
            // A killed worker may leave half a line.
            Err(CodecError::Truncated | CodecError::Io(_)) => News::Closed,
            Err(error) => News::Garbage(error),
        };
        let last = !matches!(news, News::Said(_));
        if !tell(news) || last {
            return;
        }
    }
}

fn write(stdin: ChildStdin, messages: &Receiver<ToWorker>) {
    let mut encoder = Encoder::new(BufWriter::new(stdin));
    for message in messages {
        if let Err(error) = encoder.write(&message) {
            tracing::debug!(%error, "a worker takes no more messages");
            return;
        }
    }
}
