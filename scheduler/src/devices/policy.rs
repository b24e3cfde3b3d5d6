//! When a GPU may work: a state machine over its readings, without clocks and without NVML.

use std::fmt;

use serde::Serialize;

use super::gpu::{GpuReport, known};
use super::limits::DeviceLimits;

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// No worker is started on it: it is full, hot or unknown.
    Held,
    /// It works.
    Admitted,
    /// It is hot: it finishes what it holds and gets no new batch.
    Throttled,
    /// It is too hot: it stops between two calls.
    Paused,
    /// It is broken, until the health probe passes on it.
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

/// A change to report. Where both states are the same, the device is held for another reason than before, or it can no
/// longer be read and keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: DeviceState,
    /// Now.
    pub to: DeviceState,
    /// Why, with the numbers: `86 C, paused at 85 C`.
    pub reason: String,
}

/// Xids after which the GPU itself must be reset or replaced, and what each says. Those that end one application and
/// leave the GPU sound (13, 31, 43, 45, 94) or record a repair (63) are none: that worker's end is seen anyway. NVLink
/// (74) is none: no call of ours uses it.
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

/// What was known of a device when it was trusted last: only what is worse counts as a new loss.
#[derive(Debug, Clone, Copy, Default)]
struct Trusted {
    lost: bool,
    ecc_uncorrected: Option<u64>,
    xids: usize,
}

/// Judges one device by its readings.
#[derive(Debug)]
pub struct Gate {
    limits: DeviceLimits,
    state: DeviceState,
    reason: String,
    hold: Option<Hold>,
    /// It was reported that the admitted device cannot be read.
    reported_unreadable: bool,
    trusted: Trusted,
    last: Trusted,
}

impl Gate {
    /// A device that has not been read: held.
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

    /// What the device may do.
    #[must_use]
    pub const fn state(&self) -> DeviceState {
        self.state
    }

    /// Why, with the numbers of the last reading that counted.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The health probe passed: a lost device works again, and its earlier faults no longer count.
    pub fn proved(&mut self) {
        self.trusted = self.last;
        if self.state == DeviceState::Lost {
            self.state = DeviceState::Admitted;
            "the health probe passed".clone_into(&mut self.reason);
        }
    }

    /// Takes the next reading. While the run has no process on the device (`occupied` is false), all its memory in use
    /// is held by others, and an admitted device that they fill is held again; a device that the run occupies is not
    /// judged by its memory. Says what is new; that a device is fine at the first reading is nothing new.
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

    /// Why the device is broken, if that is new.
    fn loss(&mut self, report: &GpuReport) -> Option<String> {
        let xids = report.xids.value.as_deref().unwrap_or_default();
        let ecc = report.ecc_uncorrected.value.or(self.last.ecc_uncorrected);
        self.last = Trusted { lost: report.lost, ecc_uncorrected: ecc, xids: xids.len().max(self.last.xids) };
        self.trusted.ecc_uncorrected = self.trusted.ecc_uncorrected.or(ecc);
        self.trusted.lost &= report.lost;
        if report.lost && !self.trusted.lost {
            let said = report.uuid.reason.as_deref().unwrap_or("it answers some questions only");
            return Some(said.to_owned());
        }
        if let (Some(before), Some(now)) = (self.trusted.ecc_uncorrected, ecc)
            && now > before
        {
            return Some(format!("{now} uncorrected memory errors, {before} when it was trusted last"));
        }
        let new = xids.iter().skip(self.trusted.xids);
        let fatal = |xid: &u64| FATAL_XIDS.iter().find(|(fatal, _)| fatal == xid);
        new.filter_map(fatal).next().map(|(xid, meaning)| format!("Xid {xid}: {meaning}"))
    }

    /// Why the device is too full to be admitted.
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
        // A device that is already held is not reported again when it cannot be read for a while.
        let is_new = self.hold != Some(hold) && (self.hold.is_none() || hold != Hold::Unreadable);
        if is_new {
            self.hold = Some(hold);
        }
        let held = self.go(DeviceState::Held, reason);
        is_new.then_some(held)
    }

    /// What keeps a device from being admitted; else what it is like.
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

    /// Follows the temperature of a device that was admitted. Without a reading it keeps its state.
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
