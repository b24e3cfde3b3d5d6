//! A planned run: running it, observing it, and its summary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use scheduler::coordinator::{self, Event, GpuWatch, ItemEnd, Outcome, RunError, RunOptions, WorkerCommand};
use scheduler::store::{Failure, OutputFile, RecordingEntry, Store, command_line};
use stage_core::{DeviceId, PipelineError, sha256_file, sum};
use transcribe::ModelSource;

use super::{Pipeline, Work};
use crate::config::Priorities;
use crate::defects::{self, Defects};
use crate::error::{Error, ErrorContext, ErrorKind};
use crate::export::{Document, DocumentContext, ExportError, Exporter, Formats, Variant};
use crate::inputs::{Inputs, SkippedFile};
use crate::manifest::{self, Written};
use crate::outputs::{FolderLock, Record, RunFile};
use crate::plan::Plan;
use crate::signing::PrivateKey;

/// A run whose inputs, settings and models are checked, before it starts.
pub struct PlannedRun {
    pub(super) pipeline: Pipeline,
    pub(super) inputs: Inputs,
    pub(super) store: Box<dyn Store>,
    pub(super) plan: Plan,
    pub(super) devices: Vec<DeviceId>,
    pub(super) work: Work,
    pub(super) context: DocumentContext,
    /// The formats to write.
    pub(super) selected: Formats,
    pub(super) record: Record,
    /// Whether it joins the runs of a shared store.
    pub(super) joins: bool,
    /// Keeps others from writing into the folder of the results.
    pub(super) _lock: Option<FolderLock>,
}

/// Observes a run. Every method returns quickly: the run waits for it. `()` ignores everything.
///
/// `index` is the index of a recording in [`PlannedRun::recordings`].
pub trait Observer {
    /// An event. [`Event::ItemDone`] comes after the result files are written; if they cannot be written, it is replaced
    /// by [`Observer::not_exported`].
    fn event(&mut self, _event: &Event) {}

    /// The result files of a recording are written.
    fn exported(&mut self, _index: usize, _document: &Document) {}

    /// All artifacts of a recording are stored, but its result files cannot be written.
    fn not_exported(&mut self, _index: usize, _error: &PipelineError) {}
}

impl Observer for () {}

/// How a run ended.
#[derive(Debug)]
pub struct Summary {
    /// What the coordinator reports; its items are those of [`PlannedRun::recordings`], in the same order.
    pub outcome: Outcome,
    /// Recordings whose result files could not be written, by index.
    pub not_exported: BTreeMap<usize, PipelineError>,
    /// Lengths of the decoded recordings in seconds, by index.
    pub lengths_s: BTreeMap<usize, f64>,
    /// What decode warns about, for the recordings that have warnings.
    pub defects: Vec<Defects>,
    /// Inputs that could not be read, and are not among the recordings.
    pub unreadable: Vec<Failure>,
    /// Names of formats that were not requested, but in which results of earlier runs were written again, because they
    /// would have become stale.
    pub again: BTreeSet<&'static str>,
    /// Stale result files in unknown formats, which were removed.
    pub removed: Vec<PathBuf>,
    /// The page of the case; `None` if no pages were requested.
    pub case_page: Option<Result<PathBuf, PipelineError>>,
    /// What pages lack of the sound that was requested, by recording.
    pub sound_problems: Vec<(PathBuf, String)>,
}

impl PlannedRun {
    /// The recordings, by path.
    #[must_use]
    pub fn recordings(&self) -> &[RecordingEntry] {
        &self.plan.items
    }

    /// Inputs, and folders below them, that could not be read.
    #[must_use]
    pub fn unreadable(&self) -> &[Failure] {
        &self.plan.unreadable
    }

    /// What was skipped in searched folders, with reasons.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedFile] {
        &self.inputs.skipped
    }

    /// The store, with everything that earlier runs have stored.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The selected formats.
    #[must_use]
    pub fn formats(&self) -> &Formats {
        &self.selected
    }

    /// The speech model, unless the stages are simulated.
    #[must_use]
    pub fn speech_model(&self) -> Option<&ModelSource> {
        self.work.model.as_ref()
    }

    /// Whether it joins the runs of a shared store, so that it writes no results.
    #[must_use]
    pub const fn joins(&self) -> bool {
        self.joins
    }

    /// Whether the stages are simulated, so that there are no results.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.devices.iter().any(DeviceId::is_sim)
    }

    /// Computes the artifacts that are not stored, and writes the result files of each recording as soon as it is
    /// complete. A failed recording does not end the run; see [`Summary::outcome`].
    ///
    /// Call this on a thread that outlives the run, such as the main thread: the system kills the workers when the
    /// calling thread ends.
    ///
    /// # Errors
    /// The store failed, or no device is left to work on. Committed artifacts stay, and the next run resumes from them.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Summary, Error> {
        let options = self.options()?;
        let exports = self.pipeline.last.is_none() && !self.is_simulated() && !self.joins;
        let (items, mut not_exported) = (&self.plan.items, BTreeMap::new());
        let (mut again, mut removed) = (BTreeSet::new(), Vec::new());
        let all = self.pipeline.all_formats();
        let (exporter, record) = (
            Exporter {
                selected: &self.selected,
                all: &all,
                context: &self.context,
                variant: Variant::default(),
                copies: self.pipeline.config.export.listening_copy,
                sound: None,
            },
            &mut self.record,
        );
        let mut observe = |event: Event, store: &mut dyn Store| {
            if let (Event::ItemDone { index }, true) = (&event, exports) {
                match exporter.export(store, record, &items[*index]) {
                    Ok(exported) => {
                        again.extend(exported.again);
                        removed.extend(exported.removed);
                        observer.exported(*index, &exported.document);
                    }
                    Err(error) => {
                        let error = PipelineError::from(error);
                        observer.not_exported(*index, &error);
                        not_exported.insert(*index, error);
                        return;
                    }
                }
            }
            observer.event(&event);
        };
        let outcome = coordinator::run(items, &mut *self.store, &options, &self.pipeline.interrupt, &mut observe)?;
        let is_complete = |index: &usize| outcome.items[*index] == ItemEnd::Done && !not_exported.contains_key(index);
        let complete = (0..items.len()).filter(is_complete).map(|index| &items[index]);
        let sound_problems = match self.pipeline.sound_reader().filter(|_| exports) {
            Some(reader) => {
                add_sound(Exporter { sound: Some(&reader), ..exporter }, &mut *self.store, record, complete)?
            }
            None => Vec::new(),
        };
        let of = |(index, error): (&usize, &PipelineError)| Failure {
            path: items[*index].path.clone(),
            error: error.clone(),
        };
        let failures: Vec<_> = not_exported.iter().map(of).chain(self.plan.unreadable.iter().cloned()).collect();
        self.store.record_failures(outcome.run, &failures).map_err(Error::store)?;
        let computed = outcome.stages_computed > 0;
        let draft = exporter.begin_case(&self.record).filter(|_| exports);
        let case_page = draft.map(|draft| exporter.export_case(&mut *self.store, &mut self.record, draft, computed));
        let (mut lengths_s, mut defects) = (BTreeMap::new(), Vec::new());
        for (index, item) in items.iter().enumerate().filter(|(index, _)| outcome.items[*index] == ItemEnd::Done) {
            if let Some(recording) = defects::decoded(&*self.store, item).map_err(Error::store)? {
                lengths_s.insert(index, recording.duration_s);
                defects.extend(Defects::of(item, recording));
            }
        }
        Ok(Summary {
            outcome,
            not_exported,
            lengths_s,
            defects,
            unreadable: self.plan.unreadable.clone(),
            again,
            removed,
            case_page: case_page.map(|page| page.map_err(PipelineError::from)),
            sound_problems,
        })
    }

    /// Records the files about the run before the caller writes them, as far as they are recorded then.
    pub(crate) fn begin_files(&mut self) -> Result<(), Error> {
        let files = self.pipeline.run_files.clone();
        let entry = |file: &RunFile| -> Result<OutputFile, Error> {
            let path = &file.output.path;
            let replaces = self.record.replaceable(path)?.sha256();
            Ok(OutputFile { replaces, ..OutputFile::without_recording(self.record.key(path), file.format) })
        };
        let entries = files.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        self.record.put(&mut *self.store, entries).map_err(Error::store)
    }

    /// Records the hashes of the files about the run after the caller has written them.
    pub(crate) fn end_files(&mut self) -> Result<(), Error> {
        let (mut written, mut absent) = (Vec::new(), Vec::new());
        for file in &self.pipeline.run_files {
            let path = &file.output.path;
            let Some(entry) = self.record.entry(path).cloned() else { continue };
            match sha256_file(path) {
                Ok(sha256) => written.push(OutputFile { sha256: Some(sha256), replaces: None, ..entry }),
                Err(_) => absent.push(entry.path),
            }
        }
        self.record.put(&mut *self.store, written).map_err(Error::store)?;
        self.record.forget(&mut *self.store, &absent).map_err(Error::store)
    }

    /// The head of the custody log now.
    pub(crate) fn head(&self) -> Result<Option<String>, Error> {
        self.store.head().map_err(Error::store)
    }

    /// Writes and signs the manifest of the case.
    pub(crate) fn write_manifest(&mut self, key: &PrivateKey) -> Result<Written, Error> {
        manifest::write(&mut *self.store, &self.pipeline.store, &mut self.record, Some(key))
    }

    fn options(&self) -> Result<RunOptions, Error> {
        let Pipeline { config, tests, recompute, retry_quarantined, cluster, places, .. } = &self.pipeline;
        let rules = Priorities::new(config).map_err(Error::usage)?;
        Ok(RunOptions {
            devices: self.devices.clone(),
            workers_per_device: config.run.workers_per_device.get() as u32,
            priority: config.run.default_priority,
            priorities: self.plan.items.iter().map(|item| rules.of(&item.path, item.audio_s)).collect(),
            places: places
                .as_ref()
                .map_or_else(Vec::new, |at| self.plan.items.iter().map(|item| at.of(item)).collect()),
            joins: self.joins,
            retry_quarantined: *retry_quarantined,
            batch_items: config.limits.worker_batch_size.get(),
            device_batch: config.limits.device_batch(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            worker: WorkerCommand { program: self.worker_program()?, args: self.work.args.clone() },
            settings: self.work.settings.clone(),
            recompute: *recompute,
            command: command_line(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            timing: config.timing,
            task_time: config.limits.task_time(),
            worker_memory: config.limits.worker_memory(),
            faults: tests.faults.clone(),
            gpus: cluster
                .is_none()
                .then(|| GpuWatch { limits: config.devices.clone(), library: tests.nvml.clone().map(Into::into) }),
            cluster: cluster.as_ref().map(|cluster| cluster.options(&self.devices[0])),
        })
    }

    /// The program that runs as worker, on a cluster or here.
    fn worker_program(&self) -> Result<PathBuf, Error> {
        match self.pipeline.cluster.as_ref().and_then(|cluster| cluster.program.clone()) {
            Some(program) => Ok(program),
            None => std::env::current_exe().context("the path of this program is unknown"),
        }
    }
}

/// Writes the listening copies of complete recordings, and their pages with the sound. This is not done during the run,
/// which waits for its observer. Returns what pages lack, by recording.
fn add_sound<'a>(
    exporter: Exporter<'_>,
    store: &mut dyn Store,
    record: &mut Record,
    complete: impl Iterator<Item = &'a RecordingEntry>,
) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut problems = Vec::new();
    for entry in complete {
        match exporter.export(store, record, entry) {
            Ok(exported) => problems.extend(exported.sound_problems.into_iter().map(|why| (entry.path.clone(), why))),
            // The files without the sound are there. The next run or export writes the rest.
            Err(ExportError::Copy(error)) if error.kind() == ErrorKind::Interrupted => {
                let why = "interrupted before the sound of its page was written; the same command continues".to_owned();
                problems.push((entry.path.clone(), why));
                break;
            }
            Err(ExportError::Store(error)) => return Err(Error::store(error)),
            Err(ExportError::Copy(error)) => return Err(error),
            Err(error) => problems.push((entry.path.clone(), PipelineError::from(error).to_string())),
        }
    }
    Ok(problems)
}

impl Summary {
    /// Whether the results of a recording are complete.
    #[must_use]
    pub fn is_done(&self, index: usize) -> bool {
        self.outcome.items.get(index) == Some(&ItemEnd::Done) && !self.not_exported.contains_key(&index)
    }

    /// Number of recordings whose results are complete.
    #[must_use]
    pub fn done(&self) -> usize {
        (0..self.outcome.items.len()).filter(|index| self.is_done(*index)).count()
    }

    /// Length of the recordings whose results are complete, in seconds.
    #[must_use]
    pub fn audio_s(&self, recordings: &[RecordingEntry]) -> f64 {
        let done = recordings.iter().enumerate().filter(|(index, _)| self.is_done(*index));
        sum(done.map(|(index, recording)| self.lengths_s.get(&index).copied().unwrap_or(recording.audio_s)))
    }

    /// Number of inputs that failed: unreadable files, failed recordings, and results that could not be written.
    #[must_use]
    pub fn failed(&self) -> usize {
        let failed = self.outcome.items.iter().filter(|end| matches!(end, ItemEnd::Failed(_))).count();
        failed + self.not_exported.len() + self.unreadable.len() + self.sound_problems.len()
    }

    /// Number of recordings without a part of their sound: it was left out, damaged, or is missing in the file.
    #[must_use]
    pub fn losing_sound(&self) -> usize {
        self.defects.iter().filter(|defects| defects.loses_sound()).count()
    }

    /// Number of recordings that were not completed before the run was interrupted.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.outcome.items.iter().filter(|end| matches!(end, ItemEnd::Unfinished)).count()
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Store(error) => Self::store(error),
            RunError::NoDevices
            | RunError::Cluster(_)
            | RunError::WorkersRefused { .. }
            | RunError::WorkersLost { .. } => Self::new(ErrorKind::NoDevice, error),
            _ => Self::unexpected(error),
        }
    }
}
