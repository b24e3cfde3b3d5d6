//! A case with two pages, a script and one recording.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::{Value, json};
use serve::{
    Caller, CaseError, CaseSource, Content, FileName, RecordingId, RecordingSummary, SearchHit, SearchQuery,
    SearchResults, open_in_folder,
};
use sha2::{Digest, Sha256};

/// A case in a temporary folder. Beside it is a file that nobody may get.
pub(crate) struct FakeCase {
    _folder: tempfile::TempDir,
    case: PathBuf,
    pub(crate) audio: Vec<u8>,
    pub(crate) recording: RecordingId,
    reviews: Mutex<Vec<Value>>,
}

/// What the file beside the case contains.
pub(crate) const SECRET: &str = "outside the case";
/// The name of the recording's page.
const PAGE: &str = "민수_261107.html";

impl FakeCase {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let case = folder.path().join("case");
        fs::create_dir(&case).expect("a folder");
        fs::write(folder.path().join("secret"), SECRET).expect("a file");
        std::os::unix::fs::symlink(folder.path().join("secret"), case.join("link.html")).expect("a link");
        let audio = wav(300_000);
        fs::write(case.join("call.wav"), &audio).expect("a file");
        fs::write(case.join("index-text-0.js"), "text(0, []);").expect("a file");
        fs::write(case.join("store.db"), SECRET).expect("a file");
        let recording = hash(&audio).parse().expect("a hash");
        Self { _folder: folder, case, audio, recording, reviews: Mutex::default() }
    }

    fn open(&self, name: &str, media_type: &str) -> Result<Content, CaseError> {
        let failed = |error: std::io::Error| CaseError::Failed(error.to_string());
        let name = name.parse().map_err(|_| CaseError::Failed("the case has a wrong name".into()))?;
        let file = open_in_folder(&self.case, &name).map_err(failed)?;
        let bytes = fs::read(self.case.join(name.as_str())).map_err(failed)?;
        Content::file(file, media_type, hash(&bytes)).map_err(failed)
    }
}

/// A WAV file of this many bytes: noise, 8 kHz, 8 bits.
fn wav(length: u32) -> Vec<u8> {
    let head: [&[u8]; 11] = [
        b"RIFF",
        &(length - 8).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &[1, 0, 1, 0], // PCM, one channel
        &8000_u32.to_le_bytes(),
        &8000_u32.to_le_bytes(),
        &[1, 0, 8, 0], // bytes and bits of a sample
        b"data",
        &(length - 44).to_le_bytes(),
        &[],
    ];
    let noise = (44..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
    head.concat().into_iter().chain(noise).collect()
}

/// A page that states in reviews what a browser lets it do.
const BROWSER: &str = r#"<!doctype html><meta charset="utf-8"><title>browser</title>
<style>p { color: rgb(1, 2, 3); }</style><p id="log"></p>
<script>function text() { log("script"); }</script>
<script>
const headers = { "Content-Type": "application/json" };
const log = (what) => fetch("../api/reviews", { method: "POST", headers, body: JSON.stringify([what]) });
log(getComputedStyle(document.getElementById("log")).color === "rgb(1, 2, 3)" ? "style" : "no style");
const send = (url, options) => fetch(url, options).then((answer) => answer.status, () => "blocked");
const audio = new Audio();
audio.addEventListener("loadedmetadata", () => { log("audio " + audio.duration.toFixed(1)); audio.currentTime = 30; });
audio.addEventListener("seeked", () => log("seeked"));
audio.addEventListener("error", () => log("no audio"));
const image = new Image();
image.onload = image.onerror = (event) => log("image " + event.type);
addEventListener("load", async () => {
  log("other " + await send("http://localhost:9/", { mode: "no-cors" }));
  image.src = "http://127.0.0.1:9/image.png";
  audio.src = "../audio/RECORDING";
});
</script>
<script src="./index-text-0.js"></script>
"#;

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl CaseSource for FakeCase {
    fn page(&self, name: Option<&FileName>) -> Result<Option<Content>, CaseError> {
        let html = "text/html; charset=utf-8";
        match name.map(FileName::as_str) {
            None | Some("index.html") => Ok(Some(Content::bytes("<!doctype html><title>case</title>", html))),
            Some(PAGE) => Ok(Some(Content::bytes("<!doctype html><title>call</title>", html))),
            Some(name @ "index-text-0.js") => self.open(name, "text/javascript; charset=utf-8").map(Some),
            // The case states the name, but the file is a link.
            Some(name @ "link.html") => self.open(name, html).map(Some),
            Some("browser.html") => {
                let page = BROWSER.replace("RECORDING", self.recording.as_str());
                Ok(Some(Content::bytes(page, html)))
            }
            Some("panic.html") => panic!("a defect"),
            Some(_) => Ok(None),
        }
    }

    fn audio(&self, recording: &RecordingId) -> Result<Option<Content>, CaseError> {
        (*recording == self.recording).then(|| self.open("call.wav", "audio/wav")).transpose()
    }

    fn recordings(&self) -> Result<Vec<RecordingSummary>, CaseError> {
        Ok(vec![RecordingSummary {
            recording: self.recording.clone(),
            name: "민수_261107".into(),
            page: PAGE.parse().ok(),
            duration_s: Some(12.5),
            state: "complete".into(),
            has_audio: true,
        }])
    }

    fn search(&self, query: &SearchQuery) -> Result<SearchResults, CaseError> {
        let text = "여보세요, 누구세요?";
        let is_hit = text.contains(&query.text) && query.offset == 0;
        let hit = SearchHit {
            recording: self.recording.clone(),
            name: "민수_261107".into(),
            page: PAGE.parse().ok(),
            start_s: 1.5,
            end_s: 3.0,
            speaker: None,
            text: text.into(),
        };
        let hits = if is_hit { vec![hit] } else { Vec::new() };
        Ok(SearchResults { total: hits.len(), hits, not_searched: Vec::new() })
    }

    fn reviews(&self, recording: Option<&RecordingId>) -> Result<Value, CaseError> {
        if recording.is_some_and(|recording| *recording != self.recording) {
            return Err(CaseError::Unknown("the case has no such recording".into()));
        }
        Ok(json!({ "reviews": *self.reviews.lock().expect("not poisoned") }))
    }

    fn add_reviews(&self, entries: Value, caller: &Caller) -> Result<Value, CaseError> {
        let Value::Array(entries) = entries else {
            return Err(CaseError::Invalid("expected a list of entries".into()));
        };
        let mut reviews = self.reviews.lock().expect("not poisoned");
        if entries.iter().any(|entry| reviews.contains(entry)) {
            return Err(CaseError::Conflict("the case has this entry".into()));
        }
        let added = entries.len();
        reviews.extend(entries);
        Ok(json!({ "added": added, "user": caller.user }))
    }

    fn ready(&self) -> Result<(), CaseError> {
        Ok(())
    }
}
