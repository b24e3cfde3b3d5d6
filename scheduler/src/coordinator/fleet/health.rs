//! The health of the run's GPUs: readings from the monitor, and whether each GPU may work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use stage_core::DeviceId;

use super::connection::Incoming;
use crate::coordinator::options::RunOptions;
use crate::devices::{DeviceReading, DeviceState, Gate, Monitor, MonitoredGpu, Transition};

/// A device cannot be read if its last reading is older than this number of polls: NVML hangs.
const OVERDUE_POLLS: u32 = 3;
/// Lower limit of that age. A busy machine may delay the monitor this long, even if it polls often.
const OVERDUE_AT_LEAST: Duration = Duration::from_secs(1);

/// The state of the monitored devices. A device that is not monitored always takes work.
#[derive(Debug)]
pub(super) struct DeviceHealth {
    watched: BTreeMap<DeviceId, Watched>,
    overdue_after: Duration,
    /// Reads the devices until it is dropped.
    _monitor: Option<Monitor>,
}

#[derive(Debug)]
struct Watched {
    gate: Gate,
    last: Instant,
}

impl DeviceHealth {
    /// Monitors the GPUs of a run if the options ask for it. Simulated devices are monitored only if an NVML library is
    /// named.
    pub(super) fn watch(options: &RunOptions, sender: &Sender<Incoming>) -> Self {
        let unwatched = Self { watched: BTreeMap::new(), overdue_after: Duration::MAX, _monitor: None };
        let Some(gpus) = &options.gpus else { return unwatched };
        let is_watched = |device: &&DeviceId| device.is_cuda() || gpus.library.is_some();
        let monitored: Vec<_> = options.devices.iter().filter(is_watched).filter_map(MonitoredGpu::of).collect();
        if monitored.is_empty() {
            return unwatched;
        }
        let poll = Duration::from_millis(gpus.limits.poll_ms);
        let watched = |gpu: &MonitoredGpu| {
            (gpu.device.clone(), Watched { gate: Gate::new(gpus.limits.clone()), last: Instant::now() })
        };
        let watched = monitored.iter().map(watched).collect();
        let sender = sender.clone();
        let forward = move |reading| drop(sender.send(Incoming::Device(Box::new(reading))));
        // If the thread does not start, no reading arrives, and all devices become overdue.
        let monitor = Monitor::start(gpus.library.clone(), poll, monitored, forward);
        let monitor = monitor.inspect_err(|error| tracing::warn!(%error, "the GPUs cannot be monitored")).ok();
        Self { watched, overdue_after: (poll * OVERDUE_POLLS).max(OVERDUE_AT_LEAST), _monitor: monitor }
    }

    /// Whether a device may get work.
    pub(super) fn takes_work(&self, device: &DeviceId) -> bool {
        self.is_in(device, DeviceState::Admitted).unwrap_or(true)
    }

    /// Whether a worker may be started on a device, either for work or to run the health probe on a lost device.
    pub(super) fn takes_workers(&self, device: &DeviceId) -> bool {
        self.takes_work(device) || self.is_in(device, DeviceState::Lost).unwrap_or(false)
    }

    /// Whether a device is too hot to continue.
    pub(super) fn is_paused(&self, device: &DeviceId) -> bool {
        self.is_in(device, DeviceState::Paused).unwrap_or(false)
    }

    fn is_in(&self, device: &DeviceId, state: DeviceState) -> Option<bool> {
        self.watched.get(device).map(|watched| watched.gate.state() == state)
    }

    /// Records that the health probe passed on a device.
    pub(super) fn probe_passed(&mut self, device: &DeviceId) {
        if let Some(watched) = self.watched.get_mut(device) {
            watched.gate.proved();
        }
    }

    /// A failed reading for each device whose reading is overdue at the time `now`.
    pub(super) fn overdue(&self, now: Instant) -> Vec<DeviceReading> {
        let silent = |(device, watched): (&DeviceId, &Watched)| {
            let silent_for = now.saturating_duration_since(watched.last);
            let reason = format!("NVML has not answered for {:.1} s", silent_for.as_secs_f64());
            let overdue = silent_for > self.overdue_after;
            overdue.then(|| DeviceReading { device: device.clone(), at: watched.last, report: Err(reason) })
        };
        self.watched.iter().filter_map(silent).collect()
    }

    /// Updates a device's state with a reading.
    pub(super) fn judge(&mut self, reading: &DeviceReading, occupied: bool) -> Option<Transition> {
        let watched = self.watched.get_mut(&reading.device)?;
        watched.last = reading.at;
        watched.gate.next(&reading.report, occupied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{DeviceLimits, GpuReport};

    const DEVICE: DeviceId = DeviceId::Sim(0);

    /// The health of one device that is never read except by the test.
    fn health(start: Instant) -> DeviceHealth {
        let watched = Watched { gate: Gate::new(DeviceLimits::default()), last: start };
        let watched = BTreeMap::from([(DEVICE, watched)]);
        DeviceHealth { watched, overdue_after: Duration::from_secs(15), _monitor: None }
    }

    #[test]
    fn health_of_a_device_is_unknown_while_its_reading_is_overdue() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = health(start);
        assert!(!health.takes_work(&DEVICE), "it was never read");
        health.judge(&DeviceReading { device: DEVICE, at: at(1), report: Ok(GpuReport::cool()) }, true);
        assert!(health.takes_work(&DEVICE) && health.overdue(at(16)).is_empty());
        let [overdue] = &health.overdue(at(17))[..] else { panic!("one reading is overdue") };
        assert_eq!(overdue.report, Err("NVML has not answered for 16.0 s".to_owned()));
        let reported = health.judge(overdue, true).expect("the missing reading is reported");
        assert_eq!(reported.to, DeviceState::Admitted, "a device with work continues without readings");
        assert_eq!(health.overdue(at(17)).len(), 1, "a missing reading does not count as one");
        health.judge(&DeviceReading { device: DEVICE, at: at(20), report: Ok(GpuReport::cool()) }, true);
        assert!(health.overdue(at(35)).is_empty(), "it answers again");
    }

    #[test]
    fn health_of_a_device_that_is_not_monitored_takes_work() {
        let health = health(Instant::now());
        assert!(health.takes_work(&DeviceId::Cpu(0)) && !health.is_paused(&DeviceId::Cpu(0)));
    }
}
