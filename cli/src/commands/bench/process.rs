//! The processes that measure one combination: one per device, as in a run.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::message::{FromProcess, Input, Ran, Ready, Task, ToProcess};
use stage_core::{DeviceId, PipelineError};

/// Why a process returned no measurement.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    #[error("its process cannot be started: {0}")]
    Start(io::Error),
    #[error("{0}")]
    Failed(String),
    #[error("its process ended with exit code {0}")]
    Ended(i32),
    #[error("its process was killed by signal {0} (9: possibly out of memory)")]
    Killed(i32),
    #[error("its process failed: {0}")]
    Broken(String),
    #[error("a message to its process cannot be serialized: {0}")]
    Unwritable(serde_json::Error),
}

/// A measuring process, which is killed on drop.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Runs the earlier stages and returns their artifacts.
    pub(super) fn prepare(task: Task) -> Result<Vec<Result<Input, PipelineError>>, ProcessError> {
        let device = task.device.clone();
        let mut process = Self::start(&device, task.threads)?;
        process.say(&ToProcess::Prepare(task))?;
        match process.reply()? {
            FromProcess::Prepared(inputs) => Ok(inputs),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts a process and sends it the task.
    pub(super) fn measure(task: Task) -> Result<Self, ProcessError> {
        let device = task.device.clone();
        let mut process = Self::start(&device, task.threads)?;
        process.say(&ToProcess::Measure(task))?;
        Ok(process)
    }

    /// Waits until it is ready.
    pub(super) fn ready(&mut self) -> Result<Ready, ProcessError> {
        match self.reply()? {
            FromProcess::Ready(ready) => Ok(ready),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts a run.
    pub(super) fn run(&mut self) -> Result<(), ProcessError> {
        self.say(&ToProcess::Run)
    }

    /// Waits for the run to end.
    pub(super) fn ran(&mut self) -> Result<Ran, ProcessError> {
        match self.reply()? {
            FromProcess::Ran(ran) => Ok(ran),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts the process in its own process group, so that an interrupt reaches only `bench`. When `bench` exits, it
    /// closes the process's standard input, and the process exits too.
    fn start(device: &DeviceId, threads: usize) -> Result<Self, ProcessError> {
        let program = std::env::current_exe().map_err(ProcessError::Start)?;
        let mut command = Command::new(program);
        command.arg("bench-worker").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        command.env("RAYON_NUM_THREADS", threads.to_string());
        if let DeviceId::Cuda(name) = device {
            command.env("CUDA_VISIBLE_DEVICES", name);
        }
        let mut child = command.spawn().map_err(ProcessError::Start)?;
        match child.stdin.take().zip(child.stdout.take()) {
            Some((stdin, stdout)) => Ok(Self { child, stdin, stdout: BufReader::new(stdout) }),
            None => Err(ProcessError::Start(io::Error::other("it has no pipes"))),
        }
    }

    fn say(&mut self, message: &ToProcess) -> Result<(), ProcessError> {
        let line = serde_json::to_string(message).map_err(ProcessError::Unwritable)?;
        match writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush()) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.end()),
        }
    }

    fn reply(&mut self) -> Result<FromProcess, ProcessError> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(0) => Err(self.end()),
            Ok(_) => match serde_json::from_str(&line) {
                Ok(FromProcess::Failed(reason)) => Err(ProcessError::Failed(reason)),
                Ok(message) => Ok(message),
                Err(error) => Err(ProcessError::Broken(error.to_string())),
            },
            Err(error) => Err(ProcessError::Broken(error.to_string())),
        }
    }

    /// The exit status of a process that has closed its pipes.
    fn end(&mut self) -> ProcessError {
        match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ProcessError::Ended(code),
                (None, signal) => ProcessError::Killed(signal.unwrap_or_default()),
            },
            Err(error) => ProcessError::Broken(error.to_string()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both calls fail only if the process has already been reaped.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn unexpected(message: &FromProcess) -> ProcessError {
    let kind = match message {
        FromProcess::Failed(_) => "a failure",
        FromProcess::Prepared(_) => "artifacts",
        FromProcess::Ready(_) => "readiness",
        FromProcess::Ran(_) => "a run",
    };
    ProcessError::Broken(format!("unexpected message: {kind}"))
}
