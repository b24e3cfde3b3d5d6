//! Controls a running program: reads its events and sends signals.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Finished, earwitness, run_args};

/// Time limit of a run.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run in progress.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    stderr: String,
    workers: Vec<u32>,
}

impl Running {
    /// Starts `earwitness run INPUTS --out OUT --progress json` with further arguments.
    pub(crate) fn start(inputs: &[&Path], out: &Path, more: &[&str]) -> Self {
        Self::spawn(earwitness(run_args(inputs, out, more)))
    }

    /// Starts a prepared run.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, stderr: String::new(), workers: Vec::new() }
    }

    /// The next JSON line on standard error; `None` after the run has ended.
    pub(crate) fn next_event(&mut self) -> Option<Value> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some(event) = self.note(&line) {
                        return Some(event);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("no further output:\n{}", self.stderr),
            }
        }
    }

    /// The next JSON line, if it arrives within the limit.
    pub(crate) fn next_event_within(&mut self, limit: Duration) -> Option<Value> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => self.note(&line),
            Err(_) => None,
        }
    }

    /// Waits for an event of this kind.
    pub(crate) fn await_event(&mut self, kind: &str) -> Value {
        loop {
            match self.next_event() {
                Some(event) if event["event"] == kind => return event,
                Some(_) => {}
                None => panic!("the run ended without `{kind}`:\n{}", self.stderr),
            }
        }
    }

    fn note(&mut self, line: &str) -> Option<Value> {
        self.stderr.push_str(line);
        self.stderr.push('\n');
        let event: Value = serde_json::from_str(line).ok()?;
        if event["event"] == "worker_up" {
            self.workers.push(event["pid"].as_u64().unwrap() as u32);
        }
        Some(event)
    }

    /// PIDs of all workers that started so far.
    pub(crate) fn workers(&self) -> &[u32] {
        &self.workers
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends SIGKILL to the coordinator.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the run to end.
    pub(crate) fn wait(&mut self) -> Finished {
        while self.next_event().is_some() {}
        let code = self.child.wait().unwrap().code();
        Finished { code, stdout: String::new(), stderr: self.stderr.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal by its name.
pub(crate) fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap().success());
}

/// Sends SIGKILL; succeeds even if the process has just exited.
pub(crate) fn kill(pid: u32) {
    drop(Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status());
}

/// Whether the process exists and is not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}
