//! A worker process on this machine: its pipes and its termination.

use std::io::{self, BufReader, BufWriter};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use stage_core::DeviceId;

use super::connection::{Connection, Incoming, Output};
use super::exit;
use crate::coordinator::options::WorkerCommand;
use crate::protocol::{CodecError, Decoder, Encoder, ToWorker};
use crate::worker::WORKER_VARIABLE;

/// How long a worker that has closed its stdout may take to exit.
const EXIT_PATIENCE: Duration = Duration::from_secs(2);

/// When a worker last wrote. The reading thread records this, so that a busy coordinator does not treat a worker as
/// silent.
#[derive(Debug)]
struct LastOutput {
    start: Instant,
    after_ms: AtomicU64,
}

impl LastOutput {
    fn now(&self) {
        self.after_ms.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// A worker is not silent while its message waits for the coordinator.
    fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.after_ms.store(u64::MAX, Ordering::Relaxed);
        let result = wait();
        self.now();
        result
    }
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    outgoing: Option<Sender<ToWorker>>,
    last_output: Arc<LastOutput>,
}

impl WorkerProcess {
    /// Starts a worker in its own process group, so that an interrupt from the terminal reaches only the coordinator.
    pub(super) fn spawn(
        command: &WorkerCommand,
        device: &DeviceId,
        threads: usize,
        (worker, generation): (usize, u64),
        incoming: Sender<Incoming>,
    ) -> io::Result<Self> {
        let mut prepared = Command::new(&command.program);
        prepared.args(&command.args).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        // CUDA_MPS_* variables are inherited. Kernels size their pools by RAYON_NUM_THREADS. The lanes get the number
        // of threads with the settings.
        prepared.env("RAYON_NUM_THREADS", threads.to_string()).env(WORKER_VARIABLE, "1");
        if let DeviceId::Cuda(name) = device {
            prepared.env("CUDA_VISIBLE_DEVICES", name);
        }
        let mut child = prepared.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (outgoing, to_write) = unbounded();
        let last_output = Arc::new(LastOutput { start: Instant::now(), after_ms: AtomicU64::new(0) });
        let process = Self { child, outgoing: Some(outgoing), last_output: Arc::clone(&last_output) };
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("the worker has no pipes"))?;
        let forward = move |output| {
            last_output.while_waiting(|| incoming.send(Incoming::Worker { worker, generation, output }).is_ok())
        };
        thread::Builder::new().name(format!("from-{device}")).spawn(move || read(stdout, forward))?;
        thread::Builder::new().name(format!("to-{device}")).spawn(move || write(stdin, &to_write))?;
        Ok(process)
    }
}

impl Connection for WorkerProcess {
    /// The reader of its stdout notices the end.
    fn send(&self, message: ToWorker) {
        if let Some(outgoing) = &self.outgoing {
            drop(outgoing.send(message));
        }
    }

    fn close(&mut self) {
        self.outgoing = None;
    }

    fn silent_for(&self) -> Duration {
        let after = Duration::from_millis(self.last_output.after_ms.load(Ordering::Relaxed));
        self.last_output.start.elapsed().saturating_sub(after)
    }

    fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        anonymous.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    fn exit_description(&mut self) -> String {
        match exit::wait(&mut self.child, EXIT_PATIENCE) {
            None => "closed its stdout and did not exit".to_owned(),
            Some(status) => exit::describe(status),
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // Both calls fail only if the process has already ended and been waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read(stdout: ChildStdout, forward: impl Fn(Output) -> bool) {
    let mut decoder = Decoder::new(BufReader::new(stdout));
    loop {
        let output = match decoder.read() {
            Ok(Some(message)) => Output::Message(message),
            Ok(None) => Output::Closed,
            // A killed worker may leave an incomplete line.
            Err(CodecError::Truncated | CodecError::Io(_)) => Output::Closed,
            Err(error) => Output::Malformed(error),
        };
        let last = !matches!(output, Output::Message(_));
        if !forward(output) || last {
            return;
        }
    }
}

fn write(stdin: ChildStdin, messages: &Receiver<ToWorker>) {
    let mut encoder = Encoder::new(BufWriter::new(stdin));
    for message in messages {
        match encoder.write(&message) {
            Ok(()) => {}
            Err(error @ CodecError::Unwritable(_)) => {
                tracing::error!(%error, "a bug of the coordinator: its worker gets no more messages");
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "a worker accepts no more messages");
                return;
            }
        }
    }
}
