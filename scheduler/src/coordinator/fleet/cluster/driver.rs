//! The process of a driver: starting it, its pipes, and its end.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::reader::Reader;
use super::silence::{ReaderClock, SlotSilence};
use super::slot::ClusterSlot;
use super::wire::{self, Address, Configure};
use crate::coordinator::fleet::connection::{Connection, Incoming};
use crate::coordinator::fleet::exit;
use crate::coordinator::options::WorkerCommand;
use crate::protocol::{CodecError, Encoder, ToWorker};

/// How long a driver may take to end its actors after its stdin is closed. They end with it in any case.
const EXIT_PATIENCE: Duration = Duration::from_secs(8);
/// How long a driver that has closed its stdout may take to exit.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);
/// How long the rest of its standard error may take to arrive after its exit.
const LOG_PATIENCE: Duration = Duration::from_millis(500);
/// Number of lines of the driver's standard error that are kept, to say why it ended.
const KEPT_LINES: usize = 20;

/// A message to the driver.
#[derive(Debug)]
pub(super) enum ToDriver {
    /// Start a worker.
    Start(Address),
    /// Pass a message to a worker.
    Message(Address, ToWorker),
    /// Close a worker's stdin.
    Close(Address),
    /// Kill a worker. Its slot keeps its resources.
    Kill(Address),
    /// Kill a worker and give the resources of its slot back.
    Release(Address),
}

/// The slots of a driver, as its reader knows them: the address and the silence of their current workers.
pub(super) type Slots = Mutex<HashMap<usize, Arc<SlotSilence>>>;

/// A driver. Its workers end when this is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    outgoing: Option<Sender<ToDriver>>,
    clock: Arc<ReaderClock>,
    slots: Arc<Slots>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    /// The thread that reads its standard error.
    log: Option<JoinHandle<()>>,
}

impl Driver {
    /// Starts the driver with this number.
    pub(super) fn spawn(
        command: &WorkerCommand,
        configure: &Configure<'_>,
        number: u32,
        incoming: Sender<Incoming>,
    ) -> io::Result<Self> {
        let mut prepared = Command::new(&command.program);
        prepared.args(&command.args).process_group(0);
        let mut child = prepared.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((stdin, stdout), stderr) = pipes.ok_or_else(|| io::Error::other("the driver has no pipes"))?;
        let mut input = BufWriter::new(stdin);
        let (clock, slots): (Arc<ReaderClock>, Arc<Slots>) = Default::default();
        let last_lines = Arc::default();
        let (outgoing, to_write) = unbounded();
        let mut driver = Self {
            child,
            outgoing: Some(outgoing),
            clock: Arc::clone(&clock),
            slots: Arc::clone(&slots),
            last_lines: Arc::clone(&last_lines),
            log: None,
        };
        wire::write_own(&mut input, "configure", configure)?;
        // If the driver has ended already, its stdout and stderr say why.
        drop(input.flush());
        let reader = Reader::new(BufReader::new(stdout), number, clock, slots, incoming);
        thread::Builder::new().name("from-driver".to_owned()).spawn(move || reader.run())?;
        thread::Builder::new().name("to-driver".to_owned()).spawn(move || write(input, &to_write))?;
        let log = thread::Builder::new().name("driver-log".to_owned());
        driver.log = Some(log.spawn(move || keep_lines(stderr, &last_lines))?);
        Ok(driver)
    }

    /// Starts a worker in a slot.
    pub(super) fn connect(&self, address: Address) -> Box<dyn Connection> {
        let silence = Arc::new(SlotSilence::new(address, Arc::clone(&self.clock)));
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).insert(address.slot, Arc::clone(&silence));
        self.send(ToDriver::Start(address));
        Box::new(ClusterSlot::new(address, self.outgoing.clone(), silence))
    }

    /// Gives the resources of a slot back.
    pub(super) fn release(&self, address: Address) {
        self.send(ToDriver::Release(address));
    }

    /// How long the driver has sent nothing.
    pub(super) fn silent_for(&self) -> Duration {
        self.clock.silent_for()
    }

    /// Kills the driver. The engine ends its actors.
    pub(super) fn kill(&mut self) {
        // Fails only if the process has already ended and been waited for.
        drop(self.child.kill());
    }

    fn send(&self, message: ToDriver) {
        if let Some(outgoing) = &self.outgoing {
            drop(outgoing.send(message));
        }
    }

    /// Describes how a driver that has closed its stdout ended, with the end of its standard error.
    pub(super) fn exit_description(&mut self) -> String {
        let end = match exit::wait(&mut self.child, STATUS_PATIENCE) {
            Some(status) => {
                // What it wrote last says why. Processes that it left behind may keep the pipe open.
                exit::wait_until(LOG_PATIENCE, || self.log.as_ref().is_none_or(JoinHandle::is_finished));
                exit::describe(status)
            }
            None => "closed its stdout and did not exit".to_owned(),
        };
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.iter().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{end}: {}", line.trim()),
            None => end,
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.outgoing = None;
        if exit::wait(&mut self.child, EXIT_PATIENCE).is_none() {
            tracing::warn!("the driver of the cluster did not end and is killed");
        }
        self.kill();
        drop(self.child.wait());
    }
}

fn write(mut input: BufWriter<ChildStdin>, messages: &Receiver<ToDriver>) {
    for message in messages {
        let written = write_one(&mut input, &message);
        // Several messages that wait are written together.
        let flushed = if messages.is_empty() { input.flush().map_err(CodecError::Io) } else { Ok(()) };
        match written.and(flushed) {
            Ok(()) => {}
            Err(error @ CodecError::Unwritable(_)) => tracing::error!(%error, "a bug of the coordinator"),
            Err(error) => {
                tracing::debug!(%error, "the driver accepts no more messages");
                return;
            }
        }
    }
}

fn write_one(input: &mut impl Write, message: &ToDriver) -> Result<(), CodecError> {
    match message {
        ToDriver::Start(address) => wire::write_verb(input, *address, "start")?,
        ToDriver::Close(address) => wire::write_verb(input, *address, "close")?,
        ToDriver::Kill(address) => wire::write_verb(input, *address, "kill")?,
        ToDriver::Release(address) => wire::write_verb(input, *address, "release")?,
        ToDriver::Message(address, message) => {
            let mut lines = Vec::new();
            Encoder::new(&mut lines).write(message)?;
            wire::write_lines(input, *address, &lines)?;
        }
    }
    Ok(())
}

/// Logs the driver's standard error and keeps its last lines.
fn keep_lines(stderr: ChildStderr, last: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        tracing::info!(target: "cluster", "{line}");
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == KEPT_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
}
