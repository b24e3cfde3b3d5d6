//! The memory of the machine that is still available.

use std::fs;

/// Share of the machine's memory that stays available: three eighths.
const RESERVE: (u64, u64) = (3, 8);

/// Whether so much memory is available that more windows may be kept in it. True if the system does not tell.
pub(crate) fn has_room() -> bool {
    fs::read_to_string("/proc/meminfo").ok().and_then(|text| leaves_room(&text)).unwrap_or(true)
}

/// The same for the text of `/proc/meminfo`.
fn leaves_room(meminfo: &str) -> Option<bool> {
    let kib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    Some(kib("MemAvailable")? >= kib("MemTotal")? / RESERVE.1 * RESERVE.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_room_while_enough_of_it_is_available() {
        let meminfo = |available: u32| format!("MemTotal: 800 kB\nMemFree: 1 kB\nMemAvailable:  {available} kB\n");
        assert_eq!([300, 299].map(|available| leaves_room(&meminfo(available))), [Some(true), Some(false)]);
        assert_eq!(leaves_room("MemTotal: 800 kB"), None);
    }
}
