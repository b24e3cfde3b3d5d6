//! The memory of this process, as Linux counts it.

use std::fs;

/// MiB that are resident now; none where the system does not say.
#[must_use]
pub fn resident_mib() -> Option<f64> {
    field_mib("VmRSS:")
}

/// The most MiB that were resident at a time, since the process began or [`reset_peak_resident`] was called; none where
/// the system does not say.
#[must_use]
pub fn peak_resident_mib() -> Option<f64> {
    field_mib("VmHWM:")
}

/// Lowers the peak to what is resident now. False where the system does not allow it: the peak then stays.
pub fn reset_peak_resident() -> bool {
    // 5 resets the peak alone (proc(5)).
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn field_mib(field: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
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
