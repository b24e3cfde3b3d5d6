//! Processes of a run are killed at random moments. Every recording must be done, nothing lost, nothing committed twice,
//! and the artifacts must be those of a local run.
//!
//! `EARWITNESS_RAY_ROUNDS` sets how often each kind of process is killed, `EARWITNESS_RAY_SEED` the seed.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use testkit::{Random, is_alive, send_signal, wait_until};

use crate::coordinator::Coordinator;
use crate::nodes::Nodes;
use crate::work::{self, RECORDINGS};

const ROUNDS: u32 = 1;
const SEED: u32 = 0x5eed_2026;
/// Workers, each on a node of its own.
const SLOTS: usize = 2;
/// Nodes at the beginning of a round. One is free. Two of them are lost in a round, one after the other, so the others are
/// killed on three nodes or on two.
const NODES: usize = SLOTS + 1;
/// A kill happens after this number of commits, and before a random number of further ones. A run has 128 commits.
const FIRST_COMMITS: usize = 8;
const FURTHER_COMMITS: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Child,
    Actor,
    /// It ends with everything that runs on it, and its connections are closed.
    Node,
    /// It answers no more, and its connections stay open.
    FrozenNode,
    /// Ray's process of a node ends. Its actors notice that, and end by themselves.
    Raylet,
    Driver,
    Coordinator,
}

impl Victim {
    /// The orders of the rounds, in turn.
    const ORDERS: [[Self; 6]; 3] = [
        [Self::Driver, Self::Coordinator, Self::Raylet, Self::Child, Self::Actor, Self::FrozenNode],
        [Self::Child, Self::Actor, Self::Node, Self::Driver, Self::Coordinator, Self::Raylet],
        [Self::Child, Self::Actor, Self::FrozenNode, Self::Driver, Self::Coordinator, Self::Node],
    ];

    /// The incident that the coordinator records. `None` if it is the victim.
    const fn incident(self) -> Option<&'static str> {
        match self {
            Self::Child | Self::Actor | Self::Node | Self::FrozenNode | Self::Raylet => Some("worker-lost"),
            Self::Driver => Some("driver-lost"),
            Self::Coordinator => None,
        }
    }
}

/// A worker that was started.
struct Up {
    name: String,
    pid: u32,
}

pub(crate) fn results_do_not_depend_on_what_is_killed() {
    let number = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (rounds, seed) = (number("EARWITNESS_RAY_ROUNDS", ROUNDS), number("EARWITNESS_RAY_SEED", SEED));
    println!("{}", json!({"seed": seed, "rounds": rounds}));
    let folder = tempfile::tempdir().unwrap();
    let expected = local(folder.path());
    let (mut random, mut nodes) = (Random(seed), Nodes::start(NODES, 1));
    for round in 0..rounds {
        nodes.fill(NODES);
        for victim in Victim::ORDERS[(seed + round) as usize % 3] {
            let out = folder.path().join(format!("{victim:?}-{round}"));
            std::fs::create_dir(&out).unwrap();
            let commits = FIRST_COMMITS + random.below(FURTHER_COMMITS);
            let count = nodes.count;
            let times = play(&out, victim, commits, &mut random, &mut nodes);
            let artifacts = work::artifacts(&out);
            assert_eq!(artifacts, expected, "{victim:?} killed after {commits} commits: what a local run stores, once");
            let killed = format!("{victim:?}");
            println!("{}", json!({"killed": killed, "nodes": count, "after_commits": commits, "times_s": times}));
        }
    }
}

/// The artifacts of a local run.
fn local(folder: &Path) -> Vec<(String, String, u32)> {
    let out: PathBuf = folder.join("local");
    std::fs::create_dir(&out).unwrap();
    finish(Coordinator::start(&out, SLOTS, "local"));
    let artifacts = work::artifacts(&out);
    assert!(artifacts.iter().all(|(_, _, computations)| *computations == 1));
    artifacts
}

/// Reads events to the end of a run, which must be complete.
fn finish(mut run: Coordinator) {
    let mut last = Value::Null;
    while let Some(event) = run.next() {
        last = event;
    }
    assert!(run.process.wait().unwrap().success());
    assert_eq!((&last["event"], &last["done"]), (&json!("end"), &json!(RECORDINGS)));
}

/// A run in which a victim is killed. Returns the times of the recovery in seconds since the kill.
fn play(out: &Path, victim: Victim, commits: usize, random: &mut Random, nodes: &mut Nodes) -> Value {
    let mut run = Coordinator::start(out, SLOTS, &nodes.address);
    let workers = until_commits(&run, commits);
    let chosen = &workers[random.below(workers.len())];
    let killed_at = Instant::now();
    strike(victim, chosen, &run, nodes);
    if victim == Victim::Coordinator {
        let status = run.process.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "the coordinator was killed in mid-run");
        wait_until("the workers of the killed coordinator end", || workers.iter().all(|up| !is_alive(up.pid)));
        let workers_ended = killed_at.elapsed().as_secs_f64();
        let again = Coordinator::start(out, SLOTS, &nodes.address);
        until_commits(&again, 1);
        let resumed = killed_at.elapsed().as_secs_f64();
        finish(again);
        return json!({"workers_ended": workers_ended, "resumed": resumed, "ended": killed_at.elapsed().as_secs_f64()});
    }
    let times = follow(&run, victim, killed_at);
    assert!(run.process.wait().unwrap().success());
    times
}

/// Reads events until this number of commits, and until all workers are up. Returns the workers.
fn until_commits(run: &Coordinator, commits: usize) -> Vec<Up> {
    let (mut workers, mut seen) = (Vec::new(), 0);
    while seen < commits || workers.is_empty() {
        let event = run.next().expect("the run ended before anything was killed");
        match event["event"].as_str().unwrap() {
            "commit" => seen += 1,
            "up" => {
                let name = event["worker"].as_str().unwrap().to_owned();
                workers.push(Up { name, pid: event["pid"].as_u64().unwrap() as u32 });
            }
            "end" => panic!("the run ended before anything was killed"),
            _ => {}
        }
    }
    workers
}

/// Kills a process, which must exist.
fn strike(victim: Victim, chosen: &Up, run: &Coordinator, nodes: &mut Nodes) {
    let killed = match victim {
        Victim::Child => send_signal(chosen.pid, "KILL"),
        Victim::Actor => send_signal(parent(chosen.pid, "ray::"), "KILL"),
        Victim::Node => {
            nodes.kill(node_of(chosen));
            wait_until("the worker ends with its node", || !is_alive(chosen.pid));
            true
        }
        Victim::FrozenNode => {
            nodes.freeze(node_of(chosen));
            wait_until("the worker stops with its node", || state(chosen.pid) == Some('T'));
            true
        }
        Victim::Raylet => {
            nodes.crash(node_of(chosen));
            wait_until("the worker ends after its raylet", || !is_alive(chosen.pid));
            true
        }
        Victim::Driver => send_signal(child(run.pid(), "earwitness_ray"), "KILL"),
        Victim::Coordinator => send_signal(run.pid(), "KILL"),
    };
    assert!(killed, "{victim:?} had ended before the kill");
}

/// The id of a worker's node.
fn node_of(up: &Up) -> &str {
    up.name.split('#').next().unwrap().rsplit('.').next().unwrap()
}

/// The state of a process as a letter. `None` if it has ended.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// Follows a run to its end. The loss must be noticed, and every recording be done.
fn follow(run: &Coordinator, victim: Victim, killed_at: Instant) -> Value {
    let mut times = serde_json::Map::new();
    let mut mark = |name: &str| {
        times.entry(name).or_insert_with(|| killed_at.elapsed().as_secs_f64().into());
    };
    let mut is_noticed = false;
    while let Some(event) = run.next() {
        match event["event"].as_str().unwrap() {
            kind if Some(kind) == victim.incident() => {
                if !is_noticed {
                    println!("{}", event["message"]);
                }
                is_noticed = true;
                mark("noticed");
            }
            "commit" if is_noticed => mark("next_commit"),
            "up" if is_noticed => mark("replaced"),
            "batch-halved" | "quarantined" if victim != Victim::Child => panic!("a recording is suspected: {event}"),
            "end" => {
                assert_eq!(event["done"], RECORDINGS, "{victim:?}");
                mark("ended");
            }
            _ => {}
        }
    }
    assert!(is_noticed && times.contains_key("ended"), "{victim:?} was killed and not noticed: {times:?}");
    times.into()
}

/// The parent of a process, whose command line contains `name`.
fn parent(pid: u32, name: &str) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(command_line(parent).contains(name), "{}", command_line(parent));
    parent
}

/// The child of a process whose command line contains `name`.
fn child(pid: u32, name: &str) -> u32 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect();
    children.into_iter().find(|child| command_line(*child).contains(name)).expect("the driver runs")
}

fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
