//! The emulated nodes: a process of `nodes.py`.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::Lines;

use crate::namespace;

/// Several processes per node start, which takes minutes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

pub(crate) struct Nodes {
    process: Child,
    lines: Lines,
    pub(crate) address: String,
}

impl Nodes {
    /// Starts a cluster with this number of nodes, each with room for `slots` workers.
    pub(crate) fn start(nodes: usize, slots: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ray/nodes.py");
        let mut command = Command::new(namespace::python());
        command
            .arg(script)
            .args([nodes, slots].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = Lines::of(process.stdout.take().unwrap());
        let mut nodes = Self { process, lines, address: String::new() };
        nodes.address = nodes.answer()["address"].as_str().unwrap().to_owned();
        nodes
    }

    /// Ends the node whose id begins so, as a power failure would.
    pub(crate) fn kill(&mut self, id: &str) {
        self.command(&format!("kill {id}"));
    }

    /// Adds a node.
    pub(crate) fn add(&mut self) {
        self.command("add");
    }

    fn command(&mut self, command: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.answer();
    }

    /// The next line of the process that is JSON.
    fn answer(&self) -> Value {
        loop {
            let line = self.lines.next_within(PATIENCE).expect("nodes.py says what it did");
            if let Ok(answer) = serde_json::from_str(&line) {
                return answer;
            }
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}
