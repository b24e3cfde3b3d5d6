//! When a GPU may get work: a state machine over its readings, without clocks and without NVML.

use std::fmt;

use serde::Serialize;

use super::gpu::{GpuReport, known};
use super::limits::DeviceLimits;

/// The state of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// No worker is started on it: its memory is full, it is hot, or it cannot be read.
    Held,
    /// It gets work.
    Admitted,
    /// It is hot: it finishes its work and gets no new batch.
    Throttled,
    /// It is too hot: it pauses between two calls.
    Paused,
    /// It is faulty until the health probe passes on it.
    Lost,
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "held",
            Self::Admitted => "admitted",
            Self::Throttled => "throttled",
            Self::Paused => "paused",
            Self::Lost => "lost",
        })
    }
}

/// A change of a device's state. If both states are the same, either the device is held for another reason than before,
/// or it cannot be read any more and continues to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: DeviceState,
    /// The state now.
    pub to: DeviceState,
    /// The reason with the numbers, such as `86 C, paused at 85 C`.
    pub reason: String,
}

/// Xids after which the GPU itself must be reset or replaced, with their meaning. The list leaves out Xids that end one
/// application and leave the GPU intact (13, 31, 43, 45, 94), since the coordinator notices the end of that worker
/// anyway. It also leaves out those that record a repair (63) or concern NVLink (74), which Earwitness does not use.
///
/// Source: NVIDIA, "Analyzing Xid Errors with the Xid Catalog", docs.nvidia.com/deploy/xid-errors, and for 48 and 64
/// "Dynamic Page Retirement", docs.nvidia.com/deploy/dynamic-page-retirement.
const FATAL_XIDS: [(u64, &str); 9] = [
    (46, "the GPU stopped processing"),
    (48, "an uncorrectable memory error"),
    (62, "the GPU's micro-controller halted"),
    (64, "a bad memory row or page could not be retired"),
    (79, "the GPU fell off the bus"),
    (95, "a memory error that could not be contained"),
    (109, "a context switch timed out"),
    (119, "the GPU's system processor does not answer"),
    (120, "the GPU's system processor failed"),
];

/// Why a device is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Memory,
    Temperature,
    Unreadable,
}

/// The error state when the device was last trusted. Only a worse state counts as a new loss.
#[derive(Debug, Clone, Copy, Default)]
struct Trusted {
    lost: bool,
    ecc_uncorrected: Option<u64>,
    xids: usize,
}

/// Decides from the readings of one device whether the device may get work.
#[derive(Debug)]
pub struct Gate {
    limits: DeviceLimits,
    state: DeviceState,
    reason: String,
    hold: Option<Hold>,
    /// Whether it was reported that the admitted device cannot be read.
    reported_unreadable: bool,
    trusted: Trusted,
    last: Trusted,
}

impl Gate {
    /// Creates the gate of a device that has not been read yet. The device is held.
    #[must_use]
    pub fn new(limits: DeviceLimits) -> Self {
        Self {
            limits,
            state: DeviceState::Held,
            reason: "it has not been read yet".to_owned(),
            hold: None,
            reported_unreadable: false,
            trusted: Trusted::default(),
            last: Trusted::default(),
        }
    }

    /// The state of the device.
    #[must_use]
    pub const fn state(&self) -> DeviceState {
        self.state
    }

    /// The reason for the state, with the numbers of the reading that caused it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Records that the health probe passed. A lost device gets work again, and its earlier errors are ignored from now
    /// on.
    pub fn proved(&mut self) {
        self.trusted = self.last;
        if self.state == DeviceState::Lost {
            self.state = DeviceState::Admitted;
            "the health probe passed".clone_into(&mut self.reason);
        }
    }

    /// Updates the state with the next reading. If the run has no process on the device (`occupied` is false), all of
    /// its memory in use belongs to other programs, and an admitted device that they fill is held again. If the run
    /// occupies the device, its memory is ignored. Returns a transition if there is one to report. Admission at the
    /// first reading is not reported.
    pub fn next(&mut self, report: &Result<GpuReport, String>, occupied: bool) -> Option<Transition> {
        if let Some(reason) = report.as_ref().ok().and_then(|report| self.loss(report)) {
            return (self.state != DeviceState::Lost).then(|| self.go(DeviceState::Lost, reason));
        }
        match self.state {
            DeviceState::Held => self.admit(report),
            DeviceState::Lost => None,
            DeviceState::Admitted | DeviceState::Throttled | DeviceState::Paused => {
                if let Some(reason) = report.as_ref().ok().filter(|_| !occupied).and_then(|report| self.full(report)) {
                    self.hold = Some(Hold::Memory);
                    return Some(self.go(DeviceState::Held, reason));
                }
                self.regulate(report)
            }
        }
    }

    fn go(&mut self, to: DeviceState, reason: String) -> Transition {
        let from = std::mem::replace(&mut self.state, to);
        self.reason.clone_from(&reason);
        Transition { from, to, reason }
    }

    /// Why the device is lost, if it was not lost before.
    fn loss(&mut self, report: &GpuReport) -> Option<String> {
        let xids = report.xids.value.as_deref().unwrap_or_default();
        let ecc = report.ecc_uncorrected.value.or(self.last.ecc_uncorrected);
        self.last = Trusted { lost: report.lost, ecc_uncorrected: ecc, xids: xids.len().max(self.last.xids) };
        self.trusted.ecc_uncorrected = self.trusted.ecc_uncorrected.or(ecc);
        self.trusted.lost &= report.lost;
        if report.lost && !self.trusted.lost {
            let said = report.uuid.reason.as_deref().unwrap_or("it answers only some of the NVML calls");
            return Some(said.to_owned());
        }
        if let (Some(before), Some(now)) = (self.trusted.ecc_uncorrected, ecc)
            && now > before
        {
            return Some(format!("{now} uncorrected memory errors, {before} when last trusted"));
        }
        let new = xids.iter().skip(self.trusted.xids);
        let fatal = |xid: &u64| FATAL_XIDS.iter().find(|(fatal, _)| fatal == xid);
        new.filter_map(fatal).next().map(|(xid, meaning)| format!("Xid {xid}: {meaning}"))
    }

    /// Why the device's memory is too full for it to be admitted.
    fn full(&self, report: &GpuReport) -> Option<String> {
        let (percent, limit) = (report.memory_percent().ok()?, self.limits.memory_admit_percent);
        (percent >= f64::from(limit))
            .then(|| format!("{} % of its memory is in use, admitted below {limit} %", percent.floor()))
    }

    fn admit(&mut self, report: &Result<GpuReport, String>) -> Option<Transition> {
        let obstacle = match self.obstacle(report) {
            Err((Hold::Unreadable, reason)) if self.limits.admit_unknown => Ok(reason),
            found => found,
        };
        let (hold, reason) = match obstacle {
            Ok(reason) => {
                let was_reported = self.hold.take().is_some();
                let admitted = self.go(DeviceState::Admitted, reason);
                return was_reported.then_some(admitted);
            }
            Err(obstacle) => obstacle,
        };
        // A held device that cannot be read temporarily has been reported already.
        let is_new = self.hold != Some(hold) && (self.hold.is_none() || hold != Hold::Unreadable);
        if is_new {
            self.hold = Some(hold);
        }
        let held = self.go(DeviceState::Held, reason);
        is_new.then_some(held)
    }

    /// `Ok` with a description of the device if it may be admitted, else what prevents that.
    fn obstacle(&self, report: &Result<GpuReport, String>) -> Result<String, (Hold, String)> {
        let unknown = |what: &str, why: String| (Hold::Unreadable, format!("{what} is unknown: {why}"));
        let report = report.as_ref().map_err(|why| unknown("its state", why.clone()))?;
        let percent = report.memory_percent().map_err(|why| unknown("its memory", why))?;
        if let Some(reason) = self.full(report) {
            return Err((Hold::Memory, reason));
        }
        let (c, admit_c) = (self.temperature(report)?, self.limits.temperature_admit_c);
        if c >= admit_c {
            return Err((Hold::Temperature, format!("{c} C, admitted below {admit_c} C")));
        }
        Ok(format!("{} % of its memory is in use, {c} C", percent.floor()))
    }

    fn temperature(&self, report: &GpuReport) -> Result<u32, (Hold, String)> {
        let unknown = |why| (Hold::Unreadable, format!("its temperature is unknown: {why}"));
        known(&report.temperature_c).copied().map_err(unknown)
    }

    /// Updates an admitted device with its temperature. Without a reading its state does not change.
    fn regulate(&mut self, report: &Result<GpuReport, String>) -> Option<Transition> {
        let unknown = |why: &String| (Hold::Unreadable, format!("its state is unknown: {why}"));
        let c = match report.as_ref().map_err(unknown).and_then(|report| self.temperature(report)) {
            Ok(c) => c,
            Err((_, reason)) => {
                let is_new = !std::mem::replace(&mut self.reported_unreadable, true);
                return is_new.then(|| self.go(self.state, reason));
            }
        };
        self.reported_unreadable = false;
        let DeviceLimits {
            temperature_admit_c: admit, temperature_resume_c: resume, temperature_pause_c: pause, ..
        } = self.limits;
        let (to, what, limit) = match self.state {
            DeviceState::Paused if c > resume => return None,
            _ if c >= pause => (DeviceState::Paused, "paused", pause),
            DeviceState::Throttled if c > resume => return None,
            DeviceState::Throttled | DeviceState::Paused => (DeviceState::Admitted, "resumed", resume),
            _ if c >= admit => (DeviceState::Throttled, "throttled", admit),
            _ => return None,
        };
        Some(self.go(to, format!("{c} C, {what} at {limit} C")))
    }
}

#[cfg(test)]
mod tests;
