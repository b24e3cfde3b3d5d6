//! Signal handling. During a run, the first SIGINT or SIGTERM finishes the work in progress and the second one ends it.
//! At any other time a signal ends the program within [`PATIENCE`], also while it waits for a disk or a network folder.
//! SIGPIPE exits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use scheduler::coordinator::Interrupt;
use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::exit::Exit;

/// How long work that was asked to end may take. Everything on disk is replaced as a whole, so ending at any point leaves
/// no partial file.
const PATIENCE: Duration = Duration::from_millis(700);
/// The same for the report and the summary of an interrupted run.
const PATIENCE_WITH_REPORT: Duration = Duration::from_secs(5);

/// The last signal of this process that asked it to end, or 0.
static LAST: AtomicI32 = AtomicI32::new(0);

/// The exit code of an interrupted command.
pub(crate) fn exit() -> Exit {
    if LAST.load(Ordering::Relaxed) == SIGTERM { Exit::Terminated } else { Exit::Interrupted }
}

/// Makes the program exit silently when its output pipe closes (`earwitness status DIR | head`).
pub(crate) fn end_with_the_reader() -> std::io::Result<()> {
    signal_hook::flag::register_conditional_default(SIGPIPE, Arc::new(AtomicBool::new(true))).map(drop)
}

/// Makes an interrupt exit the program at once, with its exit code.
pub(crate) fn end_when_interrupted() -> std::io::Result<()> {
    for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
        signal_hook::flag::register_conditional_shutdown(signal, exit as i32, Arc::new(AtomicBool::new(true)))?;
    }
    Ok(())
}

/// Calls `end` at the first SIGINT or SIGTERM; the second one ends the program at once.
#[cfg(feature = "serve")]
pub(crate) fn on_first(end: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        let mut end = Some(end);
        for signal in signals.forever() {
            LAST.store(signal, Ordering::Relaxed);
            match end.take() {
                Some(end) => end(),
                None => low_level::exit(exit() as i32),
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

/// Catches signals while work runs that can be interrupted.
pub(crate) struct SignalWatch {
    interrupt: Interrupt,
    /// Whether the coordinator runs, which ends by itself after a first signal.
    runs: Arc<AtomicBool>,
}

impl SignalWatch {
    /// Installs handlers for SIGINT and SIGTERM, which request `interrupt`.
    pub(crate) fn start(interrupt: Interrupt) -> std::io::Result<Self> {
        let watch = Self { interrupt: interrupt.clone(), runs: Arc::default() };
        let runs = Arc::clone(&watch.runs);
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        thread::spawn(move || {
            for signal in signals.forever() {
                LAST.store(signal, Ordering::Relaxed);
                interrupt.request();
                end_soon(&interrupt, &runs, PATIENCE);
            }
        });
        Ok(watch)
    }

    /// Runs work that ends by itself after a first signal.
    pub(crate) fn during<T>(&self, run: impl FnOnce() -> T) -> T {
        self.runs.store(true, Ordering::SeqCst);
        let result = run();
        self.runs.store(false, Ordering::SeqCst);
        if self.is_interrupted() {
            end_soon(&self.interrupt, &self.runs, PATIENCE_WITH_REPORT);
        }
        result
    }

    /// Whether a signal has arrived.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.requests() > 0
    }
}

/// Ends the process if its work has not ended after `patience`. A run after its first signal takes its own time.
fn end_soon(interrupt: &Interrupt, runs: &Arc<AtomicBool>, patience: Duration) {
    let (interrupt, runs) = (interrupt.clone(), Arc::clone(runs));
    thread::spawn(move || {
        thread::sleep(patience);
        if !runs.load(Ordering::SeqCst) || interrupt.requests() > 1 {
            low_level::exit(exit() as i32);
        }
    });
}
