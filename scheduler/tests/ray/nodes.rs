//! The emulated nodes: a process of `nodes.py`.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::{Lines, ray_python};

/// Several processes per node start, which takes minutes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);

pub(crate) struct Nodes {
    process: Child,
    lines: Lines,
    pub(crate) count: usize,
    pub(crate) address: String,
}

impl Nodes {
    /// Starts a cluster with this number of nodes, each with room for `slots` workers, and a head that has none.
    pub(crate) fn start(count: usize, slots: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ray/nodes.py");
        let mut command = Command::new(ray_python());
        command
            .arg(script)
            .args([count, slots].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = Lines::of(process.stdout.take().unwrap());
        let mut nodes = Self { process, lines, count, address: String::new() };
        nodes.address = nodes.answer()["address"].as_str().unwrap().to_owned();
        nodes
    }

    /// Ends the node whose id begins so, with everything that runs on it.
    pub(crate) fn kill(&mut self, id: &str) {
        self.count -= 1;
        self.command(&format!("kill {id}"));
    }

    /// Stops the node whose id begins so. It answers nobody, and its connections stay open, as after a power failure.
    pub(crate) fn freeze(&mut self, id: &str) {
        self.count -= 1;
        self.command(&format!("freeze {id}"));
    }

    /// Ends Ray's process of the node whose id begins so. Its actors notice that, and end by themselves.
    pub(crate) fn crash(&mut self, id: &str) {
        self.count -= 1;
        self.command(&format!("crash {id}"));
    }

    /// Adds nodes up to this number.
    pub(crate) fn fill(&mut self, count: usize) {
        while self.count < count {
            self.count += 1;
            self.command("add");
        }
    }

    fn command(&mut self, command: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.answer();
    }

    fn answer(&self) -> Value {
        answer(&self.lines, PATIENCE)
    }
}

/// The next line of a script that is JSON.
pub(crate) fn answer(lines: &Lines, patience: Duration) -> Value {
    loop {
        let line = lines.next_within(patience).expect("the script says what it did");
        if let Ok(answer) = serde_json::from_str(&line) {
            return answer;
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}
