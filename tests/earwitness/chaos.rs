//! Processes are killed at every commit boundary and at random moments. The next run must produce the results of an
//! undisturbed run, lose nothing, and recompute nothing that was committed.
//!
//! `EARWITNESS_CHAOS_ROUNDS` and `EARWITNESS_CHAOS_SEED` set the number of rounds and the seed; tests/long has results.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{is_alive, send_signal, wait_until};

use crate::record::{Found, look};
use crate::running::Running;
use crate::support::{artifact_count, assert_same, calls, documents, finish, run, stage_count, write_joined};

const ROUNDS: u64 = 20;
const SEED: u64 = 0x5eed_2026;
/// Step between the commit points of successive kills. It is prime, so that all points are covered.
const STRIDE: usize = 31;
/// Pause of the coordinator at each point of a commit, in milliseconds, so that a kill happens there.
const PAUSE_MS: &str = "3";

/// A random number generator (xorshift64*), so that a seed reproduces a run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit.max(1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Coordinator,
    Worker,
    Both,
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The commit point with this number.
    Point(usize),
    /// The commit point with this number among those of window checkpoints, which are inside transcribe.
    Checkpoint(usize),
    AfterMs(u64),
}

/// The recordings, the results of an undisturbed run, and its number of commit points.
struct Stage {
    folder: tempfile::TempDir,
    expected: Vec<(String, Value)>,
    points: usize,
    checkpoints: usize,
    lasts_ms: u64,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inputs = folder.path().join("calls");
        std::fs::create_dir(&inputs).unwrap();
        let call = calls().join("reading.wav");
        write_joined(&call, 20, &inputs.join("long.wav"));
        write_joined(&call, 6, &inputs.join("middling.wav"));
        std::fs::copy(calls().join("synthetic-threat.flac"), inputs.join("synthetic-threat.flac")).unwrap();
        let mut stage = Self { folder, expected: Vec::new(), points: 0, checkpoints: 0, lasts_ms: 0 };
        let out = stage.folder.path().join("undisturbed");
        let (mut running, began) = (stage.start(&out), Instant::now());
        while let Some(event) = running.next_event() {
            stage.points += usize::from(event["event"] == "commit");
            stage.checkpoints += usize::from(event["event"] == "commit" && event["checkpoints"] != 0);
        }
        running.wait().with_code(0);
        stage.lasts_ms = began.elapsed().as_millis() as u64;
        stage.expected = documents(&out);
        assert!(stage.expected.len() == 3 && stage.checkpoints >= 6, "{} checkpoints", stage.checkpoints);
        stage
    }

    fn inputs(&self) -> PathBuf {
        self.folder.path().join("calls")
    }

    fn start(&self, out: &Path) -> Running {
        let args = ["--devices", "cpu:2", "-b", "2", "--device-batch-size", "1", "--pause-at-commits", PAUSE_MS];
        Running::start(&[&self.inputs()], out, &args)
    }
}

/// Results of all rounds.
#[derive(Debug, Default)]
struct Counts {
    rounds: u64,
    killed: [u64; 3],
    inside_transcribe: u64,
    points_hit: BTreeSet<usize>,
    records_kept: usize,
    ended_before: u64,
    /// Artifacts that are missing at the end.
    lost: usize,
    /// Stored work that was computed again.
    recomputed: u64,
    /// Artifacts that were written twice.
    twice: usize,
    /// Rounds after which the next start had to append lines to the custody log.
    repaired: u64,
}

/// Number of artifacts of three calls.
fn artifacts() -> usize {
    3 * artifact_count()
}

#[test]
fn results_do_not_depend_on_killed_processes() {
    let asked = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (rounds, seed) = (asked("EARWITNESS_CHAOS_ROUNDS", ROUNDS), asked("EARWITNESS_CHAOS_SEED", SEED));
    let stage = Stage::set();
    let (mut random, mut counts) = (Random(seed | 1), Counts::default());
    for round in 0..rounds {
        let victim = [Victim::Coordinator, Victim::Worker, Victim::Both][random.below(3) as usize];
        let moment = match round % 5 {
            0 | 2 => Moment::Checkpoint(random.below(stage.checkpoints as u64) as usize),
            1 | 3 => Moment::Point(next_point(round as usize, stage.points, &counts.points_hit)),
            _ => Moment::AfterMs(random.below(stage.lasts_ms)),
        };
        play(&stage, victim, moment, &mut random, &mut counts);
    }
    assert!(counts.inside_transcribe * 3 >= rounds, "too few inside transcribe: {counts:?}");
    let [coordinators, workers, both] = counts.killed;
    println!(
        "{}",
        json!({
            "rounds": counts.rounds, "seed": seed, "killed_coordinator": coordinators, "killed_worker": workers,
            "killed_both": both, "ended_before_the_kill": counts.ended_before,
            "inside_transcribe_between_windows": counts.inside_transcribe,
            "commit_points_hit": counts.points_hit.len(), "commit_points": stage.points,
            "records_kept_over_the_kill": counts.records_kept, "lost": counts.lost, "recomputed": counts.recomputed,
            "twice": counts.twice, "logs_repaired": counts.repaired,
        })
    );
}

/// A commit point that has not been covered yet, if any. The number of points varies between runs, so some are missed
/// at first.
fn next_point(round: usize, points: usize, hit: &BTreeSet<usize>) -> usize {
    let mut in_turn = (round..round + points).map(|turn| turn * STRIDE % points);
    in_turn.find(|point| !hit.contains(point)).unwrap_or(round % points)
}

/// One round: a disturbed run, a run that completes it, and the checks.
fn play(stage: &Stage, victim: Victim, moment: Moment, random: &mut Random, counts: &mut Counts) {
    let out = stage.folder.path().join("out");
    let label = format!("{victim:?} killed at {moment:?}");
    let mut running = stage.start(&out);
    let point = await_moment(&mut running, moment);
    let workers = running.workers().to_vec();
    let struck = strike(&mut running, victim, &workers, random);
    if struck && victim != Victim::Worker {
        running.wait();
    }
    let kept = look(&out);
    counts.rounds += 1;
    counts.ended_before += u64::from(!struck);
    counts.killed[victim as usize] += u64::from(struck);
    counts.points_hit.extend(point);
    counts.inside_transcribe += u64::from(kept.is_inside_transcribe());
    counts.records_kept += kept.artifacts + kept.checkpoints;
    if !struck || victim == Victim::Worker {
        running.wait().with_code(0);
    }
    await_end_of(&workers);

    let summary = run(&[&stage.inputs()], &out, &[]).with_code(0).summary();
    let made = summary["stages_computed"].as_u64().unwrap() + summary["stages_reused"].as_u64().unwrap();
    assert_eq!((made as usize, &summary["files_done"]), (3 * stage_count(), &3.into()), "{label}");
    let found = look(&out);
    counts.lost += artifacts().saturating_sub(found.artifacts + found.repeated);
    counts.recomputed += found.recomputations;
    counts.twice += found.repeated;
    assert_eq!(found, Found { artifacts: artifacts(), ..Found::default() }, "{label}");
    let documents = documents(&out);
    assert_eq!(documents.len(), stage.expected.len(), "{label}");
    for ((name, document), (_, expected)) in documents.iter().zip(&stage.expected) {
        assert_same(document, expected, &format!("{label}: {name}"));
    }
    let verified = finish(["verify", out.to_str().unwrap()]);
    assert_eq!(verified.code, Some(0), "{label}: log and store agree: {}", verified.stdout);
    counts.repaired += u64::from(verified.stdout.contains("lines were appended after a kill"));
    std::fs::remove_dir_all(&out).unwrap();
}

/// Reads events until the moment. Returns the number of the commit point, if the moment is one.
fn await_moment(running: &mut Running, moment: Moment) -> Option<usize> {
    let began = Instant::now();
    let (mut points, mut checkpoints) = (0, 0);
    if let Moment::AfterMs(ms) = moment {
        while began.elapsed() < Duration::from_millis(ms) {
            running.next_event_within(Duration::from_millis(ms).saturating_sub(began.elapsed()));
        }
        return None;
    }
    while let Some(event) = running.next_event() {
        if event["event"] != "commit" {
            continue;
        }
        let has_checkpoints = event["checkpoints"] != 0;
        let reached = match moment {
            Moment::Point(wanted) => points == wanted,
            Moment::Checkpoint(wanted) => has_checkpoints && checkpoints == wanted,
            Moment::AfterMs(_) => false,
        };
        if reached {
            return Some(points);
        }
        points += 1;
        checkpoints += usize::from(has_checkpoints);
    }
    None
}

/// Kills the victim. Returns false if the run had already ended.
fn strike(running: &mut Running, victim: Victim, workers: &[u32], random: &mut Random) -> bool {
    if running.has_ended() {
        return false;
    }
    if victim != Victim::Worker {
        running.kill();
    }
    match victim {
        Victim::Coordinator => {}
        Victim::Worker if workers.is_empty() => return false,
        Victim::Worker => kill(workers[random.below(workers.len() as u64) as usize]),
        Victim::Both => workers.iter().for_each(|pid| kill(*pid)),
    }
    true
}

/// Sends SIGKILL; the process may have just exited.
fn kill(pid: u32) {
    send_signal(pid, "KILL");
}

fn await_end_of(workers: &[u32]) {
    wait_until("all workers of the ended coordinator end", || !workers.iter().any(|pid| is_alive(*pid)));
}
