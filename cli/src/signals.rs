//! SIGINT and SIGTERM: the first lets work in flight end, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use scheduler::coordinator::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;

/// What the user asked for while a run was under way.
pub(crate) struct SignalWatch {
    interrupt: Interrupt,
    last: Arc<AtomicI32>,
}

impl SignalWatch {
    /// Catches the two signals from now on.
    pub(crate) fn start() -> std::io::Result<Self> {
        let watch = Self { interrupt: Interrupt::default(), last: Arc::default() };
        let (interrupt, last) = (watch.interrupt.clone(), Arc::clone(&watch.last));
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        std::thread::spawn(move || {
            for signal in signals.forever() {
                last.store(signal, Ordering::Relaxed);
                interrupt.request();
            }
        });
        Ok(watch)
    }

    /// What the coordinator looks at.
    pub(crate) const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The exit code of a run that a signal ended.
    pub(crate) fn exit(&self) -> Exit {
        if self.last.load(Ordering::Relaxed) == SIGTERM { Exit::Terminated } else { Exit::Interrupted }
    }
}
