//! What transcribes uploaded files.

use std::path::Path;

use tokio::sync::mpsc;

use super::upload_folder::UploadedFile;

/// Transcribes files for the server.
///
/// All methods may block: the server calls them on threads for blocking work.
///
/// # Examples
/// A transcriber that starts a thread for each request. A real one would queue the request for its device.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use serve::{Cancel, Event, Events, Model, SubmitError, Transcriber, Transcript, TranscriptionRequest};
///
/// struct Silence;
///
/// impl Transcriber for Silence {
///     fn models(&self) -> Vec<Model> {
///         let aliases = vec!["whisper-1".into()];
///         vec![Model { id: "silence".into(), aliases, created_s: 0, owned_by: "example".into() }]
///     }
///
///     fn submit(&self, request: TranscriptionRequest, events: Events) -> Result<Cancel, SubmitError> {
///         let stop = Arc::new(AtomicBool::new(false));
///         let stopped = Arc::clone(&stop);
///         std::thread::spawn(move || {
///             let _bytes = std::fs::read(request.file.path());
///             if !stopped.load(Ordering::Relaxed) {
///                 let language = "english".into();
///                 let (text, segments) = (String::new(), Vec::new());
///                 let transcript = Transcript { language, duration_s: 1.0, text, segments };
///                 events.send(Event::Finished(transcript));
///             }
///         });
///         Ok(Cancel::new(move || stop.store(true, Ordering::Relaxed)))
///     }
///
///     fn ready(&self) -> Result<(), String> {
///         Ok(())
///     }
/// }
/// ```
pub trait Transcriber: Send + Sync + 'static {
    /// The models that requests may name. They must not be empty.
    fn models(&self) -> Vec<Model>;

    /// Accepts a request. Its result comes as `events`, of which the last one is [`Event::Finished`] or
    /// [`Event::Failed`]. Dropping the request deletes its file. The server drops the returned value when the client
    /// leaves, when the time limit is over, or when the server stops.
    ///
    /// # Errors
    /// The request is wrong, or cannot be accepted at present.
    fn submit(&self, request: TranscriptionRequest, events: Events) -> Result<Cancel, SubmitError>;

    /// Whether requests can be transcribed at present.
    ///
    /// # Errors
    /// Why not. The reason is logged.
    fn ready(&self) -> Result<(), String>;
}

/// A model that requests may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub id: String,
    /// Other names for it, which clients have built in, such as `whisper-1`. They are not listed.
    pub aliases: Vec<String>,
    /// When it was made, in seconds since 1970; 0 if unknown.
    pub created_s: u64,
    /// Who made it.
    pub owned_by: String,
}

/// A request for a transcription.
#[derive(Debug)]
pub struct TranscriptionRequest {
    /// The uploaded file. It exists until the request is dropped.
    pub file: UploadedFile,
    /// The [`Model::id`] of the model.
    pub model: String,
    /// What to do.
    pub task: Task,
    /// The language that is spoken, as its code in ISO 639 (two or three letters), if the client states it.
    pub language: Option<String>,
    /// Text before the recording, in its style and with its names, if the client states it.
    pub prompt: Option<String>,
    /// Sampling temperature, 0 to 1, if the client states it.
    pub temperature: Option<f64>,
    /// Whether the client needs the times of words.
    pub words: bool,
}

/// What to do with speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Write it in its language.
    Transcribe,
    /// Write it in English.
    Translate,
}

impl Task {
    /// Its name in answers.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transcribe => "transcribe",
            Self::Translate => "translate",
        }
    }
}

/// What a transcriber tells about a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The request waits behind this number of others.
    Queued(usize),
    /// Seconds of audio that are done, and all. Once in a second is enough.
    Advanced {
        /// Seconds that are done.
        done_s: f64,
        /// Seconds of the recording.
        total_s: f64,
    },
    /// A segment that will not change, in the order of time.
    Segment(Segment),
    /// All is done. The last event.
    Finished(Transcript),
    /// It failed. The last event.
    Failed(Failure),
}

/// A segment of a transcript.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Segment {
    /// Start in seconds.
    pub start_s: f64,
    /// End in seconds.
    pub end_s: f64,
    /// The text, with the space before it if the language writes one.
    pub text: String,
    /// The words with their times, if the request needs them.
    pub words: Vec<Word>,
    /// The speaker, if known.
    pub speaker: Option<String>,
    /// The tokens of the text, if the model has tokens.
    pub tokens: Vec<u32>,
    /// Start of the segment's window, in frames of 10 ms.
    pub seek_frames: u64,
    /// Sampling temperature of the text.
    pub temperature: f64,
    /// Mean log-probability of the tokens.
    pub avg_logprob: f64,
    /// Bytes of the text per byte of its compressed form.
    pub compression_ratio: f64,
    /// Probability that there is no speech.
    pub no_speech_prob: f64,
}

/// A word with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The word, without spaces around it.
    pub word: String,
    /// Start in seconds.
    pub start_s: f64,
    /// End in seconds.
    pub end_s: f64,
}

/// A finished transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The language that is spoken, as OpenAI's API names it: in English and lower case, such as `korean`.
    pub language: String,
    /// Seconds of the recording.
    pub duration_s: f64,
    /// The whole text.
    pub text: String,
    /// All segments, also those that were sent as events.
    pub segments: Vec<Segment>,
}

/// Why a transcription failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The file or a parameter cannot be used. The text names the reason and the remedy, for the client.
    BadInput(String),
    /// A limit of time, memory or a device: the same request may succeed later. The text is for the client.
    Transient(String),
    /// A defect. The text is for the log alone, and has no contents of the request.
    Internal(String),
}

/// Why a request is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitError {
    /// A parameter cannot be used.
    Parameter {
        /// Its name in the API, such as `language`.
        name: &'static str,
        /// The reason and the remedy, for the client.
        message: String,
    },
    /// The file cannot be used. The text names the reason and the remedy, for the client.
    File(String),
    /// Too many requests.
    Busy {
        /// When to try again, in seconds.
        retry_after_s: u64,
    },
    /// No request can be accepted, such as without any device. The text is for the client.
    Unavailable(String),
    /// A defect. The text is for the log alone.
    Internal(String),
}

/// Takes the events of a request. It never blocks, and can be used on any thread.
#[derive(Debug, Clone)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    pub(super) fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends an event. False if nobody waits for it any more.
    pub fn send(&self, event: Event) -> bool {
        self.0.send(event).is_ok()
    }

    /// Whether nobody waits for events any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Cancels a request when it is dropped, unless the request has ended.
#[must_use = "dropping it cancels the request"]
pub struct Cancel(Option<Box<dyn FnOnce() + Send>>);

impl Cancel {
    /// `cancel` must not block.
    pub fn new(cancel: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(cancel)))
    }

    /// The request has ended.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(cancel) = self.0.take() {
            cancel();
        }
    }
}

impl UploadedFile {
    /// The path of the file. It has the extension of the client's file, if that is a plain one.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of its bytes.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}
