//! The limits of devices, from the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits for GPUs, and how often GPUs are read.
///
/// ```
/// use scheduler::devices::{DeviceLimits, LimitsError};
///
/// let limits = DeviceLimits { temperature_admit_c: 75, ..DeviceLimits::default() };
/// assert_eq!(limits.validate(), Ok(()));
/// let contradiction = DeviceLimits { temperature_resume_c: 90, ..limits };
/// assert_eq!(contradiction.validate(), Err(LimitsError::Resume));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceLimits {
    /// A GPU is admitted if other programs use less than this percentage of its memory.
    pub memory_admit_percent: u32,
    /// A GPU is admitted below this temperature, in degrees Celsius. From this temperature on it gets no new batch.
    pub temperature_admit_c: u32,
    /// A GPU that was too hot gets work again at or below this temperature, in degrees Celsius.
    pub temperature_resume_c: u32,
    /// A GPU pauses between two calls at or above this temperature, in degrees Celsius.
    pub temperature_pause_c: u32,
    /// Interval between two readings, in milliseconds.
    pub poll_ms: u64,
    /// Admit GPUs whose memory or temperature cannot be read (MIG slices, containers without NVML). Such GPUs are not
    /// monitored.
    pub admit_unknown: bool,
}

impl Default for DeviceLimits {
    fn default() -> Self {
        Self {
            memory_admit_percent: 80,
            temperature_admit_c: 80,
            temperature_resume_c: 70,
            temperature_pause_c: 85,
            poll_ms: 1000,
            admit_unknown: false,
        }
    }
}

/// Why the limits are invalid. Correct the named field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// The percentage is 0 or above 100.
    #[error("memory_admit_percent must be from 1 to 100")]
    Memory,
    /// A device that gets work again would be too hot to be admitted.
    #[error("temperature_resume_c must be below temperature_admit_c")]
    Resume,
    /// A device would be paused before it is throttled.
    #[error("temperature_pause_c must be temperature_admit_c or more")]
    Pause,
    /// Polling this often would occupy the driver most of the time.
    #[error("poll_ms must be at least {LEAST_POLL_MS}")]
    Poll,
}

/// Shortest interval between two readings. Shorter ones would occupy the driver most of the time.
const LEAST_POLL_MS: u64 = 10;

impl DeviceLimits {
    /// Checks that the limits are consistent.
    ///
    /// # Errors
    /// [`LimitsError`] with the invalid field.
    pub const fn validate(&self) -> Result<(), LimitsError> {
        if self.memory_admit_percent == 0 || self.memory_admit_percent > 100 {
            Err(LimitsError::Memory)
        } else if self.temperature_resume_c >= self.temperature_admit_c {
            Err(LimitsError::Resume)
        } else if self.temperature_pause_c < self.temperature_admit_c {
            Err(LimitsError::Pause)
        } else if self.poll_ms < LEAST_POLL_MS {
            Err(LimitsError::Poll)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_contradict_each_other_are_reported() {
        let right = DeviceLimits::default();
        assert_eq!(right.validate(), Ok(()));
        for (wrong, field) in [
            (DeviceLimits { memory_admit_percent: 0, ..right.clone() }, "memory_admit_percent"),
            (DeviceLimits { memory_admit_percent: 101, ..right.clone() }, "memory_admit_percent"),
            (DeviceLimits { temperature_resume_c: 80, ..right.clone() }, "temperature_resume_c"),
            (DeviceLimits { temperature_pause_c: 79, ..right.clone() }, "temperature_pause_c"),
            (DeviceLimits { poll_ms: 9, ..right }, "poll_ms"),
        ] {
            let error = wrong.validate().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
