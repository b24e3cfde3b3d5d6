//! The pipe between coordinator and worker: any bytes are messages or an error, and a message that was read is written
//! and read again unchanged.

use scheduler::protocol::{
    Batch, Checkpoint, Decoder, Encoder, FromWorker, ItemJob, Limits, NewBody, Slot, SlotSettings, Step, Stored,
    TaskTime, ToWorker, VERSION, WorkerProgress, WorkerSettings,
};
use scheduler::store::Lease;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use stage_core::{DeviceId, ErrorClass, ErrorCode, Fingerprint, Phase, PipelineError, StageName, Tool};

/// Short lines, so that most messages are chunked.
const LIMITS: Limits = Limits { line_bytes: 512, message_bytes: 16 << 10 };
const DECODE: StageName = StageName::new("decode");

/// Conversations in both directions.
///
/// # Panics
/// If a message cannot be written.
#[must_use]
pub fn corpus() -> Vec<Vec<u8>> {
    let (to, from) = (to_worker(), from_worker());
    vec![
        written(&to, Limits::default()),
        written(&to, LIMITS),
        written(&from, Limits::default()),
        written(&from, LIMITS),
    ]
}

/// Reads the bytes as messages of both directions.
///
/// # Panics
/// If a message changes when it is written and read again.
pub fn check(bytes: &[u8]) {
    check_as::<ToWorker>(bytes);
    check_as::<FromWorker>(bytes);
}

fn check_as<M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let mut decoder = Decoder::with_limits(bytes, LIMITS);
    while let Ok(Some(message)) = decoder.read::<M>() {
        let bytes = written(std::slice::from_ref(&message), Limits::default());
        assert_eq!(Decoder::new(bytes.as_slice()).read::<M>().unwrap(), Some(message));
    }
}

fn written<M: Serialize>(messages: &[M], limits: Limits) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::with_limits(&mut bytes, limits);
    messages.iter().for_each(|message| encoder.write(message).unwrap());
    bytes
}

fn fingerprint() -> Fingerprint {
    "ab".repeat(32).parse().unwrap()
}

fn lease() -> Lease {
    Lease { batch: 7, number: 1 }
}

fn to_worker() -> Vec<ToWorker> {
    let slot = Slot::default();
    let item = ItemJob {
        item: 3,
        path: "/calls/민수.m4a".into(),
        file_sha256: "cd".repeat(32),
        audio_s: 12.5,
        steps: vec![Step {
            stage: DECODE,
            fingerprint: fingerprint(),
            commit: vec![(DECODE.artifact(), fingerprint())],
            keep_checkpoints: true,
        }],
        stored: vec![Stored { artifact: DECODE.artifact(), body: "{\"a\":\"\\\"\"}".repeat(40) }],
        checkpoints: vec![Checkpoint { stage: DECODE, index: 1, body: "[1.5]".to_owned() }],
    };
    vec![
        ToWorker::Configure(WorkerSettings {
            slots: vec![SlotSettings { slot, device: DeviceId::Cpu(0), device_batch: 4 }],
            threads: 2,
            heartbeat_ms: 5_000,
            task_time: TaskTime::default(),
            faults: Vec::new(),
            settings: json!({"third": 1.0 / 3.0, "languages": ["ko", "en"]}),
            models: [(DECODE, "ab".repeat(32))].into(),
        }),
        ToWorker::Batch(Batch { slot, lease: lease(), items: vec![item] }),
        ToWorker::Ack { results: vec![0, 1, u64::MAX] },
        ToWorker::HealthProbe { slot },
        ToWorker::Pause { slot, paused: true },
        ToWorker::Revoke { lease: lease(), items: vec![3] },
        ToWorker::Shutdown { drain: true },
    ]
}

fn from_worker() -> Vec<FromWorker> {
    let error = || PipelineError::new(DECODE, ErrorClass::BadInput, ErrorCode::EmptyFile, "no bytes");
    let body = NewBody { artifact: DECODE.artifact(), fingerprint: fingerprint(), body: "{}".repeat(300) };
    vec![
        FromWorker::Hello { protocol: VERSION, tool: Tool::of_version("0.1.0"), pid: 9 },
        FromWorker::Ready,
        FromWorker::Refused { error: error() },
        FromWorker::Heartbeat { slot: Slot::default(), progress: WorkerProgress::default() },
        FromWorker::Started { lease: lease(), item: 3, stage: DECODE, phase: Phase::Run },
        FromWorker::Done {
            result: 0,
            lease: lease(),
            item: 3,
            stage: DECODE,
            artifacts: vec![body],
            started_at_ms: 1_763_900_000_123,
            duration_s: 0.1,
        },
        FromWorker::Failed { result: 1, lease: lease(), item: 3, error: error() },
        FromWorker::BatchFinished { lease: lease() },
    ]
}
