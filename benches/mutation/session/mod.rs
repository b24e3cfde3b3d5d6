//! A session: batches of mutants until the time is over, and what was found.

mod batch;
mod judge;
mod mutations;
mod report;
mod sources;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::{Ffmpeg, Random};

pub(crate) use batch::{Batch, Outcome};
pub(crate) use judge::Finding;
use judge::judge;
use mutations::{Mutant, mutant};
use sources::Source;

/// What a session needs.
pub(crate) struct Options {
    /// The program.
    pub(crate) program: PathBuf,
    /// Determines all mutants.
    pub(crate) seed: u32,
    /// Number of mutants in a batch.
    pub(crate) batch: usize,
    /// Where mutants that failed a check are kept.
    pub(crate) keep: Option<PathBuf>,
}

/// Counts of a format.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) mutants: usize,
    pub(crate) done: usize,
    pub(crate) with_warnings: usize,
    pub(crate) failed: BTreeMap<String, usize>,
}

pub(crate) struct Session {
    options: Options,
    sources: Vec<Source>,
    random: Random,
    counts: BTreeMap<String, Counts>,
    findings: Vec<Finding>,
    batches: usize,
    elapsed: Duration,
    peak_memory: u64,
    peak_disk: u64,
}

impl Session {
    /// Makes the sources, and runs the program on them as they are. `None` without ffmpeg.
    pub(crate) fn new(options: Options) -> Option<Self> {
        let sources = sources::all(&Ffmpeg::find()?);
        println!("seed {}, {} sources", options.seed, sources.len());
        let random = Random(options.seed);
        let mut session = Self {
            options,
            sources,
            random,
            counts: BTreeMap::new(),
            findings: Vec::new(),
            batches: 0,
            elapsed: Duration::ZERO,
            peak_memory: 0,
            peak_disk: 0,
        };
        session.measure_sources();
        Some(session)
    }

    /// Runs batches until this time is over, at least one.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.run_batch();
            self.elapsed = start.elapsed();
        }
    }

    /// Runs one batch of mutants.
    fn run_batch(&mut self) {
        let mutants: Vec<Mutant> =
            (0..self.options.batch).map(|index| mutant(&self.sources, index, &mut self.random)).collect();
        let batch = self.run(mutants.iter().map(|mutant| (mutant.name.clone(), &mutant.bytes[..])));
        self.batches += 1;
        let found = judge(&mutants, &batch);
        println!(
            "batch {}: {} mutants, {:.0} s, {} findings",
            self.batches,
            mutants.len(),
            batch.took.as_secs_f64(),
            found.len()
        );
        for finding in &found {
            println!("  {finding}");
        }
        self.count(&mutants, &batch);
        self.keep(&mutants, &found);
        self.findings.extend(found);
    }

    /// What failed a check.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The result as Markdown.
    pub(crate) fn report(&self) -> String {
        report::markdown(self)
    }

    fn run<'a>(&mut self, files: impl Iterator<Item = (String, &'a [u8])>) -> Batch {
        let batch = Batch::run(&self.options.program, files);
        self.peak_memory = self.peak_memory.max(batch.peak_memory);
        self.peak_disk = self.peak_disk.max(batch.peak_disk);
        batch
    }

    /// Keeps the facts of the sources without mutations, against which mutants are judged.
    fn measure_sources(&mut self) {
        let sources = std::mem::take(&mut self.sources);
        let batch = self.run(sources.iter().map(|source| (source.file_name(), &source.bytes[..])));
        let measured = |source: Source| Source { whole: batch.outcome(&source.file_name()).cloned(), ..source };
        self.sources = sources.into_iter().map(measured).collect();
    }

    fn count(&mut self, mutants: &[Mutant], batch: &Batch) {
        for mutant in mutants {
            let counts = self.counts.entry(mutant.format.clone()).or_default();
            counts.mutants += 1;
            match batch.outcome(&mutant.name) {
                Some(Outcome::Done(facts)) => {
                    counts.done += 1;
                    counts.with_warnings += usize::from(facts.warnings > 0);
                }
                Some(Outcome::Failed(code)) => *counts.failed.entry(code.clone()).or_default() += 1,
                None => {}
            }
        }
    }

    fn keep(&self, mutants: &[Mutant], found: &[Finding]) {
        let Some(folder) = &self.options.keep else { return };
        std::fs::create_dir_all(folder).unwrap();
        for mutant in mutants.iter().filter(|mutant| found.iter().any(|finding| finding.file == mutant.name)) {
            std::fs::write(folder.join(format!("{}-{}", self.batches, mutant.name)), &mutant.bytes).unwrap();
        }
    }
}
