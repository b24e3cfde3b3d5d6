//! How the run's GPUs are: what the monitor reads, what each device may do, and what is done about it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use stage_core::DeviceId;

use super::process::Incoming;
use super::run::Coordinator;
use super::slot::Life;
use super::{RunError, RunOptions};
use crate::devices::{DeviceReading, DeviceState, Gate, Monitor, MonitoredGpu, Transition};
use crate::protocol::{Slot, ToWorker};
use crate::store::IncidentKind;

/// A device whose last reading is older than so many polls cannot be read: NVML hangs.
const OVERDUE_POLLS: u32 = 3;
/// However frequent the polls are, a busy machine may keep the monitor from its reading for so long.
const OVERDUE_AT_LEAST: Duration = Duration::from_secs(1);

/// The watched devices; one that nobody watches takes work always.
#[derive(Debug)]
pub(super) struct Health {
    watched: BTreeMap<DeviceId, Watched>,
    overdue_after: Duration,
    /// Reads until it is dropped.
    _monitor: Option<Monitor>,
}

#[derive(Debug)]
struct Watched {
    gate: Gate,
    last: Instant,
}

impl Health {
    /// Watches the GPUs of a run, if that is asked for; simulated devices only where an NVML library is named.
    pub(super) fn watch(options: &RunOptions, to_me: &Sender<Incoming>) -> Self {
        let nobody = Self { watched: BTreeMap::new(), overdue_after: Duration::MAX, _monitor: None };
        let Some(gpus) = &options.gpus else { return nobody };
        let is_watched = |device: &&DeviceId| device.is_cuda() || gpus.library.is_some();
        let monitored: Vec<_> = options.devices.iter().filter(is_watched).filter_map(MonitoredGpu::of).collect();
        if monitored.is_empty() {
            return nobody;
        }
        let poll = Duration::from_millis(gpus.limits.poll_ms);
        let watched = |gpu: &MonitoredGpu| {
            (gpu.device.clone(), Watched { gate: Gate::new(gpus.limits.clone()), last: Instant::now() })
        };
        let watched = monitored.iter().map(watched).collect();
        let to_me = to_me.clone();
        let tell = move |reading| drop(to_me.send(Incoming::Device(Box::new(reading))));
        // Without the thread no reading comes, and all devices are overdue.
        let monitor = Monitor::start(gpus.library.clone(), poll, monitored, tell);
        let monitor = monitor.inspect_err(|error| tracing::warn!(%error, "the GPUs cannot be watched")).ok();
        Self { watched, overdue_after: (poll * OVERDUE_POLLS).max(OVERDUE_AT_LEAST), _monitor: monitor }
    }

    /// Whether a device may be given work.
    pub(super) fn takes_work(&self, device: &DeviceId) -> bool {
        self.is_in(device, DeviceState::Admitted).unwrap_or(true)
    }

    /// Whether a worker may be started on a device: for work, or to prove that a lost one is none.
    pub(super) fn takes_workers(&self, device: &DeviceId) -> bool {
        self.takes_work(device) || self.is_in(device, DeviceState::Lost).unwrap_or(false)
    }

    /// Whether a device is too hot to go on.
    pub(super) fn is_paused(&self, device: &DeviceId) -> bool {
        self.is_in(device, DeviceState::Paused).unwrap_or(false)
    }

    fn is_in(&self, device: &DeviceId, state: DeviceState) -> Option<bool> {
        self.watched.get(device).map(|watched| watched.gate.state() == state)
    }

    /// The canary passed on a device.
    pub(super) fn proved(&mut self, device: &DeviceId) {
        if let Some(watched) = self.watched.get_mut(device) {
            watched.gate.proved();
        }
    }

    /// Readings that should have come and have not.
    pub(super) fn overdue(&self) -> Vec<DeviceReading> {
        let silent = |(device, watched): (&DeviceId, &Watched)| {
            let silent_for = watched.last.elapsed();
            let reason = format!("NVML has said nothing for {:.1} s", silent_for.as_secs_f64());
            let overdue = silent_for > self.overdue_after;
            overdue.then(|| DeviceReading { device: device.clone(), at: watched.last, report: Err(reason) })
        };
        self.watched.iter().filter_map(silent).collect()
    }

    fn judge(&mut self, reading: &DeviceReading, occupied: bool) -> Option<Transition> {
        let watched = self.watched.get_mut(&reading.device)?;
        watched.last = reading.at;
        watched.gate.next(&reading.report, occupied)
    }
}

impl Coordinator<'_> {
    /// Takes a reading of a device and does what follows from it.
    pub(super) fn read_device(&mut self, reading: &DeviceReading) -> Result<(), RunError> {
        let device = &reading.device;
        let occupied = self.slots_of(device).any(|slot| self.slots[slot].process.is_some());
        let Some(Transition { from, to, reason }) = self.health.judge(reading, occupied) else { return Ok(()) };
        for slot in self.slots_of(device).filter(|_| (from == DeviceState::Paused) != (to == DeviceState::Paused)) {
            self.slots[slot].say(ToWorker::Pause { slot: Slot::default(), paused: to == DeviceState::Paused });
        }
        let kind = match to {
            DeviceState::Held => IncidentKind::DeviceHeld,
            DeviceState::Lost => IncidentKind::DeviceLost,
            _ if from == to => {
                tracing::warn!(%device, reason, "goes on unwatched");
                return Ok(());
            }
            DeviceState::Admitted => IncidentKind::DeviceResumed,
            DeviceState::Throttled => IncidentKind::DeviceThrottled,
            DeviceState::Paused => IncidentKind::DevicePaused,
        };
        self.note(kind, Some(device.to_string()), None, reason.clone())?;
        if to == DeviceState::Lost { self.doubt(device, &reason) } else { Ok(()) }
    }

    /// No more work for a device until the canary has passed on it.
    fn doubt(&mut self, device: &DeviceId, reason: &str) -> Result<(), RunError> {
        let slots: Vec<_> = self.slots_of(device).collect();
        for slot in slots {
            match self.slots[slot].life {
                Life::Up => self.suspect(slot, reason)?,
                Life::Down | Life::Starting => self.slots[slot].suspicion = Some(reason.to_owned()),
                Life::Proving | Life::Out => {}
            }
        }
        Ok(())
    }

    fn slots_of<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = usize> + 'a {
        (0..self.slots.len()).filter(move |slot| self.slots[*slot].worker.device == *device)
    }
}
