//! The memory of the machine.

use std::fs;

/// Memory that this process and its children may use in total, in bytes: that of the machine, or the limit of the
/// control group. `None` if the system does not tell.
pub(super) fn available_to_this_process() -> Option<u64> {
    let machine = of_machine(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()).min();
    Some(group.map_or(machine, |group| group.min(machine)))
}

/// The total memory from the text of `/proc/meminfo`, in bytes.
fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(of_machine("MemTotal:       16384 kB\nMemFree:  1 kB\n"), Some(16 << 20));
        assert_eq!(of_machine("MemFree:  1 kB\n"), None);
        assert!(available_to_this_process().is_some_and(|bytes| bytes > 64 << 20));
    }
}
