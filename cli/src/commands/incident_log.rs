//! Formats the incident log of a run: incidents in order, with equal ones merged into one line.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use scheduler::store::{Incident, IncidentKind};
use stage_core::shown;

/// Up to this many different messages of one kind and worker have a line each; more share one.
const MESSAGES: usize = 3;
/// Width of the worker column.
const WORKER_CHARS: usize = 8;

/// The lines of the log: `14:03:05  cpu:1     worker lost: killed by signal 9`, in UTC. The date is added for incidents
/// on a later day than the start of the run.
pub(crate) fn lines(started_at_ms: u64, incidents: &[Incident]) -> Vec<String> {
    let mut alike: BTreeMap<(IncidentKind, Option<&str>), Vec<&Incident>> = BTreeMap::new();
    for incident in incidents {
        alike.entry((incident.kind, incident.worker.as_deref())).or_default().push(incident);
    }
    let mut groups: Vec<Vec<&Incident>> = alike.into_values().flat_map(by_message).collect();
    groups.sort_by_key(|group| group[0].at_ms);
    groups.iter().map(|group| line(started_at_ms, group)).collect()
}

/// Groups incidents of one kind and worker by message. Too many different messages form one group.
fn by_message(alike: Vec<&Incident>) -> Vec<Vec<&Incident>> {
    let mut groups: Vec<Vec<&Incident>> = Vec::new();
    for incident in &alike {
        match groups.iter().position(|group| group[0].message == incident.message) {
            Some(group) => groups[group].push(incident),
            None if groups.len() == MESSAGES => return vec![alike],
            None => groups.push(vec![incident]),
        }
    }
    groups
}

fn line(started_at_ms: u64, group: &[&Incident]) -> String {
    let (first, last) = (group[0], group[group.len() - 1]);
    let worker = first.worker.as_deref().unwrap_or("-");
    let times = match group.len() {
        1 => String::new(),
        n => format!(", {n} times until {}", clock(started_at_ms, last.at_ms)),
    };
    let latest = if first.message == last.message { "" } else { "the last: " };
    let recordings: BTreeMap<&Path, ()> =
        group.iter().filter_map(|incident| Some((incident.recording.as_deref()?, ()))).collect();
    let recordings = match recordings.len() {
        0 => String::new(),
        1 => recordings.keys().map(|path| format!(" ({})", shown(path))).collect(),
        n => format!(" ({n} recordings)"),
    };
    let kind = first.kind.label();
    let at = clock(started_at_ms, first.at_ms);
    format!("{at}  {worker:WORKER_CHARS$}  {kind}{times}: {latest}{}{recordings}", last.message)
}

/// `14:03:05`, or `11-26 14:03:05` on a later day.
fn clock(started_at_ms: u64, at_ms: u64) -> String {
    let utc = |ms: u64| {
        let ms = i64::try_from(ms).unwrap_or_default();
        TimeZone::UTC.to_datetime(Timestamp::from_millisecond(ms).unwrap_or_default())
    };
    let (began, at) = (utc(started_at_ms), utc(at_ms));
    let form = if at.date() == began.date() { "%H:%M:%S" } else { "%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14 22:13:20 UTC.
    const BEGAN_MS: u64 = 1_700_000_000_000;

    fn incident(after_s: u64, kind: IncidentKind, worker: &str, message: &str) -> Incident {
        let recording = (kind == IncidentKind::Retried).then(|| format!("call-{after_s}.wav").into());
        let worker = (!worker.is_empty()).then(|| worker.to_owned());
        Incident { at_ms: BEGAN_MS + after_s * 1000, kind, worker, recording, message: message.to_owned() }
    }

    #[test]
    fn incident_log_is_in_order_with_time_and_worker() {
        let incidents = [
            incident(1, IncidentKind::WorkerLost, "cpu:1", "killed by signal 9"),
            incident(2, IncidentKind::Quarantined, "", "kills workers"),
            incident(7200, IncidentKind::DeviceRetired, "cpu:1", "the health probe failed"),
        ];
        let expected = [
            "22:13:21  cpu:1     worker lost: killed by signal 9",
            "22:13:22  -         quarantined: kills workers",
            "11-15 00:13:20  cpu:1     device retired: the health probe failed",
        ];
        assert_eq!(lines(BEGAN_MS, &incidents), expected);
    }

    #[test]
    fn incident_log_counts_equal_incidents_in_one_line() {
        let incidents = [
            incident(1, IncidentKind::WorkerLost, "cpu:1", "killed by signal 9"),
            incident(2, IncidentKind::WorkerLost, "cpu:0", "killed by signal 9"),
            incident(3, IncidentKind::WorkerLost, "cpu:1", "killed by signal 9"),
            incident(4, IncidentKind::WorkerLost, "cpu:1", "sent nothing"),
        ];
        let expected = [
            "22:13:21  cpu:1     worker lost, 2 times until 22:13:23: killed by signal 9",
            "22:13:22  cpu:0     worker lost: killed by signal 9",
            "22:13:24  cpu:1     worker lost: sent nothing",
        ];
        assert_eq!(lines(BEGAN_MS, &incidents), expected);
    }

    #[test]
    fn incident_log_shows_the_last_of_many_messages() {
        let incidents: Vec<_> =
            (0..50).map(|n| incident(n, IncidentKind::Retried, "cpu:0", &format!("disk full at {n}"))).collect();
        let expected =
            "22:13:20  cpu:0     retried, 50 times until 22:14:09: the last: disk full at 49 (50 recordings)";
        assert_eq!(lines(BEGAN_MS, &incidents), [expected]);
    }
}
