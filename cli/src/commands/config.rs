//! `config`: writes, checks and shows the configuration file.

use stage_core::shown;
use std::fs::File;
use std::io::Write;

use super::started::in_settings;
use crate::args::{ConfigCommand, ConfigInitArgs, SettingArgs};
use crate::config::{Config, Loaded, config_template, effective};
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::Formats;
use crate::pipeline;

pub(crate) fn config(command: &ConfigCommand) -> Result<Exit, Error> {
    match command {
        ConfigCommand::Init(args) => init(args),
        ConfigCommand::Check(args) => check(args),
        ConfigCommand::Show(args) => show(args),
    }
}

fn init(args: &ConfigInitArgs) -> Result<Exit, Error> {
    let path = shown(&args.file);
    let file = File::create_new(&args.file).context(format!("{path}: cannot be created"));
    let mut file = file.map_err(Error::usage)?;
    file.write_all(config_template().as_bytes()).context(format!("{path}: cannot be written"))?;
    println!("{path}: all settings with their defaults; `earwitness config show` prints those of a run");
    Ok(Exit::Done)
}

/// Builds all stages without reading the weights. A hub model that is not in the local cache cannot be checked.
fn check(args: &SettingArgs) -> Result<Exit, Error> {
    let Loaded { mut config, file } = args.load().map_err(Error::usage)?;
    config.validate().map_err(Error::usage)?;
    Formats::built_in().select(config.run.formats.iter().map(String::as_str)).map_err(Error::usage)?;
    let devices = pipeline::resolve_devices(&config.run.devices, config.run.num_gpus, None)?;
    config.models.offline = true;
    let (settings, stages) = in_settings(pipeline::build(&config, &devices[0], None, false), file.as_deref())?;
    println!("settings: {}", named(file.as_deref()));
    println!("devices: {}", devices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    println!("model: {} in {}; word times: {}", settings.model, settings.precision, settings.aligner);
    println!("lexicons: those of the program and {} more", settings.lexicons.len());
    println!("{} stages can be built", stages.iter().count());
    Ok(Exit::Done)
}

fn show(args: &SettingArgs) -> Result<Exit, Error> {
    let loaded = args.load().map_err(Error::usage)?;
    let in_file = loaded.file.as_deref().map_or_else(|| Ok(Config::default()), Config::read).map_err(Error::usage)?;
    print!("{}", effective(&loaded.config, &in_file, &named(loaded.file.as_deref())));
    Ok(Exit::Done)
}

fn named(file: Option<&std::path::Path>) -> String {
    file.map_or_else(|| "defaults".to_owned(), shown)
}
