//! The gate, tested reading by reading.

use stage_core::Measured;

use super::*;

fn cool() -> GpuReport {
    GpuReport::cool()
}

fn at(c: u32) -> GpuReport {
    GpuReport { temperature_c: Measured::of(c), ..cool() }
}

fn full(permille: u64) -> GpuReport {
    GpuReport { memory_used_bytes: Measured::of(permille), ..cool() }
}

fn without_temperature() -> GpuReport {
    GpuReport { temperature_c: Measured::missing("no sensor"), ..cool() }
}

fn off_the_bus() -> GpuReport {
    let gone = "it is gone";
    GpuReport { lost: true, uuid: Measured::missing(gone), temperature_c: Measured::missing(gone), ..cool() }
}

/// A gate, and whether the run occupies its device.
struct Tried(Gate, bool);

impl Tried {
    fn new() -> Self {
        Self(Gate::new(DeviceLimits::default()), false)
    }

    fn admitted() -> Self {
        let mut tried = Self::new();
        assert_eq!(tried.read(cool()), None, "a device that works is not reported");
        tried.1 = true;
        tried
    }

    /// The reported transition: from, to, reason.
    fn read(&mut self, report: GpuReport) -> Option<(DeviceState, DeviceState, String)> {
        self.next(Ok(report))
    }

    fn next(&mut self, report: Result<GpuReport, String>) -> Option<(DeviceState, DeviceState, String)> {
        self.0.next(&report, self.1).map(|news| (news.from, news.to, news.reason))
    }
}

use DeviceState::{Admitted, Held, Lost, Paused, Throttled};

fn news(from: DeviceState, to: DeviceState, reason: &str) -> Option<(DeviceState, DeviceState, String)> {
    Some((from, to, reason.to_owned()))
}

#[test]
fn gate_holds_a_device_that_was_never_read() {
    assert_eq!(Tried::new().0.state(), Held);
}

#[test]
fn gate_holds_a_full_device_until_it_empties_and_reports_once() {
    let mut gate = Tried::new();
    assert_eq!(gate.read(full(919)), news(Held, Held, "91 % of its memory is in use, admitted below 80 %"));
    assert_eq!(gate.read(full(850)), None);
    assert_eq!(gate.0.reason(), "85 % of its memory is in use, admitted below 80 %");
    assert_eq!(gate.read(full(800)), None, "a device at the limit is not admitted");
    assert_eq!(gate.read(full(799)), news(Held, Admitted, "79 % of its memory is in use, 50 C"));
}

#[test]
fn gate_does_not_admit_a_hot_device() {
    let mut gate = Tried::new();
    assert_eq!(gate.read(at(80)), news(Held, Held, "80 C, admitted below 80 C"));
    assert_eq!(gate.read(at(79)), news(Held, Admitted, "10 % of its memory is in use, 79 C"));
}

#[test]
fn gate_reports_a_held_device_that_cannot_be_read_once() {
    let mut gate = Tried::new();
    assert!(gate.read(full(950)).is_some());
    for _ in 0..3 {
        assert_eq!(gate.next(Err("NVML has not answered".to_owned())), None, "the device is held already");
        assert_eq!(gate.read(full(950)), None, "this reason is reported already");
    }
    assert_eq!(gate.read(at(85)).unwrap().2, "85 C, admitted below 80 C", "another reason is reported");
    assert_eq!(gate.read(cool()).unwrap().1, Admitted);
}

#[test]
fn gate_never_admits_a_device_that_cannot_be_read() {
    let memory = GpuReport { memory_used_bytes: Measured::missing("denied"), ..cool() };
    for (report, reason) in [
        (Err("no driver".to_owned()), "its state is unknown: no driver"),
        (Ok(memory), "its memory is unknown: denied"),
        (Ok(GpuReport { memory_total_bytes: Measured::of(0), ..cool() }), "its memory is unknown: NVML reports none"),
        (Ok(without_temperature()), "its temperature is unknown: no sensor"),
    ] {
        let mut gate = Tried::new();
        assert_eq!(gate.next(report), news(Held, Held, reason));
    }
}

#[test]
fn gate_admits_a_device_that_cannot_be_read_if_the_configuration_asks_for_it() {
    for admit_unknown in [false, true] {
        let mut gate = Gate::new(DeviceLimits { admit_unknown, ..DeviceLimits::default() });
        gate.next(&Ok(without_temperature()), false);
        assert_eq!(gate.state() == DeviceState::Admitted, admit_unknown);
    }
    let mut gate = Gate::new(DeviceLimits { admit_unknown: true, ..DeviceLimits::default() });
    gate.next(&Ok(full(910)), false);
    assert_eq!(gate.state(), DeviceState::Held, "a value that can be read is checked");
}

#[test]
fn gate_reports_another_reason_to_hold_a_device() {
    let mut gate = Tried::new();
    assert_eq!(gate.read(full(900)).unwrap().1, Held);
    assert_eq!(gate.read(at(90)), news(Held, Held, "90 C, admitted below 80 C"));
    assert_eq!(gate.read(at(91)), None);
}

#[test]
fn gate_throttles_then_pauses_by_heat_until_the_resume_temperature() {
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(at(79)), None);
    assert_eq!(gate.read(at(80)), news(Admitted, Throttled, "80 C, throttled at 80 C"));
    assert_eq!(gate.read(at(71)), None);
    assert_eq!(gate.read(at(86)), news(Throttled, Paused, "86 C, paused at 85 C"));
    assert_eq!(gate.read(at(90)), None);
    assert_eq!(gate.read(at(71)), None);
    assert_eq!(gate.read(at(70)), news(Paused, Admitted, "70 C, resumed at 70 C"));
    assert_eq!(gate.read(at(85)), news(Admitted, Paused, "85 C, paused at 85 C"), "throttling is skipped");
}

#[test]
fn gate_resumes_a_throttled_device_that_was_never_paused() {
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(at(84)).unwrap().1, Throttled);
    assert_eq!(gate.read(at(69)), news(Throttled, Admitted, "69 C, resumed at 70 C"));
}

#[test]
fn gate_keeps_an_admitted_device_that_cannot_be_read_and_reports_once() {
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(without_temperature()), news(Admitted, Admitted, "its temperature is unknown: no sensor"));
    assert_eq!(gate.next(Err("NVML hangs".to_owned())), None);
    assert_eq!(gate.read(cool()), None);
    assert_eq!(gate.next(Err("NVML hangs".to_owned())), news(Admitted, Admitted, "its state is unknown: NVML hangs"));
    let mut hot = Tried::admitted();
    hot.read(at(86));
    assert_eq!(hot.read(without_temperature()).unwrap().1, Paused, "an unknown temperature does not resume a device");
}

#[test]
fn gate_counts_memory_of_others_not_our_own() {
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(full(990)), None);
    gate.1 = false;
    assert_eq!(gate.read(full(990)), news(Admitted, Held, "99 % of its memory is in use, admitted below 80 %"));
    assert_eq!(gate.read(full(100)).unwrap().1, Admitted);
}

#[test]
fn gate_takes_a_gpu_off_the_bus_for_lost_until_the_health_probe_passes() {
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(off_the_bus()), news(Admitted, Lost, "it is gone"));
    assert_eq!(gate.read(off_the_bus()), None);
    assert_eq!(gate.read(cool()), None, "only the health probe ends the loss");
    assert_eq!(gate.0.state(), Lost);
    gate.0.proved();
    assert_eq!((gate.read(cool()), gate.0.state()), (None, Admitted));
    assert_eq!(gate.read(off_the_bus()).unwrap().1, Lost, "once more");
}

#[test]
fn gate_ignores_errors_from_before_the_health_probe_passed() {
    let mut gate = Tried::admitted();
    gate.read(off_the_bus());
    gate.0.proved();
    assert_eq!(gate.read(off_the_bus()).unwrap().1, Admitted, "it is unreadable, but its health probe passed");
    let bad = GpuReport { ecc_uncorrected: Measured::of(3), xids: Measured::of(vec![79]), ..cool() };
    assert_eq!(gate.read(bad.clone()).unwrap().1, Lost);
    gate.0.proved();
    assert_eq!((gate.read(bad.clone()), gate.0.state()), (None, Admitted));
    let worse = GpuReport { xids: Measured::of(vec![79, 95]), ..bad };
    assert_eq!(gate.read(worse), news(Admitted, Lost, "Xid 95: a memory error that could not be contained"));
}

#[test]
fn gate_takes_an_uncorrected_memory_error_since_the_run_began_for_a_loss() {
    let ecc = |count| GpuReport { ecc_uncorrected: Measured::of(count), ..cool() };
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(ecc(2)), None, "earlier errors are ignored");
    assert_eq!(gate.read(GpuReport { ecc_uncorrected: Measured::missing("denied"), ..cool() }), None);
    let lost = news(Admitted, Lost, "3 uncorrected memory errors, 2 when last trusted");
    assert_eq!(gate.read(ecc(3)), lost);
}

#[test]
fn gate_takes_xids_of_the_hardware_for_a_loss_not_those_of_applications() {
    let xids = |xids: &[u64]| GpuReport { xids: Measured::of(xids.to_vec()), ..cool() };
    let mut gate = Tried::admitted();
    assert_eq!(gate.read(xids(&[13, 31, 43, 45, 63, 94])), None);
    assert_eq!(
        gate.read(xids(&[13, 31, 43, 45, 63, 94, 79])),
        news(Admitted, Lost, "Xid 79: the GPU fell off the bus")
    );
}
