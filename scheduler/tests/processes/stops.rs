//! Runs stopped by the user, and by `kill -9` of the coordinator.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scheduler::coordinator::{Event, Interrupt, ItemEnd, run};
use scheduler::store::{RunEnd, Store};
use testkit::{is_alive, wait_until};

use crate::fixture::{Fixture, artifacts, ends, options, planned, store};
use crate::pipeline::Settings;

pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("run_that_is_interrupted_finishes_what_is_open_and_the_next_resumes", interrupted),
        ("interruption_that_is_repeated_ends_at_once", interrupted_twice),
        ("grace_period_is_bounded", grace),
        ("coordinator_that_is_killed_leaves_no_worker_and_loses_nothing", coordinator_killed),
    ]
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

fn computed_once(store: &dyn Store) {
    for item in planned(&NAMES) {
        assert!(artifacts(store, &item).iter().all(|stored| stored.computations == 1));
    }
}

fn interrupted() {
    let mut fixture = Fixture::new(2);
    fixture.settings.cpu_ms = 30;
    // Each worker opens five recordings at a time.
    fixture.options.threads = 2;
    let items = planned(&NAMES);
    let interrupt = Interrupt::default();
    let (result, _) = fixture.try_run(&items, &interrupt, &mut |event| {
        if matches!(event, Event::StageCommitted { .. }) && interrupt.requests() == 0 {
            interrupt.request();
        }
    });
    let outcome = result.unwrap();
    let unfinished = outcome.items.iter().filter(|end| **end == ItemEnd::Unfinished).count();
    assert!(outcome.interrupted && unfinished > 0, "{unfinished} unfinished");
    assert!(ends(&outcome).0 > 0, "recordings in progress are finished");
    assert!(matches!(fixture.store().runs(1).unwrap()[0].ended, Some((_, RunEnd::Interrupted))));
    let (outcome, _) = fixture.run(&items);
    assert_eq!(ends(&outcome), (12, vec![]));
    computed_once(&*fixture.store());
}

/// Stops a run with very long stages with `requests` requests. Returns how long stopping took.
fn stop(fixture: &mut Fixture, requests: usize) -> Duration {
    fixture.settings.cpu_ms = 60_000;
    let interrupt = Interrupt::default();
    let mut asked = None;
    let (result, _) = fixture.try_run(&planned(&NAMES), &interrupt, &mut |event| {
        if matches!(event, Event::StageStarted { .. }) && asked.is_none() {
            asked = Some(Instant::now());
            (0..requests).for_each(|_| interrupt.request());
        }
    });
    assert!(result.unwrap().interrupted);
    asked.unwrap().elapsed()
}

fn interrupted_twice() {
    assert!(stop(&mut Fixture::new(2), 2) < Duration::from_secs(5));
}

fn grace() {
    let mut fixture = Fixture::new(1);
    fixture.options.timing.grace_ms = 700;
    let took = stop(&mut fixture, 1);
    assert!((Duration::from_millis(700)..Duration::from_secs(6)).contains(&took), "{took:?}");
}

/// Runs a coordinator on the store in `folder`. Writes the process ID of each worker to the file `pids`.
pub(crate) fn coordinator_main(folder: &str) {
    let folder = Path::new(folder);
    let mut store = store(folder);
    let mut options = options(2);
    let settings = Settings { folder: folder.to_owned(), cpu_ms: 100, device_ms: 20, ..Settings::default() };
    options.settings = serde_json::to_value(settings).unwrap();
    let (mut pids, mut commits) = (String::new(), 0);
    run(&planned(&NAMES), &mut *store, &options, &Interrupt::default(), &mut |event, _| match event {
        Event::WorkerUp { pid, .. } => pids.push_str(&format!("{pid}\n")),
        Event::StageCommitted { .. } => {
            commits += 1;
            if commits == 5 {
                std::fs::write(folder.join("pids"), &pids).unwrap();
            }
        }
        _ => {}
    })
    .unwrap();
}

fn coordinator_killed() {
    let mut fixture = Fixture::new(2);
    let mut coordinator = Command::new(std::env::current_exe().unwrap())
        .arg("--coordinator")
        .arg(fixture.folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("five artifacts are committed", || fixture.path("pids").exists());
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    let workers = std::fs::read_to_string(fixture.path("pids")).unwrap();
    assert!(!workers.is_empty());
    wait_until("the workers of the killed coordinator end", || {
        !workers.lines().any(|pid| is_alive(pid.parse().unwrap()))
    });
    let (outcome, _) = fixture.run(&planned(&NAMES));
    assert_eq!(ends(&outcome), (12, vec![]));
    assert!(outcome.stages_reused >= 5, "committed artifacts are reused");
    computed_once(&*fixture.store());
}
