//! Processes of a test.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Sends a signal by its name, such as `INT`. Returns false if the process does not exist any more.
///
/// # Panics
/// If `kill` is not installed.
pub fn send_signal(pid: u32, name: &str) -> bool {
    let kill = Command::new("kill").args([format!("-{name}"), pid.to_string()]).stderr(Stdio::null()).status();
    kill.unwrap().success()
}

/// Whether the process exists and is not a zombie.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

/// Memory of a process and all its descendants in bytes, without files that are mapped into them. 0 if it has ended.
#[must_use]
pub fn tree_memory(pid: u32) -> u64 {
    let own_memory = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = anonymous.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or_default() * 1024
    };
    tree(pid).into_iter().map(own_memory).sum()
}

/// Waits for a process to end. Returns its status, and the highest [`tree_memory`] that was seen.
///
/// # Panics
/// If it cannot be waited for.
pub fn wait_with_peak_memory(child: &mut Child) -> (ExitStatus, u64) {
    let mut peak = 0;
    loop {
        peak = peak.max(tree_memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            return (status, peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Size in bytes of the files that a process and its descendants have open and that have no name any more.
#[must_use]
pub fn tree_unlinked(pid: u32) -> u64 {
    let of_process = |pid: u32| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let is_unlinked = |path: &std::path::PathBuf| {
            std::fs::read_link(path).is_ok_and(|target| target.to_string_lossy().ends_with(" (deleted)"))
        };
        let unlinked = descriptors.map(|entry| entry.path()).filter(is_unlinked);
        unlinked.filter_map(|path| std::fs::metadata(path).ok()).map(|metadata| metadata.len()).sum::<u64>()
    };
    tree(pid).into_iter().map(of_process).sum()
}

/// A process and its descendants.
fn tree(pid: u32) -> Vec<u32> {
    let mut tree = vec![pid];
    let mut at = 0;
    while let Some(pid) = tree.get(at) {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        let children: Vec<u32> = children
            .flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>())
            .collect();
        tree.extend(children);
        at += 1;
    }
    tree
}
