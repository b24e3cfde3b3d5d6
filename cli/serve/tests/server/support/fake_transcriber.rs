//! A transcriber of files that state what it should do.
//!
//! A file starts with `fake` and has words after it: `segments=3 pause_ms=10
//! fail=bad|transient|internal|nothing|submit|busy`. The text of a segment names the file by its hash and the segment
//! by its number, so that no answer can be mistaken for another one. All other files fail as no recording.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serve::{
    Cancel, Event, Events, Failure, Model, Segment, SubmitError, Transcriber, Transcript, TranscriptionRequest, Word,
};

/// A made transcriber, which counts its requests.
#[derive(Clone, Default)]
pub(crate) struct FakeTranscriber {
    pub(crate) counts: Arc<Counts>,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    pub(crate) submitted: AtomicUsize,
    pub(crate) canceled: AtomicUsize,
    pub(crate) finished: AtomicUsize,
}

/// What a file states.
struct Script {
    segments: usize,
    pause: Duration,
    fail: String,
}

impl Script {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]).into_owned();
        let mut script = Self { segments: 2, pause: Duration::ZERO, fail: String::new() };
        let mut words = text.split_whitespace();
        (words.next()? == "fake").then_some(())?;
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            match name {
                "segments" => script.segments = value.parse().ok()?,
                "pause_ms" => script.pause = Duration::from_millis(value.parse().ok()?),
                _ => value.clone_into(&mut script.fail),
            }
        }
        Some(script)
    }
}

impl Transcriber for FakeTranscriber {
    fn models(&self) -> Vec<Model> {
        vec![Model {
            id: "fake-tiny".into(),
            aliases: vec!["whisper-1".into()],
            created_s: 1_800_000_000,
            owned_by: "earwitness".into(),
        }]
    }

    fn submit(&self, request: TranscriptionRequest, events: Events) -> Result<Cancel, SubmitError> {
        let bytes = fs::read(request.file.path()).map_err(|error| SubmitError::Internal(error.to_string()))?;
        assert_eq!(bytes.len() as u64, request.file.bytes());
        let Some(script) = Script::parse(&bytes) else {
            return Err(SubmitError::File("The file is not a recording that can be decoded".into()));
        };
        if request.language.as_deref() == Some("xx") {
            let message = "The language `xx` is not one of the model".into();
            return Err(SubmitError::Parameter { name: "language", message });
        }
        match script.fail.as_str() {
            "submit" => return Err(SubmitError::Unavailable("No device is usable".into())),
            "busy" => return Err(SubmitError::Busy { retry_after_s: 9 }),
            "panic" => panic!("a defect"),
            _ => {}
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, counts) = (Arc::clone(&stop), Arc::clone(&self.counts));
        counts.submitted.fetch_add(1, Ordering::SeqCst);
        let running = counts.running.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most_running.fetch_max(running, Ordering::SeqCst);
        thread::spawn(move || {
            let last = work(&request, &script, &events, &stopped);
            counts.running.fetch_sub(1, Ordering::SeqCst);
            if let Some(event) = last {
                counts.finished.fetch_add(1, Ordering::SeqCst);
                events.send(event);
            }
        });
        let counts = Arc::clone(&self.counts);
        Ok(Cancel::new(move || {
            counts.canceled.fetch_add(1, Ordering::SeqCst);
            stop.store(true, Ordering::SeqCst);
        }))
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The last event, if there is one.
fn work(request: &TranscriptionRequest, script: &Script, events: &Events, stop: &AtomicBool) -> Option<Event> {
    let mut segments = Vec::new();
    events.send(Event::Queued(0));
    for index in 0..script.segments {
        thread::sleep(script.pause);
        if stop.load(Ordering::SeqCst) {
            return None;
        }
        let segment = segment(request, index);
        segments.push(segment.clone());
        events.send(Event::Advanced { done_s: segment.end_s, total_s: script.segments as f64 });
        events.send(Event::Segment(segment));
    }
    match script.fail.as_str() {
        "bad" => Some(Event::Failed(Failure::BadInput("The recording is cut off".into()))),
        "transient" => Some(Event::Failed(Failure::Transient("The device has no memory".into()))),
        "internal" => Some(Event::Failed(Failure::Internal("a defect".into()))),
        "nothing" => None,
        _ => {
            let text = segments.iter().map(|segment| segment.text.as_str()).collect::<String>().trim().to_owned();
            let language = request.language.as_ref().map_or("english", |_| "korean").to_owned();
            Some(Event::Finished(Transcript { language, duration_s: script.segments as f64, text, segments }))
        }
    }
}

fn segment(request: &TranscriptionRequest, index: usize) -> Segment {
    let hash: String = request.file.sha256()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let task = if request.task == serve::Task::Translate { "translated" } else { "call" };
    let texts = [task.to_owned(), hash, index.to_string()];
    let at = |part: usize| index as f64 + part as f64 / 3.0;
    let word = |(part, text): (usize, &String)| Word { word: text.clone(), start_s: at(part), end_s: at(part + 1) };
    let words = if request.words { texts.iter().enumerate().map(word).collect() } else { Vec::new() };
    Segment {
        start_s: index as f64,
        end_s: index as f64 + 1.0,
        text: format!(" {}", texts.join(" ")),
        words,
        tokens: vec![50364, 1, 2],
        temperature: request.temperature.unwrap_or(0.0),
        avg_logprob: -0.25,
        compression_ratio: 1.1,
        no_speech_prob: 0.01,
        ..Segment::default()
    }
}
