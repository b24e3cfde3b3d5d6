//! A run over recordings: from inputs and settings to stored artifacts and result files.
//!
//! ```text
//! Pipeline -> plan (inputs, devices, models, store) -> PlannedRun -> run (worker processes) -> Summary
//! ```

mod build;
mod join;
mod planned;
mod targets;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use scheduler::coordinator::{Interrupt, Recompute};
use scheduler::protocol::Fault;
use scheduler::store::{self, Access, Store, StoreUrl};
use scheduler::worker::WORKER_VARIABLE;
use scheduler::worker::sim::SimSettings;
use stage_core::{DeviceId, Recipe, StageName, remove_unfinished, shown};
use transcribe::ModelSource;

pub(crate) use self::build::{build, resolve_devices};
pub use self::planned::{Observer, PlannedRun, Summary};
pub(crate) use self::targets::Targets;
use crate::case_file::{self, CaseFile};
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::{Error, ErrorContext, ErrorKind};
use crate::export::{DocumentContext, ExportConfig, Formats, SoundReader};
use crate::file_name::NameParser;
use crate::inputs::{self, Inputs, SkipReason, SkippedFile};
use crate::open_store;
use crate::outputs::{FolderLock, Record, RunFile, Taken};
use crate::places::RecordingsAt;
use crate::plan;
use crate::settings::decode_config;
use crate::stages;
use crate::worker;

const UNWRITABLE: &str = "the settings cannot be serialized";

/// Runs the stages over recordings, in worker processes of this program.
///
/// A library program calls [`crate::serve_if_worker`] first in its `main`, because its workers are processes of the same
/// executable.
///
/// # Examples
/// ```no_run
/// use earwitness::{Config, Pipeline};
///
/// let mut config = Config::default();
/// config.transcribe.languages = vec!["ko".to_owned()];
/// let summary = Pipeline::new(config, "case-17").run(&["calls/"], &mut ())?;
/// assert_eq!(summary.failed(), 0);
/// # Ok::<(), earwitness::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pipeline {
    config: Config,
    folder: PathBuf,
    store: StoreUrl,
    last: Option<StageName>,
    recompute: Recompute,
    retry_quarantined: bool,
    /// `None`: the workers run on this machine.
    cluster: Option<Cluster>,
    /// Where the workers read the recordings, if not at their paths.
    places: Option<RecordingsAt>,
    /// Other formats than the built-in ones.
    formats: Option<Formats>,
    overwrite: bool,
    /// Files about the run that the caller writes.
    pub(crate) run_files: Vec<RunFile>,
    /// Whether a run that joins others has a model of its own, which must have the same hash.
    pub(crate) own_model: bool,
    /// Files that were read for the configuration, which must not be written.
    pub(crate) read_files: Vec<PathBuf>,
    interrupt: Interrupt,
    pub(crate) tests: TestOptions,
}

/// Options for tests and measurements only.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestOptions {
    /// Service times of simulated devices.
    pub(crate) sim: SimSettings,
    pub(crate) faults: Vec<Fault>,
    /// The NVML library to use instead of the driver's.
    pub(crate) nvml: Option<PathBuf>,
}

/// What the workers do.
struct Work {
    /// Their arguments.
    args: Vec<OsString>,
    /// Their settings as JSON.
    settings: serde_json::Value,
    /// The speech model, unless the stages are simulated.
    model: Option<ModelSource>,
}

impl Pipeline {
    /// A pipeline whose results and store are in `folder`, with all stages and the formats of the configuration.
    #[must_use]
    pub fn new(config: Config, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            config,
            store: open_store::in_folder(&folder),
            folder,
            last: None,
            recompute: Recompute::Nothing,
            retry_quarantined: false,
            cluster: None,
            places: None,
            formats: None,
            overwrite: false,
            run_files: Vec::new(),
            read_files: Vec::new(),
            own_model: false,
            interrupt: Interrupt::default(),
            tests: TestOptions::default(),
        }
    }

    /// Uses another store than `earwitness.db` in the folder.
    #[must_use]
    pub fn store(self, store: StoreUrl) -> Self {
        Self { store, ..self }
    }

    /// Runs only `last` and the stages that it needs. No result files are written.
    #[must_use]
    pub fn upto(self, last: StageName) -> Self {
        Self { last: Some(last), ..self }
    }

    /// Computes stages again whose artifacts are stored.
    #[must_use]
    pub fn recompute(self, recompute: Recompute) -> Self {
        Self { recompute, ..self }
    }

    /// Tries recordings again that were quarantined because they killed workers.
    #[must_use]
    pub fn retry_quarantined(self, retry: bool) -> Self {
        Self { retry_quarantined: retry, ..self }
    }

    /// Runs the workers on a cluster.
    #[must_use]
    pub fn cluster(self, cluster: impl Into<Option<Cluster>>) -> Self {
        Self { cluster: cluster.into(), ..self }
    }

    /// Whether the configuration names a model other than the default one.
    pub(crate) fn names_model(&self) -> bool {
        self.config.models.speech != Config::default().models.speech
    }

    /// Has the workers read the recordings at other places than the paths that the store knows.
    #[must_use]
    pub fn recordings_at(self, places: impl Into<Option<RecordingsAt>>) -> Self {
        Self { places: places.into(), ..self }
    }

    /// The formats from which `run.formats` of the configuration selects: the built-in ones and others.
    #[must_use]
    pub fn formats(self, formats: Formats) -> Self {
        Self { formats: Some(formats), ..self }
    }

    /// Replaces files that the store has no record of, or that were changed since. Inputs are never replaced.
    #[must_use]
    pub fn overwrite(self, overwrite: bool) -> Self {
        Self { overwrite, ..self }
    }

    /// Stops the planning or the run when this interrupt is requested, for example by a signal.
    #[must_use]
    pub fn interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// Plans a run and runs it. Inputs are files, folders (searched recursively) or globs.
    ///
    /// # Errors
    /// See [`Pipeline::plan`] and [`PlannedRun::run`].
    pub fn run(self, inputs: &[impl AsRef<OsStr>], observer: &mut dyn Observer) -> Result<Summary, Error> {
        self.plan(inputs)?.run(observer)
    }

    /// Checks everything before any recording is processed: inputs, settings, lexicons, devices, and every value of the
    /// models. Creates the folder and the store, and hashes the recordings that the store does not know.
    ///
    /// # Errors
    /// An input does not exist, a setting is invalid or does not apply to the model, the `case.toml` of the folder is
    /// invalid, a file is unreadable, the device does not exist, the store cannot be used, a file would be written over
    /// an input or over a file that the store has no record of, or the interrupt was requested.
    pub fn plan(mut self, inputs: &[impl AsRef<OsStr>]) -> Result<PlannedRun, Error> {
        self.check_settings()?;
        let context = self.context()?;
        let formats = self.all_formats().select(self.config.run.formats.iter().map(String::as_str));
        let formats = formats.map_err(Error::usage)?;
        let mut inputs = inputs::find(inputs).map_err(Error::usage)?;
        self.check_interrupt()?;
        let devices = self.devices()?;
        let writes_results = self.last.is_none() && !devices[0].is_sim();
        let targets = Targets { pipeline: &self, selected: &formats, writes_results };
        targets.check_places(&inputs)?;
        if self.store.path().is_some_and(|store| store.symlink_metadata().is_err()) {
            let record = Record::empty(Some(&self.store), &self.folder, self.overwrite);
            targets.check_taken(&record, &[], &inputs)?;
        }
        let (recipe, work) = self.work(&devices[0])?;
        let created = fs::create_dir_all(&self.folder).map_err(Error::usage);
        created.context(format!("{}: cannot be created", shown(&self.folder)))?;
        let lock = FolderLock::acquire(&self.store, &self.folder)?;
        let mut store = store::open(&self.store, Access::Create).map_err(Error::store)?;
        if self.recompute != Recompute::Nothing {
            open_store::check_alone(&mut *store, &self.store)?;
        }
        let record = open_store::record(&mut *store, &self.store, &self.folder, self.overwrite)?;
        let targets = Targets { pipeline: &self, selected: &formats, writes_results };
        let checked = targets.check_taken(&record, &store.recordings().map_err(Error::store)?, &inputs)?;
        let removed = remove_unfinished(&self.folder).map_err(Error::usage);
        removed.context(format!("{}: unfinished files cannot be removed", self.folder.display()))?;
        let planned = plan::plan(&inputs.files, &Arc::new(recipe), &self.folder, &mut *store, &self.interrupt);
        let mut plan = planned.map_err(Error::store)?;
        self.check_interrupt()?;
        targets.check_results(&record, &plan.items, &inputs, &checked)?;
        let forgotten = plan.forgotten.drain(..).map(|path| SkippedFile { path, reason: SkipReason::Forgotten });
        inputs.skipped.extend(forgotten);
        plan.unreadable.extend(inputs.unreadable.iter().cloned());
        Ok(PlannedRun {
            selected: formats,
            pipeline: self,
            joins: false,
            _lock: Some(lock),
            inputs,
            store,
            plan,
            devices,
            work,
            record,
            context,
        })
    }

    fn check_settings(&self) -> Result<(), Error> {
        if std::env::var_os(WORKER_VARIABLE).is_some() {
            return Err(Error::usage(
                "a worker process started a run: call earwitness::serve_if_worker first in `main`",
            ));
        }
        self.config.validate().map_err(Error::usage)
    }

    /// The devices of the run. On a cluster one, whose kind all workers have.
    pub(crate) fn devices(&self) -> Result<Vec<DeviceId>, Error> {
        let run = &self.config.run;
        match &self.cluster {
            Some(cluster) => {
                let device = cluster.device(&run.devices, run.num_gpus, run.workers_per_device.get());
                Ok(vec![device.map_err(Error::usage)?])
            }
            None => resolve_devices(&run.devices, run.num_gpus, self.tests.nvml.as_deref()),
        }
    }

    /// What the results state besides the artifacts. The `case.toml` in the folder is an input.
    fn context(&mut self) -> Result<DocumentContext, Error> {
        let names = NameParser::new(&self.config.run.name_patterns).map_err(Error::usage)?;
        if self.last.is_some() {
            return Ok(DocumentContext { names, case: None });
        }
        let case = CaseFile::read(&self.folder).map_err(Error::usage)?;
        self.read_files.push(case_file::path(&self.folder));
        Ok(DocumentContext { names, case })
    }

    fn check_interrupt(&self) -> Result<(), Error> {
        match self.interrupt.requests() {
            0 => Ok(()),
            _ => Err(Error::new(ErrorKind::Interrupted, "interrupted before any recording was processed")),
        }
    }

    /// The files that a run over these inputs would not replace, so that it would not start.
    pub(crate) fn taken_files(&self, inputs: &Inputs, store: &dyn Store) -> Result<Vec<(PathBuf, Taken)>, Error> {
        let formats = self.all_formats().select(self.config.run.formats.iter().map(String::as_str));
        let targets = Targets { pipeline: self, selected: &formats.map_err(Error::usage)?, writes_results: true };
        let record = Record::read(store, &self.store, &self.folder, self.overwrite).map_err(Error::store)?;
        let known = store.recordings().map_err(Error::store)?;
        record.taken(&targets.outputs(&record, &known, inputs))
    }

    /// The formats from which the configuration selects.
    fn all_formats(&self) -> Formats {
        self.formats.clone().unwrap_or_else(|| Formats::with_settings(&self.config.export))
    }

    /// Reads the sound of recordings, if the pages are to have it.
    fn sound_reader(&self) -> Option<SoundReader> {
        let ExportConfig { listening_copy, embed_audio, .. } = self.config.export;
        let reader = || SoundReader {
            folder: self.folder.clone(),
            decode: decode_config(&self.config),
            interrupt: self.interrupt.clone(),
        };
        (listening_copy.is_some() || embed_audio).then(reader)
    }

    /// The recipe of all artifacts, and what the workers do.
    fn work(&self, device: &DeviceId) -> Result<(Recipe, Work), Error> {
        if device.is_sim() {
            let settings = serde_json::to_value(&self.tests.sim).context(UNWRITABLE)?;
            let recipe = stages::simulated(&settings, self.last).map_err(Error::usage)?;
            let args = vec![worker::NAME.into(), worker::SIMULATED.into()];
            return Ok((recipe, Work { args, settings, model: None }));
        }
        let (mut settings, stages) = build(&self.config, device, Some(&self.store), true)?;
        // Workers on nodes, and runs that join, start in other folders.
        settings.make_absolute();
        let recipe = stages::recipe(&stages, self.last).map_err(Error::usage)?;
        let (args, model) = (vec![worker::NAME.into()], Some(settings.model.clone()));
        Ok((recipe, Work { args, settings: serde_json::to_value(settings).context(UNWRITABLE)?, model }))
    }
}
