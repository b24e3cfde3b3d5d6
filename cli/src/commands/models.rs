//! `models` and `schema`: describe a speech model, and the schema of result files.

use models::whisper::quantize;
use serde_json::json;
use stage_core::printable;
use transcribe::{ModelSource, open_model};

use super::JudgedConversation;
use crate::args::{ModelArgs, ModelsArgs, ModelsCommand, QuantizeArgs, SchemaArgs, SchemaOf};
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::Document;
use crate::settings::SettingsError;

/// Maximum number of languages shown.
const LANGUAGES_SHOWN: usize = 10;

pub(crate) fn models(args: &ModelsArgs) -> Result<Exit, Error> {
    match &args.command {
        None => show(&source(&args.model)?, args.json),
        Some(ModelsCommand::Quantize(QuantizeArgs { model, out })) => {
            quantize(&source(model)?, out).map_err(Error::usage)?;
            show(&ModelSource::Directory(out.clone()), false)
        }
    }
}

fn source(args: &ModelArgs) -> Result<ModelSource, Error> {
    let config = args.load().map_err(Error::usage)?.config;
    config.models.speech_source().map_err(|error| Error::usage(SettingsError::Model(error)))
}

fn show(source: &ModelSource, json: bool) -> Result<Exit, Error> {
    let model = open_model(source).map_err(Error::usage)?;
    model.check_contents().map_err(Error::usage)?;
    let (name, window_s, languages) = (model.name(), model.window_s(), model.languages());
    let weights = model.files().weights_summary().map_err(Error::usage)?;
    let sha256 = model.sha256().map_err(Error::usage)?;
    let files = model.files().file_hashes().map_err(Error::usage)?;
    if json {
        println!(
            "{}",
            json!({
                "model": name, "family": model.family(), "window_s": window_s, "languages": languages, "weights": weights, "sha256": sha256,
                "files": files,
            })
        );
        return Ok(Exit::Done);
    }
    println!("model      {name}");
    println!("family     {}", model.family());
    println!("window     {window_s:.1} s");
    println!("languages  {}", some_of(&languages));
    println!("weights    {weights}");
    println!("sha256     {sha256} (of all files)");
    for (name, sha256) in &files {
        println!("           {sha256}  {}", printable(name));
    }
    Ok(Exit::Done)
}

/// Languages on one line: all of them if there are few, otherwise the first ones.
fn some_of(languages: &[&str]) -> String {
    match languages.get(..LANGUAGES_SHOWN) {
        _ if languages.is_empty() => "determined by the model".to_owned(),
        Some(first) if languages.len() > LANGUAGES_SHOWN => {
            format!("{} ({}, ...; --json lists all)", languages.len(), first.join(", "))
        }
        _ => languages.join(", "),
    }
}

pub(crate) fn schema(args: &SchemaArgs) -> Result<Exit, Error> {
    let schema = match args.of {
        SchemaOf::Results => schemars::schema_for!(Document),
        SchemaOf::Evidence => schemars::schema_for!(JudgedConversation),
    };
    println!("{}", serde_json::to_string_pretty(&schema).context("the schema cannot be written")?);
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_shows_few_languages_whole_and_many_by_their_first() {
        assert_eq!(some_of(&["en", "ko"]), "en, ko");
        assert_eq!(some_of(&[]), "determined by the model");
        let many = ["en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl"];
        assert_eq!(some_of(&many[..10]), "en, zh, de, es, ru, ko, fr, ja, pt, tr");
        assert_eq!(some_of(&many), "11 (en, zh, de, es, ru, ko, fr, ja, pt, tr, ...; --json lists all)");
    }
}
