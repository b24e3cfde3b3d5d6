//! The monitor with the fake NVML library. There is only one test, because the library uses one script per process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use scheduler::devices::{DeviceReading, GpuKey, Monitor, MonitoredGpu};
use stage_core::DeviceId;
use testkit::PATIENCE;

fn monitored(key: GpuKey) -> MonitoredGpu {
    MonitoredGpu { device: DeviceId::Sim(7), key }
}

/// The next reading of a monitor of one GPU: its UUID, or the reason that it is missing.
fn uuid(readings: &Receiver<DeviceReading>) -> Result<String, String> {
    let reading = readings.recv_timeout(PATIENCE).unwrap();
    assert_eq!(reading.device, DeviceId::Sim(7));
    let uuid = reading.report?.uuid;
    uuid.value.ok_or_else(|| uuid.reason.unwrap())
}

#[test]
fn monitor_finds_gpus_by_name_or_number_and_ends_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "* gpus 21\n").unwrap();
    // SAFETY: no other thread is running yet.
    unsafe { std::env::set_var(fake_nvml::SCRIPT_ENV, &script) };
    let start = |key| {
        let (tell, readings) = channel();
        let library = Some(fake_nvml::library().into());
        let tell = move |reading| drop(tell.send(reading));
        (Monitor::start(library, Duration::from_millis(10), vec![monitored(key)], tell).unwrap(), readings)
    };
    let whole = fake_nvml::uuid(20);
    let (beginning, shared) = (&whole[..whole.len() - 1], &whole[..whole.len() - 2]);
    for key in [GpuKey::Uuid(whole.clone()), GpuKey::Uuid(beginning.to_owned()), GpuKey::Index(20)] {
        let (monitor, readings) = start(key);
        assert_eq!(uuid(&readings).as_ref(), Ok(&whole));
        assert_eq!(uuid(&readings).as_ref(), Ok(&whole), "it reads again");
        drop(monitor);
        while readings.recv_timeout(PATIENCE).is_ok() {}
    }
    let (_monitor, readings) = start(GpuKey::Uuid(shared.to_owned()));
    assert!(uuid(&readings).is_err(), "all begin with it");
    let (_monitor, readings) = start(GpuKey::Index(21));
    assert!(uuid(&readings).is_err(), "there are 21");
}
