//! Reports of sample runs.

use std::path::Path;

use scheduler::protocol::Lane;
use scheduler::store::IncidentKind;
use stage_core::{ErrorClass, ErrorCode, PipelineError};

use super::*;
use crate::watch::samples::{self, ALIGN, DECODE, FORENSICS, SEGMENT, TRANSCRIBE, incident, item, span, worker};

/// A sample run, with its counters and report.
struct SampleRun {
    counters: Counters,
    report: Report,
    items: Vec<RecordingEntry>,
}

impl SampleRun {
    fn new(names: &[&str]) -> Self {
        let items: Vec<_> = names.iter().map(|name| item(name, 60.0)).collect();
        Self { counters: samples::counters(&items, 0), report: Report::new(0, &[]), items }
    }

    fn observe(&mut self, event: &Event, at_s: f64) {
        self.counters.observe(event, at_s);
        self.report.observe(event, at_s);
    }

    fn fail(&mut self, path: &str, message: &str) {
        let error = PipelineError::new(DECODE, ErrorClass::BadInput, ErrorCode::UnsupportedCodec, message);
        self.report.failed(FileFailure::new(Path::new(path), &error));
    }

    fn page(&self, ending: &Ending, wall_s: f64) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        let info = RunInfo { command: "earwitness run calls --out <out>", ending, wall_s };
        self.report.write(&path, &info, &self.counters, &self.items).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        std::fs::read_to_string(path).unwrap()
    }
}

#[test]
fn page_of_26_hours_on_eight_workers_is_smaller_than_two_megabytes() {
    let mut run = SampleRun::new(&["call"]);
    let stages = [DECODE, SEGMENT, ALIGN, FORENSICS];
    let wall_us: u64 = 26 * 3600 * 1_000_000;
    for n in 0..8 {
        run.observe(&Event::WorkerUp { worker: worker(n), pid: 100 + n }, 1.0);
        let mut at_us = 0;
        let mut turn = 0;
        while at_us < wall_us {
            // Durations that do not repeat, so that no two columns are equal.
            let busy_us = 700_000 + (at_us * 7919 + u64::from(n) * 104_729) % 2_500_000;
            let cpu = span(Lane::Cpu, 0, stages[turn % 4], 1, 0, at_us..at_us + busy_us / 3);
            let device = span(Lane::Device, 0, TRANSCRIBE, 1, 8, at_us..at_us + busy_us);
            run.observe(&Event::Spans { worker: worker(n), spans: vec![(cpu, vec![0]), (device, vec![0])] }, 1e6);
            at_us += busy_us + 300_000;
            turn += 1;
        }
    }
    let page = run.page(&Ending::Finished, wall_us as f64 / 1e6);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert_eq!(page.matches("<svg").count(), 16, "one row per lane");
}

#[test]
fn page_escapes_text_from_outside() {
    let mut run = SampleRun::new(&["<script>alert(1)</script>"]);
    let decode = span(Lane::Cpu, 0, DECODE, 1, 0, 0..1_000_000);
    run.observe(&Event::Spans { worker: worker(0), spans: vec![(decode, vec![0])] }, 1.0);
    run.observe(&Event::Incident(incident(IncidentKind::WorkerLost, Some("<b>"), "\"quoted\" & <i>more</i>")), 1.0);
    run.fail("/calls/<img src=x>.wav", "<u>no codec</u>");
    let page = run.page(&Ending::Broken("<em>lost</em>".to_owned()), 2.0);
    for forbidden in ["<script", "<b>", "<i>more", "<img", "<u>", "<em>", "--out <out>"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for text in ["unsupported-codec", "bad_input", "no codec", "worker lost", "alert(1)"] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn page_needs_no_other_files() {
    let page = SampleRun::new(&["call"]).page(&Ending::Finished, 1.0);
    for reference in ["http://", "https://", "src=", "href=", "url(", "@import", "<script"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn page_shows_each_kind_of_ending() {
    let run = SampleRun::new(&["call"]);
    let pages = [Ending::Finished, Ending::Interrupted, Ending::Broken("no device".to_owned())]
        .map(|ending| run.page(&ending, 1.0));
    assert!(pages[1].contains("interrupted; run the same command to resume"));
    assert!(pages[2].contains("aborted") && pages[2].contains("no device"));
    assert!(!pages[0].contains("interrupted") && !pages[0].contains("aborted"));
}

#[test]
fn page_says_why_a_value_was_not_measured() {
    let mut run = SampleRun::new(&["call"]);
    run.observe(&Event::WorkerUp { worker: worker(0), pid: 7 }, 1.0);
    let page = run.page(&Ending::Finished, 2.0);
    assert!(page.contains(r#"title="the lane reported no work">not measured"#));
    assert!(page.contains("No lane reported work on a recording."));
}

#[test]
fn page_cuts_long_lists_and_counts_the_rest() {
    let mut run = SampleRun::new(&["call"]);
    (0..LISTED + 7).for_each(|i| run.fail(&format!("/calls/{i}.wav"), "no codec"));
    let page = run.page(&Ending::Finished, 1.0);
    assert_eq!(page.matches("/calls/").count(), LISTED);
    assert!(page.contains("And 7 more"));
}
