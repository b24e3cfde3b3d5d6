//! Signal handling. The first SIGINT or SIGTERM finishes the work in progress; the second one exits at once. SIGPIPE
//! exits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use scheduler::coordinator::Interrupt;
use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;

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

/// Catches signals during a run.
pub(crate) struct SignalWatch {
    interrupt: Interrupt,
    last: Arc<AtomicI32>,
}

impl SignalWatch {
    /// Installs handlers for SIGINT and SIGTERM, which request `interrupt`.
    pub(crate) fn start(interrupt: Interrupt) -> std::io::Result<Self> {
        let watch = Self { interrupt: interrupt.clone(), last: Arc::default() };
        let last = Arc::clone(&watch.last);
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        std::thread::spawn(move || {
            for signal in signals.forever() {
                last.store(signal, Ordering::Relaxed);
                interrupt.request();
            }
        });
        Ok(watch)
    }

    /// The interrupt flag that the coordinator polls.
    pub(crate) const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The exit code of an interrupted run.
    pub(crate) fn exit(&self) -> Exit {
        if self.last.load(Ordering::Relaxed) == SIGTERM { Exit::Terminated } else { Exit::Interrupted }
    }
}
