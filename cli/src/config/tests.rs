use std::fs;

use serde_json::{Value, json};
use stage_core::{DeviceId, Fingerprint};

use super::*;
use crate::pipeline;

/// A configuration that uses the small test models.
fn with_test_models() -> Config {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/models");
    let mut config = Config::default();
    config.models.speech = format!("{models}/test-tiny");
    config.models.aligner = format!("{models}/test-ctc");
    config
}

fn fingerprints(config: &Config) -> Result<Vec<Fingerprint>, String> {
    let (_, stages) = pipeline::build(config, &DeviceId::Cpu(0), None, false).map_err(|error| error.report())?;
    let recipe = crate::stages::recipe(&stages, None).map_err(|error| error.to_string())?;
    Ok(recipe.keys("00").into_iter().map(|key| key.fingerprint()).collect())
}

/// All paths to values that are not tables.
fn leaves(value: &Value, path: &[String], found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(name, value)| leaves(value, &[path, std::slice::from_ref(name)].concat(), found));
        }
        _ => found.push(path.to_vec()),
    }
}

/// Other values of a setting, of which one is valid.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(on) => vec![json!(!on)],
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            let near = [number * 0.9, number * 1.1, number + 0.1].map(|number| json!(number));
            [&near[..], &[json!(number as i64 + 1), json!(number as i64 - 1)]].concat()
        }
        Value::Null => vec![json!(5), json!("text")],
        Value::String(_) => vec![json!("translate"), json!("energy")],
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let mut changed = items.clone();
            changed[0]["weight"] = json!(1.5);
            vec![json!(changed)]
        }
        Value::Array(items) => {
            let fewer = items.get(1..).map_or_else(Vec::new, <[Value]>::to_vec);
            vec![json!(fewer), json!(["en"]), json!([7])]
        }
        Value::Object(_) => vec![],
    }
}

fn with_aligner(config: &Config, aligner: &str) -> Config {
    let mut config = config.clone();
    config.models.aligner = aligner.to_owned();
    config
}

#[test]
fn config_every_setting_of_a_stage_changes_a_fingerprint() {
    let base = with_test_models();
    let before = fingerprints(&base).unwrap();
    let settings = json!(base);
    let mut paths = Vec::new();
    for section in ["segment", "transcribe", "align", "forensics"] {
        leaves(&settings[section], &[section.to_owned()], &mut paths);
    }
    assert!(paths.len() > 50, "{}", paths.len());
    for path in paths {
        let pointer = format!("/{}", path.join("/"));
        // Each aligner reads its own settings.
        let by_phones = pointer == "/align/phone_search_s";
        let settings = if by_phones { json!(with_aligner(&base, "phones")) } else { settings.clone() };
        let before = if by_phones { fingerprints(&with_aligner(&base, "phones")).unwrap() } else { before.clone() };
        let value = settings.pointer(&pointer).unwrap();
        let changed = others(value).into_iter().filter(|other| other != value).find_map(|other| {
            let mut changed = settings.clone();
            *changed.pointer_mut(&pointer).unwrap() = other;
            fingerprints(&serde_json::from_value(changed).ok()?).ok()
        });
        let changed = changed.unwrap_or_else(|| panic!("{pointer}: no other valid value"));
        assert_ne!(changed, before, "{pointer} is not part of any fingerprint");
    }
}

#[test]
fn config_outside_the_stages_changes_no_fingerprint() {
    let base = with_test_models();
    let text = "[run]\ndevices = 'cpu:2'\nworkers_per_device = 2\nformats = ['srt']\n[devices]\npoll_ms = 500\n\
                [timing]\ngrace_ms = 1\n[limits]\nworker_batch_size = 1\ndevice_batch_size = 3\nsamples_memory_mib = 1\n\
                spill_folder = '/tmp'\ntask_s = 1\ntask_per_audio_s = 1\nworker_memory_mib = 500\n\
                [decode]\ndecoder = 'native'\nffmpeg = '/opt/ffmpeg'\n[[priority]]\npriority = 3\n";
    let changed = Config { models: base.models.clone(), ..text.parse().unwrap() };
    assert_ne!(changed.limits, base.limits);
    assert_eq!(fingerprints(&changed).unwrap(), fingerprints(&base).unwrap());
}

#[test]
fn config_of_decode_changes_a_fingerprint_only_if_it_changes_the_samples() {
    let with = |settings: &str| {
        let text = format!("[decode]\n{settings}");
        fingerprints(&Config { models: with_test_models().models, ..text.parse().unwrap() }).unwrap()
    };
    let base = with("");
    for same in ["decoder = 'auto'", "decoder = 'native'", "limits.max_channels = 9", "limits.max_channel_hours = 9"] {
        assert_eq!(with(same), base, "{same}");
    }
    for other in ["decoder = 'ffmpeg'", "limits.max_gap_s = 9"] {
        assert_ne!(with(other), base, "{other}");
    }
    assert!("[decode]\ndecoder = 'other'".parse::<Config>().is_err());
}

#[test]
fn config_template_lists_every_setting_and_is_valid_with_its_examples() {
    let template = config_template();
    assert_eq!(template.parse::<Config>().unwrap(), Config::default());
    let is_setting = |line: &&str| line.starts_with("# ") && (line.contains(" = ") || line.starts_with("#     {"));
    let set: String = template
        .lines()
        .filter(|line| line.starts_with('[') || is_setting(line) || *line == "# ]")
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    let used: Config = set.parse().unwrap_or_else(|error| panic!("{error}\n{set}"));
    assert_eq!((used.run.num_gpus, used.priority.len()), (Some(2), 2));
    let (mut names, settings) = (Vec::new(), json!(Config::default()));
    leaves(&settings, &[], &mut names);
    for path in names {
        let name = path.last().unwrap();
        assert!(template.contains(&format!("\n# {name} = ")), "{path:?} is not in the template");
    }
}

#[test]
fn config_effective_names_the_origin_of_each_value() {
    let file: Config = "[transcribe]\nbeam_size = 3\ntask = 'translate'\n[segment]\ncrosstalk = false".parse().unwrap();
    let mut used = file.clone();
    used.transcribe.beam_size = 1;
    let text = effective(&used, &file, "earwitness.toml");
    let origin = |setting: &str| text.lines().find(|line| line.starts_with(setting)).unwrap().rsplit("# ").next();
    assert_eq!(origin("beam_size = 1"), Some("command line"));
    assert_eq!(origin("task = \"translate\""), Some("earwitness.toml"));
    assert_eq!(origin("crosstalk = false"), Some("earwitness.toml"));
    assert_eq!(origin("length_penalty = 1.0"), Some("default"));
    assert_eq!(text.parse::<Config>().unwrap(), used);
}

#[test]
fn config_paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("models/whisper")).unwrap();
    let path = folder.path().join("case.toml");
    let text = "lexicons = ['mine.toml']\n[models]\nspeech = 'models/whisper'\naligner = 'some/hub-id'\n\
                [segment]\nvad = 'silero:vad.safetensors'\n[limits]\nspill_folder = '/var/tmp'\n";
    fs::write(&path, text).unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.lexicons, [folder.path().join("mine.toml")]);
    assert_eq!(config.models.speech, folder.path().join("models/whisper").to_string_lossy());
    assert_eq!(config.models.aligner, "some/hub-id");
    assert_eq!(config.segment.vad, VadChoice::SileroAt(folder.path().join("vad.safetensors")));
    assert_eq!(config.limits.spill_folder.as_deref(), Some(Path::new("/var/tmp")));
}

#[test]
fn config_errors_name_the_file_and_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.toml");
    for (text, named) in [
        ("[segment]\nvad = 'loud'", "line 2"),
        ("[segment]\ncrosstalk = true", "false, is expected"),
        ("[segment.crosstalk]\ncorr = 2", "unknown field `corr`"),
        ("[align]\nsearch_s = nan", "align.search_s is NaN"),
        ("[[priority]]\nlonger_than_s = -inf\npriority = 1", "priority.longer_than_s is -inf"),
        ("[limits]\ndevice_batch_size = 999999999", "device_batch_size is 999999999: at most 100000"),
        ("[limits]\nspill_folder = 'no-such-folder'", "no-such-folder is not a folder"),
        ("[transcribe]\nbeam = 2", "unknown field `beam`"),
        ("[run]\nworkers_per_device = 0", "line 2"),
        ("[models]\nprecision = 'f12'", "f12"),
        ("[devices]\npoll_ms = 1", "poll_ms"),
        ("[timing]\nheartbeat_ms = 1", "heartbeat_ms"),
        ("[[priority]]\npath = '***'\npriority = 1", "***"),
        ("[[priority]]\npath = '*'", "priority"),
        ("languages", "line 1"),
    ] {
        fs::write(&path, text).unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&*path.to_string_lossy()) && error.contains(named), "{text}: {error}");
    }
    let error = Config::read(&folder.path().join("none.toml")).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
}

#[test]
fn priority_is_that_of_the_first_matching_rule_or_the_default() {
    let text = "[[priority]]\npath = '*/mother/*'\nlonger_than_s = 60\npriority = 9\n\
                [[priority]]\nshorter_than_s = 10\npriority = -3\n[run]\ndefault_priority = 1\n";
    let config: Config = text.parse().unwrap();
    let rules = Priorities::new(&config).unwrap();
    let of = |path: &str, audio_s| rules.of(Path::new(path), audio_s);
    assert_eq!(of("/calls/mother/a.wav", 61.0), 9);
    assert_eq!(of("/calls/mother/a.wav", 9.0), -3);
    assert_eq!(of("/calls/bank/a.wav", 61.0), 1);
}
