//! One run of ffmpeg: reads our open file, writes to a pipe, and never outlives its use.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ffmpeg::Ffmpeg;
use super::messages::{Frame, Messages};

/// Bytes that are read from the pipe at once.
const CHUNK_BYTES: usize = 1 << 16;
/// Chunks that wait to be used. When they are full, ffmpeg waits.
const CHUNKS_MAX: usize = 4;
/// Without output for this long, ffmpeg hangs.
const SILENT_MAX: Duration = Duration::from_secs(120);
/// Time for ffmpeg to end after it has closed its output.
const END_MAX: Duration = Duration::from_secs(10);
/// Limit for the address space of ffmpeg. Its libraries take a part of it.
const MEMORY_MAX_BYTES: u64 = 4 << 30;
/// Limit for the CPU time of ffmpeg, in seconds. It decodes hundreds of hours of calls in this time.
const CPU_MAX_S: u64 = 3_600;
/// Signals with which a user or the system ends a process without regard to the file: HUP, INT, KILL, TERM.
const ENDED_BY_OTHERS: [i32; 4] = [1, 2, 9, 15];

/// Why a run gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("it cannot be started")]
    Start(#[source] io::Error),
    #[error("its output cannot be read")]
    Pipe(#[source] io::Error),
    #[error("it gave no output for {} s and was ended", SILENT_MAX.as_secs())]
    Hangs,
    #[error("it was ended by signal {0}")]
    Ended(i32),
    #[error("{0}")]
    Failed(String),
}

impl ProcessError {
    /// Whether another try may succeed: the file is not the cause.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Start(_) | Self::Pipe(_) => true,
            Self::Ended(signal) => ENDED_BY_OTHERS.contains(signal),
            Self::Hangs | Self::Failed(_) => false,
        }
    }
}

/// A running ffmpeg. Dropping it ends it.
pub(super) struct Process {
    child: Child,
    chunks: Receiver<io::Result<Vec<u8>>>,
    messages: Option<JoinHandle<Messages>>,
}

impl Process {
    /// Starts ffmpeg with the file as its standard input, so that it reads these bytes even if the file's name now
    /// belongs to another one. Also returns the decoded frames, if its arguments make it print them; there are never more
    /// than their samples fill the pipe with.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(
        program: &Ffmpeg,
        arguments: &[String],
        file: File,
    ) -> Result<(Self, Receiver<Frame>), ProcessError> {
        let mut child = Command::new(&program.path)
            .args(arguments)
            .stdin(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // An interrupt from the terminal is for Earwitness, which finishes the recording.
            .process_group(0)
            // This variable makes ffmpeg write a log file into the current folder.
            .env_remove("FFREPORT")
            .env("AV_LOG_FORCE_NOCOLOR", "1")
            .spawn()
            .map_err(ProcessError::Start)?;
        limit_resources(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (sender, chunks) = sync_channel(CHUNKS_MAX);
        if let Some(mut stdout) = stdout {
            // The thread ends when the pipe or the receiver is closed. If this process dies, the pipe is closed too,
            // and the next write ends ffmpeg.
            thread::spawn(move || {
                while let Some(chunk) = read_chunk(&mut stdout).transpose() {
                    if sender.send(chunk).is_err() {
                        break;
                    }
                }
            });
        }
        let (sender, frames) = channel();
        let messages = stderr.map(|stderr| thread::spawn(move || Messages::read(stderr, &sender)));
        Ok((Self { child, chunks, messages }, frames))
    }

    /// The next bytes of the output, or `None` at its end.
    ///
    /// # Errors
    /// The pipe fails, or ffmpeg hangs.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, ProcessError> {
        match self.chunks.recv_timeout(SILENT_MAX) {
            Ok(chunk) => chunk.map(Some).map_err(ProcessError::Pipe),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(ProcessError::Hangs),
        }
    }

    /// Waits for the end of ffmpeg, after the end of its output. Returns its messages, and whether it succeeded.
    ///
    /// # Errors
    /// It does not end, or was ended by a signal.
    pub(super) fn finish(mut self) -> Result<(Messages, bool), ProcessError> {
        let status = self.wait()?;
        let messages = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match status.signal() {
            Some(signal) => Err(ProcessError::Ended(signal)),
            None => Ok((messages, status.success())),
        }
    }

    fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        let until = Instant::now() + END_MAX;
        loop {
            if let Some(status) = self.child.try_wait().map_err(ProcessError::Pipe)? {
                return Ok(status);
            }
            if Instant::now() > until {
                return Err(ProcessError::Hangs);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the pipe holds, up to [`CHUNK_BYTES`]; `None` at its end.
fn read_chunk(pipe: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(read) => {
                chunk.truncate(read);
                return Ok(Some(chunk));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Limits memory and CPU time of a process that has just been started.
#[cfg(target_os = "linux")]
fn limit_resources(child: &Child) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    for (resource, limit) in [(Resource::As, MEMORY_MAX_BYTES), (Resource::Cpu, CPU_MAX_S)] {
        // Fails if the process has ended already.
        let _ = prlimit(Some(Pid::from_child(child)), resource, Rlimit { current: Some(limit), maximum: Some(limit) });
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_resources(_child: &Child) {}
