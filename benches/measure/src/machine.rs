//! Description of the machine, and memory of this process according to Linux.

use std::fmt;
use std::fs;
use std::thread;

/// The CPU and the operating system.
///
/// ```
/// let here = measure::Machine::here();
/// assert!(here.threads >= 1);
/// println!("{here}"); // AMD EPYC 7B13, 2 threads, linux 6.1.0
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The CPU's model name, or its architecture if the model is unknown.
    pub cpu: String,
    /// Number of threads that this process can run in parallel.
    pub threads: usize,
    /// The operating system and its version.
    pub system: String,
}

impl Machine {
    /// Describes the machine that this process runs on.
    #[must_use]
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let release = read("/proc/sys/kernel/osrelease");
        Self {
            cpu: model_name(&read("/proc/cpuinfo")).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            threads: thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} threads, {}", self.cpu, self.threads, self.system)
    }
}

fn model_name(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Resident memory in MiB; `None` if it is unknown.
#[must_use]
pub fn resident_mib() -> Option<f64> {
    field_mib("VmRSS:")
}

/// Peak resident memory in MiB since the start of the process or the last call of [`reset_peak_resident`]; `None` if it
/// is unknown.
#[must_use]
pub fn peak_resident_mib() -> Option<f64> {
    field_mib("VmHWM:")
}

/// Resets the peak to the current resident memory. Returns false, with the peak unchanged, if the system does not allow
/// it.
pub fn reset_peak_resident() -> bool {
    // The value 5 resets only the peak (proc(5)).
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn field_mib(field: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_is_named() {
        let here = Machine::here();
        assert!(here.threads >= 1 && !here.cpu.is_empty(), "{here}");
        let info = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nmodel\t\t: 1\n";
        assert_eq!(model_name(info).as_deref(), Some("AMD EPYC 7B13"));
        assert_eq!(model_name("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_peak_holds_what_was_freed_until_it_is_reset() {
        const MIB: usize = 64;
        let before = resident_mib().unwrap();
        drop(std::hint::black_box(vec![1_u8; MIB << 20]));
        let peak = peak_resident_mib().unwrap();
        assert!(peak > before + 0.9 * MIB as f64, "{before} then {peak}");
        if reset_peak_resident() {
            let after = peak_resident_mib().unwrap();
            assert!(after < peak - 0.5 * MIB as f64, "{peak} then {after}");
        }
    }
}
