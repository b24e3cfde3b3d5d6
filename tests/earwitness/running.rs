//! Controls a running program: reads its events.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::Lines;

use crate::support::{Finished, earwitness, run_args};

/// A run in progress.
pub(crate) struct Running {
    child: Child,
    lines: Lines,
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
        let lines = Lines::of(child.stderr.take().unwrap());
        Self { child, lines, stderr: String::new(), workers: Vec::new() }
    }

    /// The next JSON line on standard error; `None` after the run has ended.
    pub(crate) fn next_event(&mut self) -> Option<Value> {
        while let Some(line) = self.lines.next() {
            if let Some(event) = self.note(&line) {
                return Some(event);
            }
        }
        None
    }

    /// The next JSON line, if it arrives within the limit.
    pub(crate) fn next_event_within(&mut self, limit: Duration) -> Option<Value> {
        self.lines.next_within(limit).and_then(|line| self.note(&line))
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

    /// PID of the coordinator.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
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
