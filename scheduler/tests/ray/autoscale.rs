//! The autoscaler starts nodes for pending workers, and removes them when the run has ended.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use testkit::{Lines, PATIENCE, ray_python};

use crate::coordinator::Coordinator;
use crate::nodes;
use crate::work::{self, RECORDINGS};

const SLOTS: usize = 2;

/// A cluster of `autoscale.py`.
struct Autoscaled {
    process: Child,
    lines: Lines,
    address: String,
    /// The zero of its times.
    began: Instant,
}

impl Autoscaled {
    fn start(nodes: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ray/autoscale.py");
        let mut command = Command::new(ray_python());
        command.arg(script).arg(nodes.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = Lines::of(process.stdout.take().unwrap());
        let answer = nodes::answer(&lines, nodes::PATIENCE);
        let address = answer["address"].as_str().unwrap().to_owned();
        Self { process, lines, address, began: Instant::now() }
    }

    /// The next change of the number of nodes: that number, and the seconds since `began`.
    fn change(&self) -> (u64, f64) {
        let answer = nodes::answer(&self.lines, PATIENCE);
        (answer["nodes"].as_u64().unwrap(), answer["at_s"].as_f64().unwrap())
    }
}

impl Drop for Autoscaled {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

pub(crate) fn nodes_come_for_pending_workers_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Autoscaled::start(SLOTS);
    assert_eq!(cluster.change().0, 0, "no node before there is work");
    let now = || cluster.began.elapsed().as_secs_f64();
    let started = now();
    let mut run = Coordinator::start(folder.path(), SLOTS, &cluster.address);
    let (mut last, mut up, mut first_commit) = (Value::Null, Vec::new(), None);
    while let Some(event) = run.next() {
        match event["event"].as_str().unwrap() {
            "up" => up.push(now() - started),
            "commit" => first_commit = first_commit.or(Some(now() - started)),
            "worker-lost" | "driver-lost" | "device-retired" => panic!("{event}"),
            _ => {}
        }
        last = event;
    }
    let ended = now();
    assert!(run.process.wait().unwrap().success());
    assert_eq!((&last["event"], &last["done"]), (&json!("end"), &json!(RECORDINGS)));
    assert!(work::artifacts(folder.path()).iter().all(|(_, _, computations)| *computations == 1));
    assert_eq!(up.len(), SLOTS, "one worker on each node");
    let mut added = Vec::new();
    let removed = loop {
        match cluster.change() {
            (0, at_s) => break at_s,
            (_, at_s) if at_s < ended => added.push(at_s - started),
            (count, _) => assert!(count < SLOTS as u64, "nodes are only removed after the run"),
        }
    };
    assert!(!added.is_empty() && removed > ended);
    let times = json!({
        "nodes_added": added, "workers_up": up, "first_commit": first_commit, "ended": ended - started,
        "nodes_removed_after_the_end": removed - ended,
    });
    println!("{}", json!({"autoscaled": SLOTS, "times_s": times}));
}
