//! The server beside `run` on the same files: throughput, latency, and whether any request is lost or answered with another
//! text. All requests are sent at once.
//!
//! ```text
//! cargo bench -p earwitness --bench serve -- [--requests 200] [--clients 200] [--model MODEL] [--language CODES]
//! ```
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure must stop")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use measure::percentile;
use serde_json::Value;
use testkit::{Client, Lines, Random, Wav, fixture, multipart};

/// Folders with recordings of one language each, in `../shared/data`, or in `fixtures/speech` if it does not exist.
const LANGUAGES: [&[&str]; 2] = [&["en"], &["ko", "ko/talk"]];
const RATE: u32 = 16_000;
/// Shortest and longest file, in seconds.
const SECONDS: (f32, f32) = (2.0, 60.0);

/// Time for an answer: all requests wait at once.
const PATIENCE: Duration = Duration::from_secs(3_600);

struct Options {
    requests: usize,
    clients: usize,
    settings: Vec<String>,
}

fn main() {
    let options = Options::of(std::env::args().skip(1).filter(|argument| argument != "--bench"));
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let audio_s = make(&calls, options.requests);
    println!("{} files of {} to {} s, {audio_s:.0} s in all", options.requests, SECONDS.0, SECONDS.1);
    println!("| | seconds | times real time | median latency | 95 % | lost or other text |");
    println!("|---|---|---|---|---|---|");
    let out = folder.path().join("out");
    let words_only = folder.path().join("words");
    for (name, command, out) in [
        ("stage align: up to the words, as the server", &["stage", "align"][..], &words_only),
        ("run, all stages", &["run"], &out),
    ] {
        let began = Instant::now();
        let arguments = [command, &[text(&calls), "--out", text(out), "--progress", "none"]].concat();
        earwitness(&[&arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()[..], &options.settings].concat());
        row(name, began.elapsed(), audio_s, None);
    }
    let texts = texts(&out);
    let server = Server::start(&options.settings);
    for clients in [options.clients, 10, 1] {
        let files = files(&calls);
        let few = if clients == 1 { &files[..files.len().min(40)] } else { &files };
        let began = Instant::now();
        let answers = ask(&server.client, few, clients);
        let wall = began.elapsed();
        let is_right = |(name, (_, text)): (&String, &(f64, String))| texts.get(name) == Some(text);
        let wrong = few.len() - answers.iter().filter(|answer| is_right(*answer)).count();
        let seconds: f64 = few.iter().map(|path| seconds(path)).sum();
        let latencies: Vec<f64> = answers.values().map(|(latency_s, _)| *latency_s).collect();
        row(&format!("server, {clients} clients, {} files", few.len()), wall, seconds, Some((&latencies, wrong)));
    }
}

impl Options {
    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self { requests: 200, clients: 200, settings: Vec::new() };
        let arguments: Vec<String> = arguments.collect();
        for pair in arguments.chunks(2) {
            match pair {
                [name, value] if name == "--requests" => options.requests = value.parse().unwrap(),
                [name, value] if name == "--clients" => options.clients = value.parse().unwrap(),
                pair => options.settings.extend_from_slice(pair),
            }
        }
        options
    }
}

/// Writes files of mixed lengths: parts of the recordings of a language, one after the other. No two are alike, and nothing
/// occurs twice in a file. Returns their length together.
fn make(folder: &Path, count: usize) -> f64 {
    fs::create_dir(folder).unwrap();
    let speech: Vec<Vec<f32>> = LANGUAGES.iter().map(|folders| speech(folders)).collect();
    let mut random = Random(7);
    let mut samples = 0;
    for number in 0..count {
        let source = &speech[number % speech.len()];
        // Most calls are short.
        let length_s = SECONDS.0 + (SECONDS.1 - SECONDS.0) * random.unit() * random.unit();
        let len = ((length_s * RATE as f32) as usize).min(source.len());
        let start = random.below(source.len());
        let part: Vec<f32> = source.iter().cycle().skip(start).take(len).copied().collect();
        samples += part.len();
        Wav::mono(RATE, part).write(&folder.join(format!("{number:03}.wav")));
    }
    samples as f64 / f64::from(RATE)
}

/// The recordings of folders, one after the other.
fn speech(folders: &[&str]) -> Vec<f32> {
    let shared = testkit::root().join("../shared/data");
    let root = if shared.is_dir() { shared } else { fixture("speech") };
    let existing = folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir());
    let wav = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wav");
    existing.flat_map(|folder| files(&folder)).filter(wav).flat_map(|path| Wav::read_mono(&path, RATE)).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn seconds(path: &Path) -> f64 {
    Wav::read_mono(path, RATE).len() as f64 / f64::from(RATE)
}

/// The texts of a run, by name.
fn texts(out: &Path) -> BTreeMap<String, String> {
    let results = files(out).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let text = |path: PathBuf| {
        let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut words: Vec<(f64, String)> = document["words"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| (word["start_s"].as_f64().unwrap(), word["text"].as_str().unwrap().to_owned()))
            .collect();
        words.sort_by(|a, b| a.0.total_cmp(&b.0));
        let words: Vec<String> = words.into_iter().map(|(_, text)| text).collect();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), words.join(" "))
    };
    results.map(text).collect()
}

/// Sends all files by this number of clients. Returns latency and text of each, by name.
fn ask(client: &Client, files: &[PathBuf], clients: usize) -> BTreeMap<String, (f64, String)> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (media_type, body) = multipart(Some(&fs::read(path).unwrap()), &[("model", "whisper-1")]);
                    let began = Instant::now();
                    let reply = client.post("/v1/audio/transcriptions", &media_type, &body);
                    let latency_s = began.elapsed().as_secs_f64();
                    if reply.status != 200 {
                        eprintln!("{}: {}", reply.status, reply.text());
                        continue;
                    }
                    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                    answers
                        .lock()
                        .unwrap()
                        .insert(name, (latency_s, reply.json()["text"].as_str().unwrap().to_owned()));
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

fn row(name: &str, wall: Duration, audio_s: f64, answers: Option<(&[f64], usize)>) {
    let wall_s = wall.as_secs_f64();
    let rest = answers.map_or_else(
        || "| | |".to_owned(),
        |(latencies, wrong)| {
            let at = |percent| percentile(latencies, percent).unwrap_or(f64::NAN);
            format!("| {:.2} s | {:.2} s | {wrong}", at(50.0), at(95.0))
        },
    );
    println!("| {name} | {wall_s:.1} | {:.1} {rest} |", audio_s / wall_s);
}

/// A running server.
struct Server {
    process: Child,
    client: Client,
    _lines: Lines,
}

impl Server {
    fn start(settings: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.args(["serve", "--transcribe", "--listen", "127.0.0.1:0"]).args(settings);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(process.stdout.take().unwrap());
        let line = lines.next_within(Duration::from_secs(120)).expect("the server says where it is");
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split('/').next());
        let address: SocketAddr = address.and_then(|address| address.parse().ok()).expect("an address");
        Self { process, client: Client::tcp(address).waiting(PATIENCE), _lines: lines }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn earwitness(args: &[String]) {
    let output = Command::new(env!("CARGO_BIN_EXE_earwitness")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
