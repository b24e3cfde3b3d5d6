//! Transcription for the server: resident models, and the settings of each request.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use models::TranscribeConfig;
use serve::{Cancel, Event, Events, Failure, Model, SubmitError, Task, TranscriptionRequest};
use transcribe::{ModelError, Transcriber};

use super::request::{Request, Shared};

/// Settings that are kept for further requests.
const GROUPS: usize = 16;
/// The name of the model that clients of OpenAI's API have built in.
const ALIAS: &str = "whisper-1";

/// Transcribes with models that stay loaded.
#[derive(Debug)]
pub(crate) struct Resident {
    shared: Arc<Shared>,
    /// Decodes windows with the settings of the server.
    base: Arc<Transcriber>,
    config: TranscribeConfig,
    /// Stages with other settings, the newest last.
    groups: Mutex<VecDeque<(TranscribeConfig, Arc<Transcriber>)>>,
    model: Model,
}

impl Resident {
    /// Uses a stage with these settings, which has loaded its model.
    pub(super) fn new(shared: Shared, base: Transcriber, config: TranscribeConfig) -> Self {
        let model = base.model();
        let aliases = if model.name() == ALIAS { Vec::new() } else { vec![ALIAS.to_owned()] };
        let model = Model { id: model.name().to_owned(), aliases, created_s: 0, owned_by: model.family().to_owned() };
        Self { shared: Arc::new(shared), base: Arc::new(base), config, groups: Mutex::default(), model }
    }

    /// The settings of a request.
    fn config(&self, request: &TranscriptionRequest) -> Result<TranscribeConfig, SubmitError> {
        let mut config = self.config.clone();
        if let Some(language) = &request.language {
            let known = self.base.model().languages();
            if !known.contains(&language.as_str()) {
                let message = match &known[..] {
                    [] => "this model has no choice of languages: leave `language` out".to_owned(),
                    known => format!("this model does not know this language, but: {}", known.join(", ")),
                };
                return Err(SubmitError::Parameter { name: "language", message });
            }
            config.languages = vec![language.clone()];
        }
        if let Some(prompt) = &request.prompt {
            config.initial_prompt = Some(prompt.clone());
        }
        if let Some(temperature) = request.temperature.filter(|temperature| *temperature > 0.0) {
            config.temperatures = vec![temperature as f32];
        }
        if request.task == Task::Translate {
            config.task = models::Task::Translate;
        }
        Ok(config)
    }

    /// The stage that decodes the windows of a request: that of the server if only language and prompt differ, which windows
    /// state themselves.
    fn group(&self, config: &TranscribeConfig) -> Result<Arc<Transcriber>, ModelError> {
        let mut decoding = config.clone();
        decoding.initial_prompt.clone_from(&self.config.initial_prompt);
        let covers = |languages: &[String]| config.languages.iter().all(|language| languages.contains(language));
        if self.config.languages.is_empty() || covers(&self.config.languages) {
            decoding.languages.clone_from(&self.config.languages);
        }
        if decoding == self.config {
            return Ok(Arc::clone(&self.base));
        }
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, group)) = groups.iter().find(|(known, _)| *known == decoding) {
            return Ok(Arc::clone(group));
        }
        let group = Arc::new(self.base.with_config(decoding.clone())?);
        if groups.len() == GROUPS {
            groups.pop_front();
        }
        groups.push_back((decoding, Arc::clone(&group)));
        Ok(group)
    }
}

impl serve::Transcriber for Resident {
    fn models(&self) -> Vec<Model> {
        vec![self.model.clone()]
    }

    fn submit(&self, request: TranscriptionRequest, events: Events) -> Result<Cancel, SubmitError> {
        let config = self.config(&request)?;
        let stage = self.base.with_config(config.clone()).map_err(|error| refused(&error, &request))?;
        let group = self.group(&config).map_err(|error| refused(&error, &request))?;
        let mut own = Request::new(Arc::clone(&self.shared), stage, group, events.clone());
        own.streams = config.languages.len() == 1 && !config.condition_on_previous_text;
        let (canceled, shared) = (Arc::clone(&own.ticket.canceled), Arc::clone(&self.shared));
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| own.run(request.file))).is_err() {
                let _nobody = events.send(Event::Failed(Failure::Internal("a request panicked".to_owned())));
            }
        };
        let thread = thread::Builder::new().name("request".to_owned()).spawn(run);
        thread.map_err(|error| SubmitError::Internal(format!("no thread can be started: {error}")))?;
        Ok(Cancel::new(move || {
            canceled.store(true, Ordering::Relaxed);
            shared.lane.canceled();
        }))
    }

    fn ready(&self) -> Result<(), String> {
        self.base.load().map_err(|error| error.to_string())
    }
}

/// Why the model does not accept the settings of a request.
fn refused(error: &ModelError, request: &TranscriptionRequest) -> SubmitError {
    let name = match error {
        ModelError::Language { .. } => "language",
        ModelError::SpecialToken { .. } => "prompt",
        _ if request.task == Task::Translate => "model",
        ModelError::NotRead { setting, .. } if setting == "initial_prompt" => "prompt",
        ModelError::NotRead { setting, .. } if setting == "temperatures" => "temperature",
        _ => "model",
    };
    SubmitError::Parameter { name, message: error.to_string() }
}
