//! The parameters of a request, as OpenAI's API defines them.

use super::form::UploadForm;
use super::transcriber::{Model, Task};
use super::upload_folder::UploadedFile;
use crate::error::ApiError;

/// The parameters of a request that has a file.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) file: UploadedFile,
    pub(super) model: String,
    pub(super) language: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) temperature: Option<f64>,
    pub(super) output: Output,
}

/// What the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) task: Task,
    pub(super) format: Format,
    pub(super) segments: bool,
    pub(super) words: bool,
    pub(super) stream: bool,
}

/// Values of `response_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    Srt,
    VerboseJson,
    Vtt,
}

/// What the form states, before it is compared.
#[derive(Debug, Default)]
struct Stated {
    model: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
    temperature: Option<f64>,
    format: Option<Format>,
    words: bool,
    segments: bool,
    stream: bool,
}

/// The parameters in a form.
pub(super) fn parse(task: Task, form: UploadForm, models: &[Model]) -> Result<Parameters, ApiError> {
    let file =
        form.file.ok_or_else(|| ApiError::parameter("file", "The form needs the recording as the field `file`"))?;
    let mut stated = Stated::default();
    for (name, text) in form.texts {
        stated.add(task, &name, text)?;
    }
    let output = stated.output(task)?;
    let Stated { model, language, prompt, temperature, .. } = stated;
    let name = model.ok_or_else(|| ApiError::parameter("model", "The form needs the field `model`"))?;
    let model = find_model(models, &name).ok_or_else(|| ApiError::model_not_found(&name))?.id.clone();
    Ok(Parameters { file, model, language, prompt, temperature, output })
}

/// The model that a client names.
pub(super) fn find_model<'a>(models: &'a [Model], name: &str) -> Option<&'a Model> {
    models.iter().find(|model| model.id == name || model.aliases.iter().any(|alias| alias == name))
}

impl Stated {
    fn add(&mut self, task: Task, name: &str, text: String) -> Result<(), ApiError> {
        match (name, task) {
            ("model", _) => once(&mut self.model, name, text),
            ("prompt", _) => once(&mut self.prompt, name, text),
            ("response_format", _) => once(&mut self.format, name, format(&text)?),
            ("temperature", _) => once(&mut self.temperature, name, temperature(&text)?),
            // Forms send empty fields, and `auto` is the word of other programs for no language.
            ("language", Task::Transcribe) if matches!(&*text, "" | "auto") => Ok(()),
            ("language", Task::Transcribe) => once(&mut self.language, name, language(text)?),
            ("stream", Task::Transcribe) => boolean(&text).map(|stream| self.stream = stream),
            ("timestamp_granularities[]" | "timestamp_granularities", Task::Transcribe) => self.add_granularity(&text),
            // The only value besides the server's settings of speech detection, which it always uses.
            ("chunking_strategy", Task::Transcribe) if text == "auto" => Ok(()),
            _ => Err(ApiError::parameter(name, unknown(name))),
        }
    }

    fn add_granularity(&mut self, text: &str) -> Result<(), ApiError> {
        match text {
            "word" => self.words = true,
            "segment" => self.segments = true,
            _ => {
                let message = "timestamp_granularities[] must be `word` or `segment`";
                return Err(ApiError::parameter("timestamp_granularities", message));
            }
        }
        Ok(())
    }

    fn output(&self, task: Task) -> Result<Output, ApiError> {
        let format = self.format.unwrap_or(Format::Json);
        if (self.words || self.segments) && format != Format::VerboseJson {
            let message = "timestamp_granularities[] needs response_format=verbose_json";
            return Err(ApiError::parameter("timestamp_granularities", message));
        }
        if self.stream && matches!(format, Format::Srt | Format::Vtt) {
            let message = "stream=true needs response_format json, text or verbose_json";
            return Err(ApiError::parameter("response_format", message));
        }
        let segments = self.segments || !self.words;
        Ok(Output { task, format, segments, words: self.words, stream: self.stream })
    }
}

fn unknown(name: &str) -> String {
    format!("Unrecognized request argument supplied: {}", name.chars().take(64).collect::<String>())
}

fn once<T>(field: &mut Option<T>, name: &str, value: T) -> Result<(), ApiError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(ApiError::parameter(name, format!("The field `{name}` occurs twice"))),
    }
}

fn format(text: &str) -> Result<Format, ApiError> {
    Ok(match text {
        "json" => Format::Json,
        "text" => Format::Text,
        "srt" => Format::Srt,
        "verbose_json" => Format::VerboseJson,
        "vtt" => Format::Vtt,
        _ => {
            let message = "response_format must be json, text, srt, verbose_json or vtt";
            return Err(ApiError::parameter("response_format", message));
        }
    })
}

fn temperature(text: &str) -> Result<f64, ApiError> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| ApiError::parameter("temperature", "temperature must be a number from 0 to 1"))
}

fn language(text: String) -> Result<String, ApiError> {
    let is_code = (2..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let wrong = || ApiError::parameter("language", "language must be a code of ISO 639 in lower case, such as `ko`");
    if is_code { Ok(text) } else { Err(wrong()) }
}

fn boolean(text: &str) -> Result<bool, ApiError> {
    match text {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err(ApiError::parameter("stream", "stream must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(task: Task, fields: &[(&str, &str)]) -> Result<Output, serde_json::Value> {
        let mut stated = Stated::default();
        let added = fields.iter().try_for_each(|(name, text)| stated.add(task, name, (*text).to_owned()));
        added.and_then(|()| stated.output(task)).map_err(|error| error.json()["error"]["param"].clone())
    }

    #[test]
    fn parameters_select_the_output() {
        let one = output(Task::Transcribe, &[]).unwrap();
        assert_eq!((one.format, one.segments, one.words, one.stream), (Format::Json, true, false, false));
        let verbose = ("response_format", "verbose_json");
        let words = output(Task::Transcribe, &[verbose, ("timestamp_granularities[]", "word")]).unwrap();
        assert!(words.words && !words.segments);
        let both = [verbose, ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")];
        let both = output(Task::Transcribe, &both).unwrap();
        assert!(both.words && both.segments);
        assert!(output(Task::Transcribe, &[("stream", "true"), ("chunking_strategy", "auto")]).unwrap().stream);
    }

    #[test]
    fn parameters_that_are_wrong_are_named() {
        for (task, fields, parameter) in [
            (Task::Transcribe, vec![("response_format", "xml")], "response_format"),
            (Task::Transcribe, vec![("temperature", "2")], "temperature"),
            (Task::Transcribe, vec![("temperature", "NaN")], "temperature"),
            (Task::Transcribe, vec![("language", "Korean")], "language"),
            (Task::Transcribe, vec![("stream", "maybe")], "stream"),
            (Task::Transcribe, vec![("stream", "true"), ("response_format", "srt")], "response_format"),
            (Task::Transcribe, vec![("timestamp_granularities[]", "word")], "timestamp_granularities"),
            (Task::Transcribe, vec![("timestamp_granularities[]", "letter")], "timestamp_granularities"),
            (Task::Transcribe, vec![("model", "a"), ("model", "b")], "model"),
            (Task::Transcribe, vec![("beam_size", "5")], "beam_size"),
            (Task::Translate, vec![("language", "ko")], "language"),
            (Task::Translate, vec![("stream", "true")], "stream"),
        ] {
            assert_eq!(output(task, &fields), Err(parameter.into()), "{fields:?}");
        }
    }
}
