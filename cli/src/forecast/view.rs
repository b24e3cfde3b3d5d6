//! The forecast as text.

use std::fmt::{self, Display, Formatter};

use stage_core::{Measured, printable, shown};

use super::problems::{Problem, Severity};
use super::{Forecast, ModelFacts, ModelState, Work};
use crate::table;

/// Maximum number of paths shown for one problem.
const PATHS: usize = 5;

impl Display for Forecast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let files = &self.files;
        write!(f, "files      {} ({}), {} of audio", files.files, size(files.bytes), table::clock(files.audio_s))?;
        if files.unknown_length > 0 {
            write!(f, " without {} files of unknown length", files.unknown_length)?;
        }
        writeln!(f, "; {} hashes cached", files.hashes_cached)?;
        for of in &self.formats {
            let (container, codec) = (&of.container, &of.codec);
            let external = if of.external_decoder.is_some() { " (decoded by ffmpeg)" } else { "" };
            writeln!(f, "           {container}/{codec}: {} files, {}{external}", of.files, table::clock(of.audio_s))?;
        }
        work(f, &self.work)?;
        match (&self.time.value, &self.time.reason) {
            (Some(time), _) if time.expected_s <= 0.0 => writeln!(f, "time       none: {}", time.basis)?,
            (Some(time), _) => writeln!(
                f,
                "time       about {}, {:.0} times real time ({})",
                table::clock(time.expected_s),
                time.times_real_time,
                time.basis
            )?,
            (None, reason) => writeln!(f, "time       unknown: {}", text(reason.as_ref()))?,
        }
        writeln!(f, "disk       store: {}", known(&self.disk.store_bytes))?;
        writeln!(f, "           results: {}", known(&self.disk.results_bytes))?;
        writeln!(f, "           free: {}", known(&self.disk.free_bytes))?;
        writeln!(f, "devices    {}", self.devices.join(", "))?;
        self.models.iter().try_for_each(|model| self::model(f, model))?;
        self.problems.iter().try_for_each(|problem| self::problem(f, problem))?;
        let counts = [Severity::Error, Severity::Warning, Severity::Note]
            .map(|severity| self.problems.iter().filter(|problem| problem.severity == severity).count());
        let [errors, warnings, notes] = counts;
        self.skipped.iter().try_for_each(|skipped| writeln!(f, "skipped    {skipped}"))?;
        write!(f, "{errors} errors, {warnings} warnings, {notes} notes; {} files skipped", self.skipped.len())
    }
}

fn work(f: &mut Formatter<'_>, work: &Measured<Work>) -> fmt::Result {
    let Some(work) = &work.value else {
        return writeln!(f, "stored     unknown: {}", text(work.reason.as_ref()));
    };
    writeln!(f, "stored     {} of {} recordings complete", work.complete, work.recordings)?;
    if work.quarantined > 0 {
        writeln!(f, "           {} quarantined (--retry-quarantined retries them)", work.quarantined)?;
    }
    if work.windows_stored > 0 {
        writeln!(f, "           {} windows of unfinished recordings", work.windows_stored)?;
    }
    for stage in &work.stages {
        write!(f, "           {}: {} cached, {} to compute", stage.stage, stage.cached, stage.missing)?;
        if stage.altered > 0 {
            write!(f, ", {} altered (computed again)", stage.altered)?;
        }
        if stage.again > 0 {
            write!(f, ", {} to compute again", stage.again)?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn model(f: &mut Formatter<'_>, model: &ModelFacts) -> fmt::Result {
    write!(f, "model      {}: {}", model.role, model.source)?;
    match model.state {
        ModelState::Embedded => write!(f, ", embedded")?,
        ModelState::Present => write!(f, ", on this machine")?,
        ModelState::NotDownloaded => write!(f, ", not downloaded yet")?,
    }
    if let Some(bytes) = model.size_bytes.value {
        write!(f, ", {}", size(bytes))?;
    }
    if let Some(sha256) = &model.sha256.value {
        write!(f, ", sha256 {}", sha256.get(..12).unwrap_or(sha256))?;
    }
    writeln!(f)
}

fn problem(f: &mut Formatter<'_>, problem: &Problem) -> fmt::Result {
    let severity = match problem.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Note => "note",
    };
    writeln!(f, "{severity:<10} {}: {}", problem.code, printable(&problem.message))?;
    for path in problem.paths.iter().take(PATHS) {
        writeln!(f, "           {}", shown(path))?;
    }
    if problem.paths.len() > PATHS {
        writeln!(f, "           and {} more; --json lists all", problem.paths.len() - PATHS)?;
    }
    Ok(())
}

fn known(bytes: &Measured<u64>) -> String {
    bytes.value.map_or_else(|| format!("unknown: {}", text(bytes.reason.as_ref())), size)
}

fn text(reason: Option<&String>) -> &str {
    reason.map_or("no reason", String::as_str)
}

/// `1.2 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
