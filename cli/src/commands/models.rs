//! `models` and `schema`: what would transcribe, and what a result file looks like.

use anyhow::Context;
use transcribe::{ModelFiles, ModelSource, quantise};

use crate::args::{ModelArgs, ModelsArgs, ModelsCommand, QuantizeArgs};
use crate::exit::{Exit, Failure};
use crate::export::Document;

pub(crate) fn models(args: &ModelsArgs) -> Result<Exit, Failure> {
    match &args.command {
        None => show(&source(&args.model)?),
        Some(ModelsCommand::Quantize(QuantizeArgs { model, out })) => {
            quantise(&source(model)?, out).map_err(Failure::usage)?;
            show(&ModelSource::Directory(out.clone()))
        }
    }
}

fn source(args: &ModelArgs) -> Result<ModelSource, Failure> {
    args.source().map_err(Failure::usage)
}

fn show(source: &ModelSource) -> Result<Exit, Failure> {
    let files = ModelFiles::resolve(source).map_err(Failure::usage)?;
    files.check_contents().map_err(Failure::usage)?;
    println!("model      {}", files.name());
    println!("window     {:.1} s", files.window_s());
    println!("languages  {}", files.languages().join(", "));
    println!("weights    {}", files.weights_summary().map_err(Failure::usage)?);
    println!("sha256     {}", files.sha256().map_err(Failure::usage)?);
    Ok(Exit::Done)
}

pub(crate) fn schema() -> Result<Exit, Failure> {
    let schema = schemars::schema_for!(Document);
    println!("{}", serde_json::to_string_pretty(&schema).context("the schema cannot be written")?);
    Ok(Exit::Done)
}
