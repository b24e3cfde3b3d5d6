//! The hidden `bench-worker`: measures one combination in a separate process, so that memory and caches do not affect
//! the next combination.

use std::io::{self, BufRead, Write};
use std::process;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use decode::Decoder;
use scheduler::worker::Stored;
use stage_core::{
    ArtifactName, Artifacts, DeviceRunner, ErrorCode, PipelineError, Recording, Runner, Runners, SAMPLE_RATE_HZ,
    Source, Stage, StageName, StageSpec, sha256_file,
};

use super::message::{FromProcess, Input, Ran, Ready, Task, ToProcess};
use super::stage_run::{self, StageRun, Width, for_each};
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::plan::unreadable_file;
use crate::stages::{self, Context as StageContext};

/// Memory for the decoded samples of all recordings together, in bytes. Further samples go to unlinked temporary files.
const SAMPLES_BUDGET_BYTES: u64 = 1 << 30;

/// An item, or the error that excludes it.
type Opened = Result<Artifacts, PipelineError>;

pub(crate) fn worker() -> Result<Exit, Error> {
    let messages = read_stdin();
    let served = match messages.recv() {
        Ok(ToProcess::Prepare(task)) => prepare(task),
        Ok(ToProcess::Measure(task)) => measure(task, &messages),
        Ok(ToProcess::Run) | Err(_) => Err(Error::unexpected("this process is started by `bench`")),
    };
    match served {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            say(&FromProcess::Failed(error.report()))?;
            Ok(Exit::Failed)
        }
    }
}

/// Reads messages from standard input. The process exits at once when it closes, because `bench` has ended.
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

fn say(message: &FromProcess) -> Result<(), Error> {
    let line = serde_json::to_string(message).context("a message cannot be written")?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("bench closed the pipe")
}

/// Runs the earlier stages (at least decode) and returns their artifacts.
fn prepare(task: Task) -> Result<(), Error> {
    let (stages, width) = build(&task)?;
    let share_bytes = SAMPLES_BUDGET_BYTES / task.recordings.len().max(1) as u64;
    let decoder = stages::decoder_with(&task.settings, share_bytes.min(task.settings.decode().memory_budget_bytes));
    let mut inputs: Vec<Result<Input, PipelineError>> =
        for_each(&task.recordings, width.threads, |input| hashed(input.clone()));
    let mut items: Vec<Opened> = inputs.iter().map(|input| Ok(open(input.as_ref().map_err(Clone::clone)?))).collect();
    let recipe = stages::recipe(&stages, Some(task.stage)).map_err(Error::usage)?;
    let before = recipe.steps().iter().map(|step| step.stage).filter(|stage| *stage != task.stage);
    let decode = Decoder::SPEC.name;
    for stage in std::iter::once(decode).chain(before.filter(|stage| *stage != decode)) {
        let runner = if stage == decode { &*decoder } else { runner(&stages, stage)? };
        if let Some(device) = runner.device() {
            device.load()?;
        }
        let bodies = keep(&mut items, |sound| stage_run::run(runner, sound, width))?;
        for ((input, item), bodies) in inputs.iter_mut().zip(&items).zip(bodies) {
            match (input.as_mut(), item) {
                (Ok(input), Ok(item)) => add(input, item, bodies),
                (_, Err(error)) => *input = Err(error.clone()),
                (Err(_), Ok(_)) => {}
            }
        }
    }
    say(&FromProcess::Prepared(inputs))
}

fn runner(stages: &Runners, stage: StageName) -> Result<&dyn Runner, Error> {
    stages.get(stage).ok_or_else(|| Error::unexpected(format!("there is no stage {stage}")))
}

fn add(input: &mut Input, item: &Artifacts, bodies: Vec<(ArtifactName, String)>) {
    input.stored.extend(bodies.into_iter().map(|(artifact, body)| Stored { artifact, body }));
    if let Some(recording) = item.made::<Recording>() {
        (input.audio_s, input.channels) = (recording.duration_s, recording.channels);
    }
}

/// Runs the task's stage for each `Run` message.
fn measure(task: Task, messages: &Receiver<ToProcess>) -> Result<(), Error> {
    let (stages, width) = build(&task)?;
    let measured = runner(&stages, task.stage)?;
    let mut items: Vec<Opened> = task.recordings.iter().map(|input| Ok(open(input))).collect();
    if measured.spec().inputs.iter().any(|input| is_transient(*input)) {
        decode(&task, &mut items, width)?;
    }
    measure::reset_peak_resident();
    let before_mib = measure::resident_mib();
    let load_s = measured.device().map(load).transpose()?;
    say(&FromProcess::Ready(Ready { load_s, before_mib }))?;
    loop {
        // A stage runs once per item, so each run gets new items.
        let sound = sound(&items);
        let Ok(ToProcess::Run) = messages.recv() else {
            return Err(Error::unexpected("only runs are expected once the process is ready"));
        };
        let (made, device) = stage_run::run(measured, &sound, width)?;
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

/// Whether an artifact is computed again wherever it is read: the decoder's samples.
fn is_transient(name: ArtifactName) -> bool {
    Decoder::SPEC.artifacts().any(|(artifact, stored)| artifact == name && !stored)
}

fn build(task: &Task) -> Result<(Runners, Width), Error> {
    // The CPU kernels run in rayon's global pool.
    rayon::ThreadPoolBuilder::new()
        .num_threads(task.threads)
        .build_global()
        .context("the threads cannot be started")?;
    let stages =
        StageContext::of_worker(&task.settings, &task.device).and_then(StageContext::stages).map_err(Error::usage)?;
    Ok((stages, Width { threads: task.threads, device_batch_size: task.device_batch_size }))
}

fn load(device: &dyn DeviceRunner) -> Result<f64, PipelineError> {
    let start = Instant::now();
    device.load()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Decodes all items: into memory up to the budget, then into temporary files.
fn decode(task: &Task, items: &mut [Opened], width: Width) -> Result<(), PipelineError> {
    let mut left_bytes = SAMPLES_BUDGET_BYTES;
    let in_memory = task.recordings.iter().take_while(|input| {
        let frames = (input.audio_s * f64::from(SAMPLE_RATE_HZ)) as u64;
        left_bytes = left_bytes.saturating_sub(frames * u64::from(input.channels) * size_of::<f32>() as u64);
        left_bytes > 0
    });
    let (first, rest) = items.split_at_mut(in_memory.count());
    for (items, budget_bytes) in [(first, task.settings.decode().memory_budget_bytes), (rest, 0)] {
        let decoder = stages::decoder_with(&task.settings, budget_bytes);
        keep(items, |sound| stage_run::run(&*decoder, sound, width))?;
    }
    Ok(())
}

/// Runs a stage on the items that have not failed and returns the artifacts as JSON, one entry per item. Items keep
/// their artifacts; an item that fails is replaced by its error.
fn keep(
    items: &mut [Opened],
    run: impl FnOnce(&[Artifacts]) -> Result<StageRun, PipelineError>,
) -> Result<Vec<Vec<(ArtifactName, String)>>, PipelineError> {
    let sound = sound(items);
    let (made, _) = run(&sound)?;
    let made = sound.into_iter().zip(made).map(|(item, made)| made.map(|made| (item, made.bodies)));
    let (opened, bodies) = in_places(items, made)
        .into_iter()
        .map(|result| match result {
            Ok((item, bodies)) => (Ok(item), bodies),
            Err(error) => (Err(error), Vec::new()),
        })
        .unzip::<_, _, Vec<_>, _>();
    items.iter_mut().zip(opened).for_each(|(item, opened)| *item = opened);
    Ok(bodies)
}

/// The items that have not failed.
fn sound(items: &[Opened]) -> Vec<Artifacts> {
    items.iter().flatten().cloned().collect()
}

/// Merges the results of the items with the errors of the failed items.
fn in_places<T>(
    items: &[Opened],
    results: impl IntoIterator<Item = Result<T, PipelineError>>,
) -> Vec<Result<T, PipelineError>> {
    let mut results = results.into_iter();
    let missing =
        || Err(PipelineError::bug(Decoder::SPEC.name, ErrorCode::InferenceIncomplete, "a recording has no result"));
    items
        .iter()
        .map(|item| match item {
            Ok(_) => results.next().unwrap_or_else(missing),
            Err(error) => Err(error.clone()),
        })
        .collect()
}

fn hashed(input: Input) -> Result<Input, PipelineError> {
    let file_sha256 = sha256_file(&input.path).map_err(|error| unreadable_file(&error))?;
    Ok(Input { file_sha256, ..input })
}

fn open(input: &Input) -> Artifacts {
    let source = Source { path: input.path.clone(), file_sha256: input.file_sha256.clone(), audio_s: input.audio_s };
    let stored = input.stored.iter().map(|stored| (stored.artifact, stored.body.clone()));
    let specs: Vec<StageSpec> = stages::specs().collect();
    Artifacts::new(source, stored, &specs)
}
