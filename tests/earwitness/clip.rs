//! Clips: exactly the samples of the recording, with hashes, transcript and context.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use earwitness::decode::{DecodeConfig, Decoder};
use hound::{SampleFormat, WavReader};
use serde_json::{Value, json};
use stage_core::{is_unprintable, sha256_file, sha256_hex};
use testkit::{Ffmpeg, Wav, fixture, send_signal, wait_until};

use crate::support::{Finished, calls, document, earwitness, finish, run};
use crate::verify::flip_byte;

/// Allowed difference between lossy decoders, due to rounding. Full scale is 1, and a shift by one frame gives 0.03.
const LOSSY_ERROR: f32 = 1e-3;

/// The arguments of `clip`.
fn args(input: &Path, (from, to): (&str, &str), out: &Path, more: &[&str]) -> Vec<String> {
    let [input, out] = [input, out].map(|path| path.to_str().unwrap());
    let args = ["clip", input, "--from", from, "--to", to, "--out", out, "--json"];
    args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

/// Cuts a clip. Returns its description, which is also in the JSON file.
fn cut(input: &Path, range: (&str, &str), out: &Path, more: &[&str]) -> Value {
    let printed = finish(args(input, range, out, more)).with_code(0).stdout;
    let described: Value = serde_json::from_str(&printed).unwrap();
    let stored = fs::read_to_string(out.with_extension("json")).unwrap();
    assert_eq!(described, serde_json::from_str::<Value>(&stored).unwrap());
    assert_eq!(described["clip"]["sha256"], sha256_file(out).unwrap());
    assert_eq!(described["source"]["sha256"], sha256_file(input).unwrap());
    described
}

/// The samples of a clip, read by another library, and the name of their format.
fn samples(path: &Path) -> (Vec<f32>, &'static str) {
    let mut reader = WavReader::open(path).unwrap();
    let spec = reader.spec();
    if spec.sample_format == SampleFormat::Float {
        return (reader.samples().map(Result::unwrap).collect(), "pcm_f32le");
    }
    let full_scale = f64::from(1_u32 << (spec.bits_per_sample - 1));
    let scaled = |sample: i32| (f64::from(sample) / full_scale) as f32;
    let name = match spec.bits_per_sample {
        16 => "pcm_s16le",
        24 => "pcm_s24le",
        _ => "pcm_s32le",
    };
    (reader.samples().map(|sample| scaled(sample.unwrap())).collect(), name)
}

/// Bits of samples, because negative zero and zero are different samples.
fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|sample| sample.to_bits()).collect()
}

fn hash(samples: &[f32]) -> String {
    sha256_hex(&samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>())
}

/// All samples of a recording at its own rate, and its channels.
fn whole(path: &Path) -> (Vec<f32>, usize) {
    let decoded = Decoder::new(DecodeConfig::default()).decode_file(path).unwrap().decoded;
    let packets = decoded.pcm.native().unwrap().map(Result::unwrap);
    (packets.flat_map(|packet| packet.samples).collect(), decoded.pcm.channels())
}

/// The largest difference of two samples.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Files to cut: name, arguments of the encoder, and the format of clips of more than a few samples.
const RECORDINGS: [(&str, &[&str], &str); 9] = [
    ("16.wav", &["-c:a", "pcm_s16le"], "pcm_s16le"),
    ("24.wav", &["-c:a", "pcm_s24le"], "pcm_s24le"),
    ("32.wav", &["-c:a", "pcm_s32le"], "pcm_s32le"),
    ("float.wav", &["-c:a", "pcm_f32le"], "pcm_f32le"),
    ("16.flac", &["-c:a", "flac", "-sample_fmt", "s16"], "pcm_s16le"),
    ("24.flac", &["-c:a", "flac", "-sample_fmt", "s32"], "pcm_s24le"),
    ("x.mp3", &["-c:a", "libmp3lame"], "pcm_f32le"),
    ("x.m4a", &["-c:a", "aac"], "pcm_f32le"),
    ("x.opus", &["-c:a", "libopus", "-b:a", "48k"], "pcm_s16le"),
];

/// 1.23 s of a tone and noise, below full scale, at 44.1 kHz (Opus: 48 kHz).
fn encode(ffmpeg: &Ffmpeg, path: &Path, channels: &str, codec: &[&str]) {
    let tone = "aevalsrc=0.6*sin(2*PI*440*t)*sin(3*t)+0.05*random(0)|0.4*sin(2*PI*660*t):s=48000:d=1.23";
    let rate = if path.extension().unwrap() == "opus" { "48000" } else { "44100" };
    ffmpeg.encode(tone, &[&["-ar", rate, "-ac", channels], codec].concat(), path);
}

#[test]
fn clip_has_the_samples_that_ffmpeg_decodes() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, codec, format) in RECORDINGS {
        for channels in ["1", "2"] {
            let path = folder.path().join(format!("{channels}-{name}"));
            encode(&ffmpeg, &path, channels, codec);
            let description = check_against_ffmpeg(&ffmpeg, &path, ("0.4", "0.789"), format);
            let frames = description["source"]["frames"].as_u64().unwrap() as f64;
            let length = frames / description["source"]["sample_rate_hz"].as_f64().unwrap();
            check_against_ffmpeg(&ffmpeg, &path, ("0", "0.05"), format);
            check_against_ffmpeg(&ffmpeg, &path, ("1.1", &format!("{length:.9}")), format);
            let one = check_against_ffmpeg(&ffmpeg, &path, ("0.6", "0.60002"), "");
            assert_eq!(one["range"]["frames"], 1, "{name}");
        }
    }
}

/// Cuts a clip and compares it with the same frames as ffmpeg decodes them, and its file as ffmpeg reads it. Lossless
/// samples are compared by their hash. `format` is the one that the clip must have, if it is known.
fn check_against_ffmpeg(ffmpeg: &Ffmpeg, path: &Path, range: (&str, &str), format: &str) -> Value {
    let out = path.with_extension("").with_file_name(format!("{}-{}.wav", stem(path), range.0));
    let description = cut(path, range, &out, &[]);
    let name = format!("{} {range:?}", path.display());
    let (clip, stored_as) = samples(&out);
    let (source, at) = (&description["source"], &description["range"]);
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let (first, end) = (number(&at["first_frame"]), number(&at["end_frame"]));
    let theirs = ffmpeg.decode(path, source["codec"].as_str().unwrap(), &[]);
    let channels = number(&source["channels"]);
    let theirs = &theirs[first * channels..end * channels];
    let error = difference(&clip, theirs);
    match source["lossless"].as_bool().unwrap() {
        true => assert_eq!(hash(&clip), hash(theirs), "{name}: {error}"),
        false => assert!(error < LOSSY_ERROR, "{name}: {error}"),
    }
    let file = &description["clip"];
    assert_eq!(file["samples_sha256"], hash(&clip), "{name}");
    assert_eq!(file["samples_sha256"], hash(&ffmpeg.decode(&out, "pcm", &[])), "{name}: ffmpeg reads the clip");
    assert_eq!(file["sample_format"], stored_as, "{name}");
    assert!(format.is_empty() || stored_as == format, "{name}: {stored_as}");
    description
}

fn stem(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().replace('.', "-")
}

#[test]
fn clip_is_a_slice_of_the_decoded_recording_in_every_fixture() {
    let folder = tempfile::tempdir().unwrap();
    for call in fs::read_dir(calls()).unwrap().map(|entry| entry.unwrap().path()) {
        if call.extension().is_some_and(|extension| extension == "json") {
            continue;
        }
        let out = folder.path().join(format!("{}.wav", stem(&call)));
        let description = cut(&call, ("0:00.5", "1.234567"), &out, &[]);
        let (all, channels) = whole(&call);
        let (source, range) = (&description["source"], &description["range"]);
        let rate_hz = source["sample_rate_hz"].as_f64().unwrap();
        let frame = |s: f64| (s * rate_hz - 1e-6).ceil() as usize;
        let (first, end) = (frame(0.5), frame(1.234_567));
        assert_eq!((&range["first_frame"], &range["end_frame"]), (&json!(first), &json!(end)), "{}", call.display());
        assert_eq!(bits(&samples(&out).0), bits(&all[first * channels..end * channels]), "{}", call.display());
        assert_eq!((&source["samples_sha256"], &source["pcm_sha256"]), (&json!(hash(&all)), &json!(hash(&all))));
        assert_eq!(source["frames"], all.len() / channels);
        let times = (range["start_s"].as_f64().unwrap(), range["end_s"].as_f64().unwrap());
        assert_eq!(times, (first as f64 / rate_hz, end as f64 / rate_hz));
    }
}

#[test]
fn clips_that_follow_each_other_join_to_the_whole_recording() {
    let folder = tempfile::tempdir().unwrap();
    for call in ["two-speakers_261105_142530.m4a", "audiobook.opus", "address.mp3"].map(|call| calls().join(call)) {
        let (all, channels) = whole(&call);
        let rate_hz =
            Decoder::new(DecodeConfig::default()).decode_file(&call).unwrap().decoded.recording.sample_rate_hz;
        let length = format!("{:.9}", (all.len() / channels) as f64 / f64::from(rate_hz));
        let edges = ["0", "0.33333", "2.0000001", "0:02.5", "7.7777777", &length];
        let mut joined = Vec::new();
        for edge in edges.windows(2) {
            let out = folder.path().join(format!("{}-{}.wav", stem(&call), edge[0].replace(':', "-")));
            cut(&call, (edge[0], edge[1]), &out, &[]);
            joined.extend(samples(&out).0);
        }
        assert_eq!(bits(&joined), bits(&all), "{}", call.display());
    }
}

#[test]
fn clip_of_a_clip_has_the_same_samples() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for call in ["address.mp3", "synthetic-threat.flac"] {
        let [first, second] = ["first", "second"].map(|name| at(&format!("{call}-{name}.wav")));
        cut(&calls().join(call), ("1", "5"), &first, &[]);
        let description = cut(&first, ("0.5", "2"), &second, &[]);
        let direct = cut(&calls().join(call), ("1.5", "3"), &at(&format!("{call}-direct.wav")), &[]);
        assert_eq!(description["clip"]["samples_sha256"], direct["clip"]["samples_sha256"], "{call}");
        assert_eq!(description["clip"]["sha256"], direct["clip"]["sha256"], "{call}: the files are equal too");
    }
}

#[test]
fn clip_is_the_same_whenever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    for sub in [&one, &two] {
        fs::create_dir(sub).unwrap();
        cut(&calls().join("reading.wav"), ("1", "2"), &sub.join("clip.wav"), &[]);
    }
    for file in ["clip.wav", "clip.json"] {
        assert_eq!(fs::read(one.join(file)).unwrap(), fs::read(two.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn clip_keeps_the_channels_of_many_speakers_apart() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tones: Vec<String> = (1..=6).map(|n| format!("0.1*{n}*sin({n}*300*t)")).collect();
    let source = format!("aevalsrc={}:s=16000:d=2:c=5.1", tones.join("|"));
    for (name, codec) in [("16.wav", "pcm_s16le"), ("24.flac", "flac"), ("float.wav", "pcm_f32le")] {
        let path = folder.path().join(name);
        let sample_format: &[&str] = if codec == "flac" { &["-sample_fmt", "s32"] } else { &[] };
        ffmpeg.encode(&source, &[&["-c:a", codec], sample_format].concat(), &path);
        let out = folder.path().join(format!("{name}-clip.wav"));
        let description = cut(&path, ("0.5", "1.5"), &out, &[]);
        assert_eq!(description["clip"]["channels"], 6);
        let theirs = &ffmpeg.decode(&path, "pcm", &[])[8_000 * 6..24_000 * 6];
        assert_eq!(bits(&samples(&out).0), bits(theirs), "{name}");
        assert_eq!(bits(&ffmpeg.decode(&out, "pcm", &[])), bits(theirs), "{name}: ffmpeg reads the clip");
        assert_eq!(bits(&whole(&out).0), bits(theirs), "{name}: decode reads the clip");
    }
}

#[test]
fn clip_of_several_tracks_and_parts_has_the_common_samples() {
    let folder = tempfile::tempdir().unwrap();
    let wav = fs::read(calls().join("reading.wav")).unwrap();
    let joined = folder.path().join("joined.wav");
    fs::write(&joined, [&wav[..], &wav].concat()).unwrap();
    let out = folder.path().join("clip.wav");
    let finished = finish(args(&joined, ("8", "9"), &out, &[]));
    let description: Value = serde_json::from_str(&finished.stdout).unwrap();
    let (all, _) = whole(&joined);
    let rate_hz = description["source"]["sample_rate_hz"].as_u64().unwrap() as usize;
    assert_eq!(bits(&samples(&out).0), bits(&all[8 * rate_hz..9 * rate_hz]));
    assert_eq!(description["source"]["samples_sha256"], hash(&all));
    let message = description["source"]["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("2 recordings"), "{message}");
    assert!(finished.stderr.contains("warning: joined.wav: the file holds 2 recordings"), "{}", finished.stderr);
}

#[test]
fn clip_of_a_damaged_recording_has_its_warnings_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.wav");
    let wav = fs::read(calls().join("reading.wav")).unwrap();
    fs::write(&path, &wav[..wav.len() / 2]).unwrap();
    let finished = finish(args(&path, ("1", "2"), &folder.path().join("clip.wav"), &[])).with_code(7);
    let description: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(description["source"]["warnings"][0]["kind"], "incomplete", "{description}");
    assert!(finished.stderr.contains("warning: cut.wav: "), "{}", finished.stderr);
}

#[test]
fn clip_of_a_recording_that_ffmpeg_decodes_has_the_decoder_in_its_description() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (amr, out) = (fixture("amr/reading.amr"), folder.path().join("amr.wav"));
    let description = cut(&amr, ("1", "2.5"), &out, &[]);
    assert!(description["source"]["external_decoder"]["version"].as_str().unwrap().starts_with("ffmpeg version "));
    assert_eq!(bits(&samples(&out).0), bits(&whole(&amr).0[8_000..20_000]));
    let (mp3, out) = (calls().join("address.mp3"), folder.path().join("mp3.wav"));
    let description = cut(&mp3, ("1", "2.5"), &out, &["--decoder", "ffmpeg"]);
    assert!(description["source"]["external_decoder"].is_object());
    // Without the CPU's extensions, as decode calls it, so that the last bits are the same.
    let theirs = ffmpeg.output(&["-cpuflags", "0", "-i", mp3.to_str().unwrap(), "-f", "f32le", "-"]);
    let theirs = testkit::f32_samples(&theirs);
    let range = &description["range"];
    let frame = |name: &str| range[name].as_u64().unwrap() as usize;
    assert_eq!(hash(&samples(&out).0), hash(&theirs[frame("first_frame")..frame("end_frame")]));
}

/// The commands of docs/custody.md.
#[test]
fn clip_is_checked_with_the_documented_commands() {
    let Some(ffmpeg) = Ffmpeg::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let exact = [("synthetic-threat.flac", "auto"), ("address.mp3", "ffmpeg"), ("audiobook.opus", "ffmpeg")];
    for (call, decoder) in exact.into_iter().chain([("two-speakers_261105_142530.m4a", "ffmpeg")]) {
        let (path, out) = (calls().join(call), folder.path().join(format!("{call}.wav")));
        let description = cut(&path, ("1", "2.5"), &out, &["--decoder", decoder]);
        let range = trimmed(&description, 0);
        let hash = |arguments: &[&str]| {
            let input = ["-cpuflags", "0", "-i", path.to_str().unwrap()];
            sha256_hex(&ffmpeg.output(&[&input, arguments, &["-f", "f32le", "-"]].concat()))
        };
        assert_eq!(description["source"]["samples_sha256"], hash(&[]), "{call}");
        assert_eq!(description["clip"]["samples_sha256"], hash(&["-af", &range]), "{call}");
    }
    let (path, out) = (calls().join("address.mp3"), folder.path().join("native.wav"));
    let description = cut(&path, ("1", "2.5"), &out, &[]);
    let peak_db = |shift| {
        let range = trimmed(&description, shift);
        let filter =
            format!("[0]{range},asetpts=N/SR/TB[a];[1]volume=-1:precision=double[b];[a][b]amix=normalize=0,astats");
        let [path, out] = [&path, &out].map(|path| path.to_str().unwrap());
        let messages = ffmpeg.messages(&["-i", path, "-i", out, "-filter_complex", &filter, "-f", "null", "-"]);
        let (_, peak) = messages.rsplit_once("Peak level dB: ").unwrap();
        peak.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    assert!(peak_db(0) < -70.0 && peak_db(1) > -50.0, "{} and {}", peak_db(0), peak_db(1));
}

/// ffmpeg's filter for the frames of a clip, shifted.
fn trimmed(description: &Value, shift: u64) -> String {
    let frame = |name: &str| description["range"][name].as_u64().unwrap() + shift;
    format!("asetpts=N/SR/TB,atrim=start_sample={}:end_sample={}", frame("first_frame"), frame("end_frame"))
}

/// Writes two hours of noise: 115 MB, 230 MB as f32. Returns the first second.
fn write_long(path: &Path) -> Vec<f32> {
    let second = testkit::Random(7).noise(8_000, 0.5);
    Wav::mono(8_000, second.repeat(7_200)).write(path);
    second
}

#[test]
fn clip_of_a_long_recording_needs_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let [path, out] = ["long.wav", "clip.wav"].map(|name| folder.path().join(name));
    let second = write_long(&path);
    let mut child = earwitness(args(&path, ("10", "7100"), &out, &[])).stdout(Stdio::null()).spawn().unwrap();
    let (status, peak) = testkit::wait_with_peak_memory(&mut child);
    assert_eq!(status.code(), Some(0));
    assert!((1..80 << 20).contains(&peak), "{} MiB", peak >> 20);
    let clip = samples(&out).0;
    assert_eq!(clip.len(), 7_090 * 8_000);
    let quantized = |sample: &f32| (sample * 32_768.0).round() / 32_768.0;
    assert_eq!(clip[..8_000], second.iter().map(quantized).collect::<Vec<_>>());
}

#[test]
fn clip_that_is_interrupted_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [path, clips] = ["long.wav", "clips"].map(|name| folder.path().join(name));
    fs::create_dir(&clips).unwrap();
    write_long(&path);
    let count = || fs::read_dir(&clips).unwrap().count();
    let args = args(&path, ("0", "7200"), &clips.join("clip.wav"), &[]);
    let child = earwitness(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the clip is written", || count() > 0);
    assert!(send_signal(child.id(), "INT"));
    let finished = Finished::of(child.wait_with_output().unwrap()).with_code(130);
    assert!(finished.stderr.contains("interrupted: nothing was written"), "{}", finished.stderr);
    assert_eq!(count(), 0);
}

/// The fixture calls with the embedded model, run once for all tests: the inputs, and the case.
struct Case {
    _folder: tempfile::TempDir,
    out: PathBuf,
}

static CASE: LazyLock<Case> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("case");
    let inputs = ["synthetic-threat.flac", "two-speakers_261105_142530.m4a"].map(|call| calls().join(call));
    run(&[&inputs[0], &inputs[1]], &out, &["--model", "embedded"]).with_code(0);
    Case { _folder: folder, out }
});

impl Case {
    fn arg(&self) -> &str {
        self.out.to_str().unwrap()
    }
}

/// Indices of words in the results of their recording.
fn indices(words: &Value) -> Vec<u64> {
    words.as_array().unwrap().iter().map(|word| word["index"].as_u64().unwrap()).collect()
}

#[test]
fn clip_has_transcript_context_and_evidence_of_its_case() {
    let folder = tempfile::tempdir().unwrap();
    let results = document(&CASE.out, "synthetic-threat");
    let item = results["forensics"]["evidence"].as_array().unwrap().iter().find(|item| item["category"] == "threat");
    let item = item.unwrap();
    let (start_s, end_s) = (item["start_s"].as_f64().unwrap(), item["end_s"].as_f64().unwrap());
    // The recording has another path and name than in the case.
    let moved = folder.path().join("exhibit.flac");
    fs::copy(calls().join("synthetic-threat.flac"), &moved).unwrap();
    let range = (&*start_s.to_string(), &*end_s.to_string());
    let clip = cut(&moved, range, &folder.path().join("clip.wav"), &["--case", CASE.arg(), "--context", "100"]);
    let (said, context) = (&clip["transcript"], &clip["context"]);
    assert_eq!((&said["recording"], &said["same_samples"]), (&json!("synthetic-threat"), &json!(true)));
    assert_eq!(said["pcm_sha256"], results["recording"]["pcm_sha256"]);
    let words: Vec<u64> = item["words"].as_array().unwrap().iter().map(|word| word.as_u64().unwrap()).collect();
    assert_eq!(indices(&said["words"]), words);
    let before = indices(&context["before"]);
    let all = [before, words, indices(&context["after"])].concat();
    assert_eq!(all, (0..results["words"].as_array().unwrap().len() as u64).collect::<Vec<_>>());
    for word in said["words"].as_array().unwrap() {
        let known = &results["words"][word["index"].as_u64().unwrap() as usize];
        for field in ["text", "start_s", "end_s", "confidence", "segment", "method"] {
            assert_eq!(word[field], known[field], "{word}");
        }
        assert_eq!(word["cut"], Value::Null);
        let relative = word["clip_start_s"].as_f64().unwrap() + start_s - word["start_s"].as_f64().unwrap();
        assert!(relative.abs() < 1e-6, "{word}");
    }
    let evidence: Vec<_> = said["evidence"].as_array().unwrap().iter().filter(|found| found["cut"].is_null()).collect();
    assert!(evidence.iter().any(|found| found["rule"] == item["rule"] && found["clip_start_s"] == 0.0), "{said}");
    assert_eq!(said["segments"][0]["cut"], "both");
    assert_eq!(said["segments"][0]["text"], results["segments"][0]["text"]);
    for (made_from, link) in said["made_from"].as_array().unwrap().iter().zip(results["provenance"].as_array().unwrap())
    {
        let output = link["output"].as_str().map_or_else(String::new, |output| format!(".{output}"));
        let artifact = format!("{}{output}", link["stage"].as_str().unwrap());
        assert_eq!((&made_from["fingerprint"], &made_from["artifact"]), (&link["fingerprint"], &Value::from(artifact)));
        assert_eq!(made_from["sha256"], link["artifact_sha256"]);
    }
    assert_eq!(said["made_from"].as_array().unwrap().len(), results["provenance"].as_array().unwrap().len());
}

#[test]
fn clip_in_the_middle_of_a_word_marks_it_as_cut() {
    let folder = tempfile::tempdir().unwrap();
    let call = calls().join("two-speakers_261105_142530.m4a");
    let results = document(&CASE.out, "two-speakers_261105_142530");
    let word = &results["words"][0];
    let middle = (word["start_s"].as_f64().unwrap() + word["end_s"].as_f64().unwrap()) / 2.0;
    let middle = format!("{middle:.3}");
    let case = ["--case", CASE.arg()];
    let left = cut(&call, ("0", &middle), &folder.path().join("left.wav"), &case);
    let right = cut(&call, (&middle, "7"), &folder.path().join("right.wav"), &case);
    let of = |clip: &Value| clip["transcript"]["words"].as_array().unwrap().iter().find(|w| w["index"] == 0).cloned();
    assert_eq!((&of(&left).unwrap()["cut"], &of(&right).unwrap()["cut"]), (&json!("end"), &json!("start")));
    assert!(!indices(&left["context"]["after"]).contains(&0) && !indices(&right["context"]["before"]).contains(&0));
    assert_eq!(left["context"]["seconds"], 10.0);
    let channels = |words: &Value| words.as_array().unwrap().iter().any(|word| word["channel"] == 1);
    assert!(channels(&right["transcript"]["words"]), "words of both channels");
}

#[test]
fn clip_without_results_states_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let call = calls().join("reading.wav");
    let reason = |clip: &Value| {
        assert_eq!((&clip["transcript"], &clip["context"]), (&Value::Null, &Value::Null));
        clip["transcript_reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(&cut(&call, ("1", "2"), &at("1.wav"), &[])), "no case was given");
    let other = cut(&call, ("1", "2"), &at("2.wav"), &["--case", CASE.arg()]);
    assert_eq!(reason(&other), "the case has no recording with this SHA-256");
    let out = at("begun");
    let stage = ["stage", "decode", call.to_str().unwrap(), "--out", out.to_str().unwrap()];
    finish(stage).with_code(0);
    let begun = cut(&call, ("1", "2"), &at("3.wav"), &["--case", out.to_str().unwrap()]);
    assert!(reason(&begun).starts_with("the case has no complete results"), "{begun}");
    let missing = finish(args(&call, ("1", "2"), &at("4.wav"), &["--case", at("none").to_str().unwrap()]));
    assert!(missing.with_code(6).stderr.contains("no store at") && !at("4.wav").exists());
}

#[test]
fn clip_of_results_that_were_altered_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let [out, clip] = ["case", "clip.wav"].map(|name| folder.path().join(name));
    let call = calls().join("reading.wav");
    run(&[&call], &out, &[]).with_code(0);
    flip_byte(&out.join("earwitness.db"), b"avg_logprob");
    let refused = finish(args(&call, ("1", "2"), &clip, &["--case", out.to_str().unwrap()])).with_code(3);
    assert!(
        refused.stderr.contains("transcribe was altered") && refused.stderr.contains("verify"),
        "{}",
        refused.stderr
    );
    assert!(!clip.exists() && !clip.with_extension("json").exists());
}

#[test]
fn clip_uses_the_case_in_the_current_folder_and_names_its_files_after_the_range() {
    let folder = tempfile::tempdir().unwrap();
    let call = folder.path().join("통화\u{1b}[2J.flac");
    fs::copy(calls().join("synthetic-threat.flac"), &call).unwrap();
    let case = folder.path().join("case");
    fs::create_dir(&case).unwrap();
    fs::copy(CASE.out.join("earwitness.db"), case.join("earwitness.db")).unwrap();
    let args = ["clip", call.to_str().unwrap(), "--from", "5.5", "--to", "0:07"];
    let finished = Finished::of(earwitness(args).current_dir(&case).output().unwrap()).with_code(0);
    let name = "통화%1B[2J_00-00-05.500-00-00-07.000";
    let text = fs::read_to_string(case.join(format!("{name}.json"))).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let printed = &finished.stdout;
    assert!(!printed.chars().any(|c| is_unprintable(c) && c != '\n'), "{}", printed.escape_debug());
    assert_eq!(description["source"]["file_name"], "통화\u{1b}[2J.flac");
    for expected in [
        &format!("{name}.wav"),
        "pcm_s16le: ",
        "frames 44000 to 56000, 12000 frames, 1.500 s",
        description["clip"]["sha256"].as_str().unwrap(),
        description["clip"]["samples_sha256"].as_str().unwrap(),
        "kill you.",
    ] {
        assert!(printed.contains(expected), "{expected} is not in {printed}");
    }
}

#[test]
fn clip_that_cannot_be_cut_says_why_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let call = at("call.wav");
    fs::copy(calls().join("reading.wav"), &call).unwrap();
    fs::write(at("text.mp3"), "text").unwrap();
    fs::write(at("taken.wav"), "theirs").unwrap();
    fs::write(at("described.json"), "theirs").unwrap();
    std::os::unix::fs::symlink(at("elsewhere"), at("link.wav")).unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    let length = whole(&call).0.len() as f64 / 8_000.0;
    let beyond = format!("{:.4}", length + 0.0002);
    let refused = |input: &str, range: (&str, &str), out: &str, code: i32| {
        finish(args(&at(input), range, &at(out), &[])).with_code(code).stderr
    };
    for (range, reason) in [
        (("2", "1"), "--from 2 is not before --to 1"),
        (("1", "1"), "--from 1 is not before --to 1"),
        (("-1", "2"), "a time in a recording is not negative"),
        (("1", "-2"), "a time in a recording is not negative"),
        (("one", "2"), "a time is expected"),
        (("1", "1:99"), "minutes and seconds after a colon are below 60"),
        (("1", "100"), &format!("is beyond the end of the recording, which is {length} s long")),
        (("1", &beyond), &format!("which is {length} s long")),
        (("2:00", "3:00"), "--from 2:00 is beyond the end"),
        (("1.00001", "1.00002"), "no frame of the recording is in the range"),
    ] {
        let printed = refused("call.wav", range, "clip.wav", 2);
        assert!(printed.contains(reason), "{range:?}: {printed}");
    }
    for (out, reason) in [
        ("taken.wav", "it exists, and a clip replaces nothing"),
        ("described.wav", "described.json: it exists"),
        ("link.wav", "it exists"),
        ("call.wav", "this is the input"),
        ("clip.flac", "the name of a clip ends in .wav"),
        ("none/clip.wav", "the folder does not exist"),
    ] {
        let printed = refused("call.wav", ("1", "2"), out, 2);
        assert!(printed.contains(reason), "{out}: {printed}");
    }
    assert!(refused("text.mp3", ("1", "2"), "clip.wav", 3).contains("text.mp3: decode: "));
    assert!(
        refused("missing.wav", ("1", "2"), "clip.wav", 3).contains("missing.wav: decode: the file cannot be opened")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
    assert_eq!(fs::read(&call).unwrap(), fs::read(calls().join("reading.wav")).unwrap());
}
