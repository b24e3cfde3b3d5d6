//! Injects the faults that a worker is configured with, so that tests see each of them with the real executable.

use std::fs::OpenOptions;
use std::process::exit;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use stage_core::{DeviceId, ErrorClass, ErrorCode, Origin, PipelineError};

use crate::protocol::{Fault, FaultKind, FaultPlace};

/// The faults of one worker, and how often each place was passed.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, AtomicU32)>);

impl Faults {
    /// Keeps the faults that apply to `device`.
    pub(super) fn new(faults: Vec<Fault>, device: &DeviceId) -> Self {
        let device = device.to_string();
        let mine = faults.into_iter().filter(|fault| fault.device.as_ref().is_none_or(|named| *named == device));
        Self(mine.map(|fault| (fault, AtomicU32::new(0))).collect())
    }

    /// Injects the faults that are due at a place, for work on recordings with these paths and with this number of
    /// inputs. `garble` sends a line that is not a message.
    pub(super) fn at<'a>(
        &self,
        place: FaultPlace,
        paths: impl Iterator<Item = &'a str> + Clone,
        inputs: usize,
        garble: impl Fn(),
    ) -> Result<(), PipelineError> {
        for (fault, passed) in self.0.iter().filter(|(fault, _)| fault.at == place) {
            let concerned = fault.recording.as_ref().is_none_or(|part| paths.clone().any(|path| path.contains(part)));
            let fits = matches!(fault.kind, FaultKind::MemoryFor(most) if inputs <= most);
            if concerned && !fits && passed.fetch_add(1, Ordering::Relaxed) >= fault.after && first_time(fault) {
                commit(&fault.kind, place, &garble)?;
            }
        }
        Ok(())
    }
}

/// Whether the fault may still happen, if it happens only once over all workers.
fn first_time(fault: &Fault) -> bool {
    fault.once.as_ref().is_none_or(|mark| OpenOptions::new().write(true).create_new(true).open(mark).is_ok())
}

fn commit(kind: &FaultKind, place: FaultPlace, garble: &impl Fn()) -> Result<(), PipelineError> {
    let origin = if let FaultPlace::Stage(stage, _) = place { stage.into() } else { Origin::Worker };
    let failure = |class, message: String| Err(PipelineError::new(origin, class, ErrorCode::Injected, message));
    match kind {
        FaultKind::Exit(code) => exit(*code),
        FaultKind::Stop => drop(kill_process(getpid(), Signal::STOP)),
        FaultKind::Wedge => loop {
            thread::park();
        },
        FaultKind::FillMib(mib) => {
            let filled = vec![1u8; mib << 20];
            loop {
                thread::park();
                std::hint::black_box(&filled);
            }
        }
        FaultKind::Garbage => garble(),
        FaultKind::Panic => panic!("injected fault"),
        FaultKind::PauseMs(ms) => thread::sleep(Duration::from_millis(*ms)),
        FaultKind::Fail(class) => return failure(*class, "injected fault".to_owned()),
        FaultKind::MemoryFor(most) => {
            return failure(ErrorClass::Memory, format!("injected fault: memory for {most} inputs"));
        }
    }
    Ok(())
}
