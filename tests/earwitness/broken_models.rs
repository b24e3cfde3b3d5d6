//! A model that cannot be right is one error before any recording is touched.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::fixture;

use crate::support::{calls, run};

/// Offset of the first tensor in a safetensors file, and its header.
fn header(bytes: &[u8]) -> (usize, Value) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (8 + length, serde_json::from_slice(&bytes[8..8 + length]).unwrap())
}

/// A safetensors file with another header. The data remains as it is.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (data, mut header) = header(bytes);
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[data..]].concat()
}

fn edit_bytes(path: &Path, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    fs::write(path, edit(fs::read(path).unwrap())).unwrap();
}

fn edit_json(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Name of a broken model, and how a copy of the test model becomes it.
type Broken = (&'static str, fn(&Path));

/// Replaces the first number of the first tensor that is stored in 16 or 32 bits by this value of its exponent.
fn poison(folder: &Path, quiet_nan: bool) {
    edit_bytes(&folder.join("model.safetensors"), |mut bytes| {
        let (data, header) = header(&bytes);
        let tensors = header.as_object().unwrap();
        let is_float = |tensor: &&Value| matches!(tensor["dtype"].as_str(), Some("F16" | "BF16" | "F32"));
        let tensor = tensors.values().find(is_float).unwrap();
        let at = data + tensor["data_offsets"][0].as_u64().unwrap() as usize;
        let (infinity, nan): (&[u8], &[u8]) = match tensor["dtype"].as_str().unwrap() {
            "F16" => (&[0x00, 0x7c], &[0x01, 0x7e]),
            "BF16" => (&[0x80, 0x7f], &[0xc1, 0x7f]),
            _ => (&[0, 0, 0x80, 0x7f], &[0, 0, 0xc0, 0x7f]),
        };
        let value = if quiet_nan { nan } else { infinity };
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    });
}

const BROKEN: [Broken; 14] = [
    ("weights are cut off", |folder| {
        edit_bytes(&folder.join("model.safetensors"), |bytes| bytes[..bytes.len() / 2].to_vec());
    }),
    ("weights are empty", |folder| fs::write(folder.join("model.safetensors"), b"").unwrap()),
    ("weights are a folder", |folder| {
        fs::remove_file(folder.join("model.safetensors")).unwrap();
        fs::create_dir(folder.join("model.safetensors")).unwrap();
    }),
    ("a weight is NaN", |folder| poison(folder, true)),
    ("a weight is infinite", |folder| poison(folder, false)),
    ("a tensor has another type", |folder| {
        edit_bytes(&folder.join("model.safetensors"), |bytes| {
            with_header(&bytes, |header| {
                let tensors = header.as_object_mut().unwrap();
                let tensor = tensors.values_mut().find(|tensor| tensor["dtype"] == "F16" || tensor["dtype"] == "F32");
                let tensor = tensor.unwrap();
                let other = if tensor["dtype"] == "F16" { "I16" } else { "I32" };
                tensor["dtype"] = json!(other);
            })
        });
    }),
    ("a tensor has another shape", |folder| {
        edit_bytes(&folder.join("model.safetensors"), |bytes| {
            with_header(&bytes, |header| {
                let shape = header["model.encoder.layer_norm.weight"]["shape"].as_array_mut().unwrap();
                shape.push(json!(1));
            })
        });
    }),
    ("a tensor is missing", |folder| {
        edit_bytes(&folder.join("model.safetensors"), |bytes| {
            with_header(&bytes, |header| {
                let tensors = header.as_object_mut().unwrap();
                let tensor = tensors.remove("model.encoder.layer_norm.weight").unwrap();
                tensors.insert("model.encoder.another.weight".to_owned(), tensor);
            })
        });
    }),
    ("the configuration is that of a larger model", |folder| {
        edit_json(&folder.join("config.json"), |config| config["d_model"] = json!(512));
    }),
    ("the vocabulary has another size", |folder| {
        edit_json(&folder.join("config.json"), |config| config["vocab_size"] = json!(51_865));
    }),
    ("the configuration is empty", |folder| fs::write(folder.join("config.json"), b"").unwrap()),
    ("the tokenizer is that of another model", |folder| {
        fs::copy(fixture("models/whisper-base/tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    }),
    ("the tokenizer lacks a special token", |folder| {
        edit_json(&folder.join("tokenizer.json"), |tokenizer| {
            let added = tokenizer["added_tokens"].as_array_mut().unwrap();
            added.retain(|token| token["content"] != "<|startoftranscript|>");
        });
    }),
    ("the tokenizer is empty", |folder| fs::write(folder.join("tokenizer.json"), b"").unwrap()),
];

#[test]
fn model_that_is_broken_is_one_error_before_any_recording_is_touched() {
    for (name, break_it) in BROKEN {
        let folder = tempfile::tempdir().unwrap();
        let (model, out) = (folder.path().join("model"), folder.path().join("out"));
        fs::create_dir(&model).unwrap();
        for entry in fs::read_dir(fixture("models/test-tiny")).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
        }
        break_it(&model);
        let finished = run(&[&calls()], &out, &["--model", model.to_str().unwrap()]);
        assert_eq!(finished.code, Some(2), "{name}: {}{}", finished.stdout, finished.stderr);
        let errors: Vec<&str> = finished.stderr.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!(errors.len(), 1, "{name}: {}", finished.stderr);
        assert!(finished.stderr.contains(model.to_str().unwrap()), "{name} names the model: {}", finished.stderr);
        assert!(!finished.stderr.contains("panicked"), "{name}: {}", finished.stderr);
        let results = fs::read_dir(&out).into_iter().flatten().flatten();
        let results: Vec<_> =
            results.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        assert_eq!(results, Vec::<std::path::PathBuf>::new(), "{name}");
    }
}
