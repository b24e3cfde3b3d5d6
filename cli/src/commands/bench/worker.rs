//! The hidden `bench-worker`: measures one combination in its own process, so that memory and caches of one combination
//! do not affect the next.

use std::io::{self, BufRead, Write};
use std::process;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use decode::{DecodeConfig, Decoder};
use scheduler::worker::{ItemJob, Pipeline, Recorded};
use stage_core::{ErrorClass, SAMPLE_RATE_HZ, StageError, StageKind, sha256_file};

use super::message::{FromProcess, Input, Ran, Ready, Task, ToProcess};
use super::stage_run::{self, StageRun, Width, for_each};
use crate::exit::{Exit, Failure};
use crate::pipeline::Item;
use crate::stages::Stages;

/// Memory for decoded samples of all recordings together; the samples of further recordings go to unlinked temporary
/// files.
const SAMPLES_BUDGET_BYTES: u64 = 1 << 30;

/// An item, or the error that excludes it.
type Opened = Result<Item, StageError>;

pub(crate) fn worker() -> Result<Exit, Failure> {
    let messages = read_stdin();
    let served = match messages.recv() {
        Ok(ToProcess::Prepare(task)) => prepare(task),
        Ok(ToProcess::Measure(task)) => measure(task, &messages),
        Ok(ToProcess::Run) | Err(_) => Err(anyhow!("this process is started by `bench`")),
    };
    match served {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            say(&FromProcess::Failed(format!("{error:#}")))?;
            Ok(Exit::Failed)
        }
    }
}

/// Messages on standard input. The process exits at once when standard input closes, because `bench` has ended.
fn read_stdin() -> Receiver<ToProcess> {
    let (sender, messages) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(message) => drop(sender.send(message)),
                Err(error) => {
                    eprintln!("bench-worker: invalid message: {error}");
                    process::exit(Exit::Failed as i32);
                }
            }
        }
        process::exit(Exit::Done as i32);
    });
    messages
}

fn say(message: &FromProcess) -> anyhow::Result<()> {
    let line = serde_json::to_string(message).context("a message cannot be written")?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("bench closed the pipe")
}

/// Runs the earlier stages (at least decode) and returns their artifacts.
fn prepare(task: Task) -> anyhow::Result<()> {
    let (mut stages, width) = build(&task)?;
    let share_bytes = SAMPLES_BUDGET_BYTES / task.recordings.len().max(1) as u64;
    stages.decoder = decoder(&task, share_bytes.min(task.settings.pcm_budget_bytes));
    let mut inputs: Vec<Result<Input, StageError>> =
        for_each(&task.recordings, width.threads, |input| hashed(input.clone()));
    let mut items: Vec<Opened> =
        inputs.iter().map(|input| open(&stages, input.as_ref().map_err(Clone::clone)?)).collect();
    for stage in StageKind::ALL.into_iter().filter(|stage| *stage < task.stage || *stage == StageKind::Decode) {
        if stage.has_parts() {
            stages.load_device()?;
        }
        let bodies = keep(&mut items, |sound| stage_run::run(&stages, sound, stage, width))?;
        for ((input, item), body) in inputs.iter_mut().zip(&items).zip(bodies) {
            match (input.as_mut(), item) {
                (Ok(input), Ok(item)) => add(input, item, stage, body),
                (_, Err(error)) => *input = Err(error.clone()),
                (Err(_), Ok(_)) => {}
            }
        }
    }
    say(&FromProcess::Prepared(inputs))
}

fn add(input: &mut Input, item: &Item, stage: StageKind, body: Option<String>) {
    input.have.extend(body.map(|body| Recorded { stage, body }));
    if let Some(recording) = item.decoded() {
        (input.audio_s, input.channels) = (recording.duration_s, recording.channels);
    }
}

/// Runs the task's stage for each `Run` message.
fn measure(task: Task, messages: &Receiver<ToProcess>) -> anyhow::Result<()> {
    let (mut stages, width) = build(&task)?;
    let mut items: Vec<Opened> = task.recordings.iter().map(|input| open(&stages, input)).collect();
    if task.stage != StageKind::Decode {
        decode(&task, &mut stages, &mut items, width)?;
    }
    measure::reset_peak_resident();
    let before_mib = measure::resident_mib();
    let load_s = if task.stage.has_parts() { Some(load(&stages)?) } else { None };
    say(&FromProcess::Ready(Ready { load_s, before_mib }))?;
    loop {
        // A stage runs once per item: each run has its own items.
        let sound = sound(&items);
        let Ok(ToProcess::Run) = messages.recv() else { bail!("expected a run message after the process is ready") };
        let (made, device) = match task.stage {
            StageKind::Decode => (stage_run::decode(&stages, &sound, width.threads), None),
            stage => stage_run::run(&stages, &sound, stage, width)?,
        };
        let recordings = in_places(&items, made.into_iter().map(|made| made.map(|made| made.seconds)));
        for (item, result) in items.iter_mut().zip(&recordings) {
            // Recordings that fail in the warm-up are left out of the timed runs.
            if let Err(error) = result {
                *item = Err(error.clone());
            }
        }
        say(&FromProcess::Ran(Ran { recordings, device, peak_mib: measure::peak_resident_mib() }))?;
    }
}

fn build(task: &Task) -> anyhow::Result<(Stages, Width)> {
    // The kernels of the CPU run on rayon's global pool.
    rayon::ThreadPoolBuilder::new()
        .num_threads(task.threads)
        .build_global()
        .context("the threads cannot be started")?;
    let stages = Stages::build(&task.settings, &task.device)?;
    Ok((stages, Width { threads: task.threads, device_batch_size: task.device_batch_size }))
}

fn load(stages: &Stages) -> Result<f64, StageError> {
    let start = Instant::now();
    stages.load_device()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Decodes all items: into memory up to the budget, the others into temporary files.
fn decode(task: &Task, stages: &mut Stages, items: &mut [Opened], width: Width) -> Result<(), StageError> {
    let mut left_bytes = SAMPLES_BUDGET_BYTES;
    let in_memory = task.recordings.iter().take_while(|input| {
        let frames = (input.audio_s * f64::from(SAMPLE_RATE_HZ)) as u64;
        left_bytes = left_bytes.saturating_sub(frames * u64::from(input.channels) * size_of::<f32>() as u64);
        left_bytes > 0
    });
    let (first, rest) = items.split_at_mut(in_memory.count());
    for (items, budget_bytes) in [(first, task.settings.pcm_budget_bytes), (rest, 0)] {
        stages.decoder = decoder(task, budget_bytes);
        keep(items, |sound| stage_run::run(stages, sound, StageKind::Decode, width))?;
    }
    Ok(())
}

fn decoder(task: &Task, memory_budget_bytes: u64) -> Decoder {
    Decoder::new(DecodeConfig { memory_budget_bytes, spill_dir: task.settings.spill_dir.clone() })
}

/// Runs a stage on the items that have not failed and returns the artifacts as JSON, one entry per item. Items keep
/// their artifacts; an item that fails is replaced by its error.
fn keep(
    items: &mut [Opened],
    run: impl FnOnce(&[Item]) -> Result<StageRun, StageError>,
) -> Result<Vec<Option<String>>, StageError> {
    let sound = sound(items);
    let (made, _) = run(&sound)?;
    let made = sound.into_iter().zip(made).map(|(item, made)| made.map(|made| (item, made.body)));
    let (opened, bodies) = in_places(items, made)
        .into_iter()
        .map(|result| match result {
            Ok((item, body)) => (Ok(item), body),
            Err(error) => (Err(error), None),
        })
        .unzip::<_, _, Vec<_>, _>();
    items.iter_mut().zip(opened).for_each(|(item, opened)| *item = opened);
    Ok(bodies)
}

/// The items that have not failed.
fn sound(items: &[Opened]) -> Vec<Item> {
    items.iter().flatten().cloned().collect()
}

/// Merges the results of the items with the errors of the failed items.
fn in_places<T>(
    items: &[Opened],
    results: impl IntoIterator<Item = Result<T, StageError>>,
) -> Vec<Result<T, StageError>> {
    let mut results = results.into_iter();
    let missing = || Err(StageError::new(StageKind::Decode, ErrorClass::Bug, "no-result", "a recording has no result"));
    items
        .iter()
        .map(|item| match item {
            Ok(_) => results.next().unwrap_or_else(missing),
            Err(error) => Err(error.clone()),
        })
        .collect()
}

fn hashed(input: Input) -> Result<Input, StageError> {
    match sha256_file(&input.path) {
        Ok(file_sha256) => Ok(Input { file_sha256, ..input }),
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            Err(StageError::new(StageKind::Decode, ErrorClass::BadInput, "unreadable-file", message))
        }
    }
}

fn open(stages: &Stages, input: &Input) -> Opened {
    stages.open(&ItemJob {
        item: 0,
        path: input.path.clone(),
        file_sha256: input.file_sha256.clone(),
        audio_s: input.audio_s,
        steps: Vec::new(),
        have: input.have.clone(),
        parts: Vec::new(),
    })
}
