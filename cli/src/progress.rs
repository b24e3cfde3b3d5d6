//! Progress on standard error: bars on a terminal, plain lines elsewhere, or JSON lines for programs.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;
use stage_core::{DeviceId, StageKind};

use crate::args::Progress as Mode;

/// Seconds between plain or JSON lines.
const EVERY: Duration = Duration::from_secs(2);

/// Shows how much audio is done, how fast, and what each device works on.
pub(crate) struct Progress {
    view: View,
    started: Instant,
    last_line: Instant,
    total_audio_s: f64,
    done_audio_s: f64,
    total_files: usize,
    done_files: usize,
    failed_files: usize,
    /// Audio seconds that each device has finished in this run.
    by_device: BTreeMap<DeviceId, f64>,
}

enum View {
    Bars(Bars),
    Plain,
    Json,
    None,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    devices: BTreeMap<DeviceId, ProgressBar>,
}

impl Progress {
    /// A display of the given kind for `total_files` recordings of `total_audio_s` seconds together.
    pub(crate) fn new(mode: Mode, total_files: usize, total_audio_s: f64) -> Self {
        let view = match mode {
            Mode::Auto if std::io::stderr().is_terminal() => View::Bars(Bars::new(total_audio_s)),
            Mode::Auto | Mode::Plain => View::Plain,
            Mode::Json => View::Json,
            Mode::None => View::None,
        };
        let now = Instant::now();
        Self {
            view,
            started: now,
            last_line: now,
            total_audio_s,
            done_audio_s: 0.0,
            total_files,
            done_files: 0,
            failed_files: 0,
            by_device: BTreeMap::new(),
        }
    }

    /// A worker is ready.
    pub(crate) fn device_up(&mut self, device: &DeviceId) {
        self.by_device.entry(device.clone()).or_default();
        if let View::Bars(bars) = &mut self.view {
            bars.device(device).set_message("ready");
        }
    }

    /// A worker was lost, and why.
    pub(crate) fn device_lost(&mut self, device: &DeviceId, reason: &str) {
        self.note(&format!("{device}: {reason}"));
        if let View::Bars(bars) = &mut self.view {
            bars.device(device).set_message(reason.to_owned());
        }
    }

    /// A device has finished a stage of a recording; `share` is the stage's part of the recording's work.
    pub(crate) fn stage_done(&mut self, device: &DeviceId, stage: StageKind, name: &str, audio_s: f64, share: f64) {
        self.done_audio_s += audio_s * share;
        *self.by_device.entry(device.clone()).or_default() += audio_s * share;
        let speed = self.by_device[device] / self.elapsed_s();
        if let View::Bars(bars) = &mut self.view {
            bars.device(device).set_message(format!("{speed:6.1}x  {stage} {name}"));
        }
        self.refresh();
    }

    /// Work that need not be done: its artifact is on record.
    pub(crate) fn reused(&mut self, audio_s: f64, share: f64) {
        self.done_audio_s += audio_s * share;
        self.refresh();
    }

    /// A recording is complete, or failed.
    pub(crate) fn file_done(&mut self, failed: bool) {
        self.done_files += 1;
        self.failed_files += usize::from(failed);
        self.refresh();
    }

    /// A line beside the progress.
    pub(crate) fn note(&self, line: &str) {
        match &self.view {
            View::Bars(bars) => {
                let _ = bars.all.println(line);
            }
            View::Plain => eprintln!("{line}"),
            View::Json => eprintln!("{}", json!({"note": line})),
            View::None => {}
        }
    }

    /// Clears the bars, or writes the last line.
    pub(crate) fn finish(&mut self) {
        match &self.view {
            View::Bars(bars) => {
                let _ = bars.all.clear();
            }
            View::Plain | View::Json => self.line(),
            View::None => {}
        }
    }

    fn elapsed_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64().max(1e-3)
    }

    fn refresh(&mut self) {
        match &self.view {
            View::Bars(bars) => {
                bars.total.set_position((self.done_audio_s * 1000.0) as u64);
                bars.total.set_message(self.summary());
            }
            View::Plain | View::Json if self.last_line.elapsed() >= EVERY => {
                self.last_line = Instant::now();
                self.line();
            }
            _ => {}
        }
    }

    fn summary(&self) -> String {
        let hours = |seconds: f64| seconds / 3600.0;
        let speed = self.done_audio_s / self.elapsed_s();
        let failed = if self.failed_files == 0 { String::new() } else { format!(", {} failed", self.failed_files) };
        format!(
            "{:.2}/{:.2} h, {speed:.1}x real time, {}/{} files{failed}",
            hours(self.done_audio_s),
            hours(self.total_audio_s),
            self.done_files,
            self.total_files,
        )
    }

    fn line(&self) {
        match &self.view {
            View::Json => {
                let line = json!({
                    "audio_done_s": self.done_audio_s,
                    "audio_total_s": self.total_audio_s,
                    "files_done": self.done_files,
                    "files_failed": self.failed_files,
                    "files_total": self.total_files,
                    "elapsed_s": self.elapsed_s(),
                    "speed": self.done_audio_s / self.elapsed_s(),
                    "devices": self.by_device.iter().map(|(device, audio_s)| {
                        json!({"device": device, "audio_done_s": audio_s, "speed": audio_s / self.elapsed_s()})
                    }).collect::<Vec<_>>(),
                });
                eprintln!("{line}");
            }
            _ => {
                let devices: Vec<_> = self
                    .by_device
                    .iter()
                    .map(|(device, audio_s)| format!("{device} {:.1}x", audio_s / self.elapsed_s()))
                    .collect();
                eprintln!("{}; {}", self.summary(), devices.join(", "));
            }
        }
        let _ = std::io::stderr().flush();
    }
}

impl Bars {
    fn new(total_audio_s: f64) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{bar:32.cyan/dim} {percent:>3}%  {msg}  {elapsed} + {eta}");
        let total = all.add(ProgressBar::new((total_audio_s * 1000.0) as u64));
        total.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        total.enable_steady_tick(Duration::from_millis(250));
        Self { all, total, devices: BTreeMap::new() }
    }

    fn device(&mut self, device: &DeviceId) -> &ProgressBar {
        let all = &self.all;
        self.devices.entry(device.clone()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("  {prefix:<8} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(device.to_string());
            bar
        })
    }
}
