//! Tests of the real program on real recordings, one module per guarantee.
#![expect(clippy::unwrap_used, reason = "a failed test must stop")]

#[path = "earwitness/attacks.rs"]
mod attacks;
#[path = "earwitness/authenticity.rs"]
mod authenticity;
#[path = "earwitness/bad_input.rs"]
mod bad_input;
#[path = "earwitness/bench.rs"]
mod bench;
#[path = "earwitness/broken_models.rs"]
mod broken_models;
#[path = "earwitness/browser.rs"]
mod browser;
#[path = "earwitness/case_file.rs"]
mod case_file;
#[path = "earwitness/chaos.rs"]
mod chaos;
#[path = "earwitness/clip.rs"]
mod clip;
#[path = "earwitness/cluster.rs"]
mod cluster;
#[path = "earwitness/codecs.rs"]
mod codecs;
#[path = "earwitness/configuration.rs"]
mod configuration;
#[path = "earwitness/contract.rs"]
mod contract;
#[path = "earwitness/custody.rs"]
mod custody;
#[path = "earwitness/defects.rs"]
mod defects;
#[path = "earwitness/devices.rs"]
mod devices;
#[path = "earwitness/errors.rs"]
mod errors;
#[path = "earwitness/evidence.rs"]
mod evidence;
#[path = "earwitness/examples.rs"]
mod examples;
#[path = "earwitness/faults.rs"]
mod faults;
#[path = "earwitness/forget.rs"]
mod forget;
#[path = "earwitness/golden.rs"]
mod golden;
#[path = "earwitness/inputs.rs"]
mod inputs;
#[path = "earwitness/interrupts.rs"]
mod interrupts;
#[path = "earwitness/invariance.rs"]
mod invariance;
#[path = "earwitness/levels.rs"]
mod levels;
#[path = "earwitness/limits.rs"]
mod limits;
#[path = "earwitness/listening.rs"]
mod listening;
#[path = "earwitness/made_store.rs"]
mod made_store;
#[path = "earwitness/model.rs"]
mod model;
#[path = "earwitness/moves.rs"]
mod moves;
#[path = "earwitness/mutation.rs"]
mod mutation;
#[path = "earwitness/names.rs"]
mod names;
#[path = "earwitness/order.rs"]
mod order;
#[path = "earwitness/outputs.rs"]
mod outputs;
#[path = "earwitness/plain_text.rs"]
mod plain_text;
#[path = "earwitness/plan.rs"]
mod plan;
#[path = "earwitness/printing.rs"]
mod printing;
#[path = "earwitness/readers.rs"]
mod readers;
#[path = "earwitness/record.rs"]
mod record;
#[path = "earwitness/recovery.rs"]
mod recovery;
#[path = "earwitness/redact.rs"]
mod redact;
#[path = "earwitness/reuse.rs"]
mod reuse;
#[path = "earwitness/review.rs"]
mod review;
#[path = "earwitness/running.rs"]
mod running;
#[cfg(feature = "serve")]
#[path = "earwitness/serve.rs"]
mod serve;
#[path = "earwitness/sharing.rs"]
mod sharing;
#[path = "earwitness/signing.rs"]
mod signing;
#[path = "earwitness/sound.rs"]
mod sound;
#[path = "earwitness/speakers.rs"]
mod speakers;
#[path = "earwitness/stale.rs"]
mod stale;
#[path = "earwitness/store.rs"]
mod store;
#[path = "earwitness/subtitles.rs"]
mod subtitles;
#[path = "earwitness/support.rs"]
mod support;
#[path = "earwitness/transcript.rs"]
mod transcript;
#[path = "earwitness/unknown_stages.rs"]
mod unknown_stages;
#[path = "earwitness/verify.rs"]
mod verify;
#[path = "earwitness/watching.rs"]
mod watching;
#[path = "earwitness/word_times.rs"]
mod word_times;
