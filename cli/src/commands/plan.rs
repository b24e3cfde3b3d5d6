//! `plan`: what a run would do, without doing any of it.

use std::io::IsTerminal;
use std::sync::Arc;

use align::AlignModel;
use indicatif::{ProgressBar, ProgressStyle};
use scheduler::store::{self, Access, Store, StoreError, StoreUrl};
use stage_core::{DeviceId, Recipe, shown};
use transcribe::{ModelError, ModelSource, Precision};

use super::started::announce;
use crate::args::{PlanArgs, ProgressMode};
use crate::case_file::CaseFile;
use crate::config::{Config, Loaded};
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::file_name::NameParser;
use crate::forecast::{self, Conditions, ModelFacts, ModelState, Rule};
use crate::inputs;
use crate::open_store;
use crate::pipeline::{self, Pipeline};
use crate::settings::Settings;
use crate::stages;
use crate::terminal;

pub(crate) fn plan(args: &PlanArgs) -> Result<Exit, Error> {
    let run = &args.run;
    if run.join.is_some() {
        return Err(Error::usage("--join takes its recordings from the store: `status` shows them"));
    }
    let Loaded { mut config, file } = run.engine.settings.load().map_err(Error::usage)?;
    announce(file.as_deref());
    if run.out().symlink_metadata().is_ok() && !run.out().is_dir() {
        return Err(Error::usage(format!("{}: not a folder", shown(run.out()))));
    }
    if let Some(formats) = &run.format {
        config.run.formats.clone_from(formats);
    }
    config.validate().map_err(Error::usage)?;
    CaseFile::read(run.out()).map_err(Error::usage)?;
    let settings = Settings::new(&config, Precision::default()).map_err(Error::usage)?;
    let inputs = inputs::find(&run.inputs).map_err(Error::usage)?;
    let url = open_store::url(run.engine.store.as_deref(), run.out())?;
    let cluster = run.engine.cluster.cluster().map_err(Error::usage)?;
    let on_cluster = cluster.is_some();
    let mut pipeline =
        Pipeline::new(config.clone(), run.out()).store(url.clone()).cluster(cluster).overwrite(run.overwrite);
    pipeline.tests.nvml.clone_from(&run.engine.bench.nvml);
    pipeline.run_files = run.run_files();
    let devices = pipeline.devices()?;
    let models = models(&settings)?;
    // The run would download a model; a plan does not.
    config.models.offline = true;
    let recipe = match models.iter().find(|model| model.state == ModelState::NotDownloaded) {
        Some(model) => Err(format!("{} is not downloaded yet, so its hash is not known", model.source)),
        None => Ok(Arc::new(recipe(&config, &devices[0], &url)?)),
    };
    let bar = progress(run.engine.progress, forecast::total_bytes(&inputs.files));
    let examined = forecast::examine(&inputs.files, &config.decode, || existing(&url), &|bytes| bar.inc(bytes))
        .map_err(Error::store)?;
    bar.finish_and_clear();
    let store = existing(&url).map_err(Error::store)?;
    let names = NameParser::new(&config.run.name_patterns).map_err(Error::usage)?;
    let taken = pipeline.taken_files(&inputs, &*store)?;
    let conditions = Conditions {
        recipe,
        store: &*store,
        devices: &devices,
        on_cluster,
        recompute: run.recompute(),
        retry_quarantined: run.engine.retry_quarantined,
        rule: if on_cluster { Err(UNKNOWN_NODES.to_owned()) } else { rule(&settings, &devices[0]) },
        folder: run.out().to_owned(),
        models,
        names,
        taken,
    };
    let forecast = forecast::forecast(&inputs, &examined, conditions)?;
    if args.json {
        println!("{}", terminal::json(&forecast).context("the plan cannot be serialized")?);
    } else {
        println!("{forecast}");
    }
    Ok(Exit::Done)
}

/// The recipe of a run of all stages.
fn recipe(config: &Config, device: &DeviceId, store: &StoreUrl) -> Result<Recipe, Error> {
    let (_, stages) = pipeline::build(config, device, Some(store), false)?;
    stages::recipe(&stages, None).map_err(Error::usage)
}

/// The store of the run, or an empty one in memory if it does not exist yet.
fn existing(url: &StoreUrl) -> Result<Box<dyn Store>, StoreError> {
    match store::open(url, Access::Read) {
        Err(StoreError::Missing { .. }) => store::open(&"memory:plan".parse()?, Access::Create),
        store => store,
    }
}

fn models(settings: &Settings) -> Result<Vec<ModelFacts>, Error> {
    let of = |role, source: &ModelSource| -> Result<ModelFacts, ModelError> { forecast::speech_model(role, source) };
    let mut models = vec![of("transcription", &settings.model).map_err(Error::usage)?];
    if let AlignModel::Ctc(source) = &settings.aligner {
        models.push(of("alignment", source).context("--aligner").map_err(Error::usage)?);
    }
    models.extend(forecast::vad_model(&settings.config.segment.vad));
    Ok(models)
}

/// A bar on a terminal, as hashing many hours of audio takes minutes.
fn progress(mode: ProgressMode, bytes: u64) -> ProgressBar {
    if mode != ProgressMode::Auto || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32.cyan/dim} {percent:>3}%  reading {total_bytes}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

const UNKNOWN_NODES: &str = "the nodes of the cluster are not asked";

/// Speeds of the whole program with the embedded model in int8 and beam size 5, by instruction set: times real time on
/// two CPU cores (423 s of recordings; BENCHMARKS.md).
const EMBEDDED_SPEEDS: [(&str, f64); 5] =
    [("avx512bf16", 64.3), ("avx512vnni", 55.9), ("avx512", 38.7), ("avxvnni", 32.4), ("avx2", 21.7)];

/// The rule of thumb for the embedded model on a CPU.
fn rule(settings: &Settings, device: &DeviceId) -> Result<Rule, String> {
    if settings.model != ModelSource::Embedded || !matches!(device, DeviceId::Cpu(_)) {
        return Err("there is a rule of thumb only for the embedded model on a CPU".to_owned());
    }
    let level = kernels::Isa::detect().name();
    let speed = EMBEDDED_SPEEDS.iter().find(|(name, _)| *name == level).map(|(_, speed)| *speed);
    let speed = speed.ok_or_else(|| format!("there is no rule of thumb for the instruction set {level}"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Rule {
        times_real_time: speed * cores as f64 / 2.0,
        basis: format!(
            "{speed:.0} times real time on 2 cores ({level}, embedded model, int8, beam size 5, short English and \
             Korean recordings), scaled to {cores} cores"
        ),
    })
}
