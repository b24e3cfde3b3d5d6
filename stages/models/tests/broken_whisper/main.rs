//! A model folder with one fault. A single error names the file and the fault, before any work starts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use models::whisper::quantize;
use models::{Compute, ModelSource, TranscribeConfig};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../support/model_folder.rs"]
mod model_folder;
mod support;

use crate::model_folder::edit;
use crate::support::*;

#[test]
fn folders_that_are_whole_are_accepted() {
    let directory = copy();
    assert_eq!(complaint(directory.path()), "nothing");
    let copied = resolve(directory.path()).unwrap();
    assert_eq!(copied.window_s(), 10.0);
    assert_eq!(copied.languages(), ["en", "ko"]);
    let original = resolve(Path::new(TEST_MODEL)).unwrap();
    assert_eq!(copied.sha256().unwrap(), original.sha256().unwrap());
    // Fields that older folders lack, or additional ones that they have.
    let harmless: Vec<Break> = vec![
        Box::new(|directory| fs::remove_file(directory.join("preprocessor_config.json")).unwrap()),
        set("config.json", "eos_token_id", Value::Null),
        set("config.json", "model_type", Value::Null),
        set("generation_config.json", "lang_to_id", Value::Null),
        set("generation_config.json", "no_timestamps_token_id", Value::Null),
        set("generation_config.json", "eos_token_id", json!([3748])),
        set("generation_config.json", "is_multilingual", Value::Null),
        Box::new(|directory| {
            edit_weights(directory, |tensors| {
                let embedding = tensors["model.decoder.embed_tokens.weight"].clone();
                tensors.insert("proj_out.weight".to_owned(), embedding);
            });
        }),
    ];
    for change in harmless {
        let directory = copy();
        change(directory.path());
        assert_eq!(complaint(directory.path()), "nothing");
    }
}

#[test]
fn files_that_are_missing_or_unreadable_are_refused() {
    let mut cases: Vec<(Break, &str, &str)> = Vec::new();
    for file in ["config.json", "generation_config.json", "tokenizer.json", WEIGHTS] {
        cases.push((Box::new(move |directory| fs::remove_file(directory.join(file)).unwrap()), file, "cannot be read"));
        cases.push((
            Box::new(move |directory| {
                fs::remove_file(directory.join(file)).unwrap();
                fs::create_dir(directory.join(file)).unwrap();
            }),
            file,
            "not a regular file",
        ));
        cases.push((
            Box::new(move |directory| {
                fs::remove_file(directory.join(file)).unwrap();
                symlink("/dev/zero", directory.join(file)).unwrap();
            }),
            file,
            "not a regular file",
        ));
        cases.push((write(file, Vec::new()), file, ""));
    }
    for file in ["config.json", "generation_config.json", "tokenizer.json", "preprocessor_config.json"] {
        cases.push((write(file, b"{".to_vec()), file, "EOF"));
        cases.push((write(file, "[".repeat(100_000).into_bytes()), file, ""));
        cases.push((
            Box::new(move |directory| {
                let path = directory.join(file);
                fs::remove_file(&path).unwrap();
                fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
            }),
            file,
            "at most 67108864 are expected",
        ));
    }
    assert_all_refused(cases);
}

#[test]
fn configurations_that_no_model_has_are_refused() {
    let config = |field, value, text| (set("config.json", field, value), "config.json", text);
    assert_all_refused(vec![
        config("d_model", Value::Null, "missing field `d_model`"),
        config("d_model", json!(190), "d_model is 190"),
        config("encoder_layers", json!(0), "encoder_layers is 0"),
        config("max_target_positions", json!(2), "max_target_positions is 2"),
        config("activation_function", json!("relu"), "activation_function is relu"),
        config("scale_embedding", json!(true), "scale_embedding"),
        config("model_type", json!("wav2vec2"), "model_type is wav2vec2"),
        config("median_filter_width", json!(6), "median_filter_width is 6"),
        config("median_filter_width", json!(1_000_001), "median_filter_width"),
        config("vocab_size", json!(-1), "invalid value"),
        config("eos_token_id", json!(3749), "eos_token_id is [3749], but <|endoftext|> is 3748"),
        config("decoder_start_token_id", json!(7), "decoder_start_token_id is [7]"),
    ]);
}

#[test]
fn configurations_that_the_weights_contradict_are_refused() {
    let config = |field, value, tensor| (set("config.json", field, value), WEIGHTS, tensor);
    assert_all_refused(vec![
        config("encoder_ffn_dim", json!(512), "model.encoder.layers.0.fc1.weight has the shape"),
        config("decoder_ffn_dim", json!(512), "model.decoder.layers.0.fc1.weight has the shape"),
        config("decoder_layers", json!(3), "model.decoder.layers.2.self_attn.q_proj.weight is missing"),
        config("decoder_layers", json!(1), "model.decoder.layers.1"),
        config("encoder_layers", json!(3), "model.encoder.layers.3"),
        config("encoder_layers", json!(1u64 << 62), "model.encoder.layers.4.self_attn.q_proj.weight is missing"),
        config("vocab_size", json!(9000), "model.decoder.embed_tokens.weight has the shape [4259, 256]"),
        config("vocab_size", json!(1u64 << 62), "model.decoder.embed_tokens.weight has the shape"),
        config("max_source_positions", json!(1500), "model.encoder.embed_positions.weight has the shape"),
        config("max_source_positions", json!(u64::MAX), "model.encoder.embed_positions.weight has the shape"),
        config("max_target_positions", json!(448), "model.decoder.embed_positions.weight has the shape"),
        config("num_mel_bins", json!(128), "model.encoder.conv1.weight has the shape [256, 80, 3]"),
        config("d_model", json!(320), "has the shape"),
    ]);
}

#[test]
fn files_with_a_byte_order_mark_are_refused_by_their_encoding() {
    let marked = |file, mark: &[u8], text| {
        let mut content = mark.to_vec();
        content.extend(fs::read(Path::new(TEST_MODEL).join(file)).unwrap());
        (write(file, content), file, text)
    };
    let files = ["config.json", "generation_config.json", "tokenizer.json", "preprocessor_config.json"];
    assert_all_refused(files.map(|file| marked(file, b"\xEF\xBB\xBF", "is UTF-8 with a byte order mark")).into());
    assert_all_refused(files.map(|file| marked(file, b"\xFF\xFE", "is UTF-16 with a byte order mark")).into());
}

#[test]
fn generation_settings_of_other_models_are_refused() {
    let file = "generation_config.json";
    let all = json!((0..3748).collect::<Vec<u32>>());
    let generation = |field, value, text| (set(file, field, value), file, text);
    assert_all_refused(vec![
        generation("alignment_heads", json!([[7, 0]]), "alignment_heads is (7, 0)"),
        generation("alignment_heads", json!([[0, 4]]), "alignment_heads is (0, 4)"),
        generation("alignment_heads", json!([[0]]), ""),
        generation("suppress_tokens", json!([1, 4259]), "suppress_tokens is 4259"),
        generation("suppress_tokens", json!([-1]), "invalid value"),
        generation("begin_suppress_tokens", json!([u32::MAX]), "begin_suppress_tokens is 4294967295"),
        generation("suppress_tokens", all.clone(), "suppress_tokens is a list of 3748 tokens: at most half"),
        generation("begin_suppress_tokens", all, "begin_suppress_tokens is a list of 3748 tokens: at most half"),
        generation("eos_token_id", json!(50257), "eos_token_id is [50257]"),
        generation("decoder_start_token_id", json!([1, 2]), "decoder_start_token_id is [1, 2]"),
        generation("no_timestamps_token_id", json!(50363), "no_timestamps_token_id is [50363]"),
        generation("prev_sot_token_id", json!(1), "prev_sot_token_id is [1]"),
        generation("lang_to_id", json!({"<|en|>": 3751}), "lang_to_id: <|en|> is [3751], but <|en|> is 3750"),
        generation("lang_to_id", json!({"<|fr|>": 3752}), "<|fr|> is not in"),
        generation("task_to_id", json!({"translate": 3753}), "task_to_id: translate is [3753]"),
    ]);
}

#[test]
fn preprocessors_of_other_models_are_refused() {
    let file = "preprocessor_config.json";
    let preprocessor = |field, value, text| (set(file, field, value), file, text);
    assert_all_refused(vec![
        preprocessor("feature_size", json!(128), "feature_size is 128"),
        preprocessor("sampling_rate", json!(8000), "sampling_rate is 8000"),
        preprocessor("n_fft", json!(512), "n_fft is 512"),
        preprocessor("hop_length", json!(320), "hop_length is 320"),
        preprocessor("chunk_length", json!(30), "chunk_length is 30"),
        preprocessor("n_samples", json!(480_000), "n_samples is 480000"),
        preprocessor("nb_max_frames", json!(3000), "nb_max_frames is 3000"),
        preprocessor("do_normalize", json!(true), "do_normalize is true"),
        preprocessor("feature_extractor_type", json!("Wav2Vec2FeatureExtractor"), "feature_extractor_type"),
    ]);
}

/// Changes the added tokens.
fn added(change: fn(&mut Vec<Value>)) -> Break {
    Box::new(move |directory| {
        edit(directory, "tokenizer.json", |tokenizer| change(tokenizer["added_tokens"].as_array_mut().unwrap()));
    })
}

/// Changes the text tokens.
fn vocabulary(change: fn(&mut serde_json::Map<String, Value>)) -> Break {
    Box::new(move |directory| {
        edit(directory, "tokenizer.json", |tokenizer| change(tokenizer["model"]["vocab"].as_object_mut().unwrap()));
    })
}

#[test]
fn tokenizers_of_other_models_are_refused() {
    let rename = |tokens: &mut Vec<Value>, from: &str, to: &str| {
        tokens.iter_mut().filter(|token| token["content"] == from).for_each(|token| token["content"] = json!(to));
    };
    let file = "tokenizer.json";
    let mut cases: Vec<(Break, &str, &str)> = vec![
        (
            added(|tokens| tokens.iter_mut().for_each(|token| token["id"] = json!(token["id"].as_u64().unwrap() + 1))),
            file,
            "the highest token id is 4259",
        ),
        (added(|tokens| tokens[0]["id"] = json!(u32::MAX)), file, "the highest token id is 4294967295"),
        (added(|tokens| tokens[0]["id"] = json!(1u64 << 40)), file, "invalid value"),
        (added(|tokens| tokens.truncate(10)), file, "lacks"),
        (vocabulary(|tokens| drop(tokens.remove("a"))), file, "no token represents the byte 0x61"),
        // Every text would change.
        (
            vocabulary(|tokens| tokens.values_mut().for_each(|id| *id = json!(3746 - id.as_u64().unwrap()))),
            file,
            "the ids were changed",
        ),
        (vocabulary(|tokens| drop(tokens.insert("a".to_owned(), json!(5)))), file, "have the id"),
        (
            write(file, br#"{"added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}"#.to_vec()),
            file,
            "lacks",
        ),
        (
            write(file, br#"{"version": "1.0", "model": {"type": "Unigram", "vocab": [["a", 0.0]]}}"#.to_vec()),
            file,
            "invalid type",
        ),
        // A part of the tokenizer that only prompts need.
        (
            Box::new(|directory| {
                edit(directory, "tokenizer.json", |tokenizer| tokenizer["pre_tokenizer"] = json!({"type": "Nonsense"}))
            }),
            file,
            "cannot be used as a tokenizer",
        ),
    ];
    for token in [
        "<|startoftranscript|>",
        "<|endoftext|>",
        "<|notimestamps|>",
        "<|startofprev|>",
        "<|transcribe|>",
        "<|translate|>",
    ] {
        let renamed: Break = Box::new(move |directory| {
            edit(directory, "tokenizer.json", |tokenizer| {
                rename(tokenizer["added_tokens"].as_array_mut().unwrap(), token, "<|other|>");
            });
        });
        cases.push((renamed, file, "lacks"));
    }
    assert_all_refused(cases);
}

#[test]
fn files_that_are_not_whole_safetensors_are_refused() {
    let whole = fs::read(Path::new(TEST_MODEL).join(WEIGHTS)).unwrap();
    let one = |shape: &str, offsets: &str| {
        header(&format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#))
    };
    let mut cases: Vec<(Break, &str, &str)> = Vec::new();
    for content in [
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        whole[..4].to_vec(),
        [whole.as_slice(), b"x"].concat(),
        b"PK\x03\x04 a PyTorch pickle".to_vec(),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 75108892\n".to_vec(),
        b"<!DOCTYPE html><html><body>404</body></html>".to_vec(),
        header("{}garbage"),
        header(&"[".repeat(10_000)),
        one("[1000000000000000]", "[0,4000000000000000]"),
        one("[4294967296,4294967296,4294967296]", "[0,0]"),
        one("[2]", "[8,0]"),
        one("[-2]", "[0,8]"),
        u64::MAX.to_le_bytes().to_vec(),
        (17u64 << 20).to_le_bytes().to_vec(),
    ] {
        cases.push((write(WEIGHTS, content), WEIGHTS, "not a whole safetensors file"));
    }
    cases.push((write(WEIGHTS, header("{}")), WEIGHTS, "model.encoder.conv1.weight is missing"));
    let aligner = Path::new(TEST_MODEL).with_file_name("test-ctc").join(WEIGHTS);
    cases.push((write(WEIGHTS, fs::read(aligner).unwrap()), WEIGHTS, "model.encoder.conv1.weight is missing"));
    assert_all_refused(cases);
}

#[test]
fn tensors_that_the_model_does_not_have_or_lacks_are_refused() {
    let remove = |name: &'static str| -> Break {
        Box::new(move |directory| edit_weights(directory, |tensors| drop(tensors.remove(name).unwrap())))
    };
    let add = |name: &'static str| -> Break {
        Box::new(move |directory| {
            edit_weights(directory, |tensors| {
                tensors.insert(name.to_owned(), (Dtype::F16, vec![2], vec![0; 4]));
            });
        })
    };
    let prefix: Break = Box::new(|directory| {
        edit_weights(directory, |tensors| {
            let named = std::mem::take(tensors).into_iter();
            tensors.extend(named.map(|(name, tensor)| (name.replacen("model.", "", 1), tensor)));
        });
    });
    assert_all_refused(vec![
        (remove("model.encoder.conv2.bias"), WEIGHTS, "model.encoder.conv2.bias is missing"),
        (remove("model.decoder.layers.1.encoder_attn.v_proj.bias"), WEIGHTS, "v_proj.bias is missing"),
        (remove("model.decoder.layer_norm.weight"), WEIGHTS, "model.decoder.layer_norm.weight is missing"),
        (add("model.decoder.layers.0.self_attn.k_proj.bias"), WEIGHTS, "k_proj.bias is not part of the model"),
        (add("model.encoder.layers.0.self_attn.q_proj.lora_A.weight"), WEIGHTS, "lora_A.weight is not part"),
        (add("model.decoder.embed_tokens.weight_scale"), WEIGHTS, "scales a matrix that is not in 8 bits"),
        (add("proj_out.weight"), WEIGHTS, "proj_out.weight differs from model.decoder.embed_tokens.weight"),
        (prefix, WEIGHTS, "model.encoder.conv1.weight is missing"),
    ]);
}

#[test]
fn tensors_of_other_types_and_shapes_are_refused() {
    const QUERY: &str = "model.decoder.layers.0.self_attn.q_proj.weight";
    let transposed = |(_, shape, _): &mut Stored| shape.reverse();
    let retyped = |(dtype, shape, data): &mut Stored| {
        (*dtype, shape[0]) = (Dtype::I16, shape[0]);
        assert!(!data.is_empty());
    };
    let levels = |(dtype, _, data): &mut Stored| {
        *dtype = Dtype::U8;
        data.truncate(data.len() / 2);
    };
    let doubles = |(dtype, _, data): &mut Stored| {
        *dtype = Dtype::F64;
        *data = data.repeat(4);
    };
    assert_all_refused(vec![
        (tensor("model.encoder.layers.0.fc1.weight", transposed), WEIGHTS, "fc1.weight has the shape [256, 1024]"),
        (tensor(QUERY, retyped), WEIGHTS, "q_proj.weight is stored as I16"),
        (tensor(QUERY, doubles), WEIGHTS, "q_proj.weight is stored as F64"),
        (tensor(QUERY, levels), WEIGHTS, "q_proj.weight_scale is missing"),
        (
            tensor("model.encoder.conv1.weight", levels),
            WEIGHTS,
            "conv1.weight is stored as U8: F32, F16 or BF16 is expected",
        ),
        (tensor("model.decoder.embed_positions.weight", levels), WEIGHTS, "embed_positions.weight is stored as U8"),
    ]);
}

#[test]
fn numbers_that_no_weight_can_be_are_refused() {
    const LAST: &str = "model.decoder.layers.1.final_layer_norm.bias";
    const BIG: &str = "model.decoder.embed_tokens.weight";
    fn put(stored: &mut Stored, index: usize, bits: u16) {
        stored.2[2 * index..][..2].copy_from_slice(&bits.to_le_bytes());
    }
    /// Stores the tensor as bf16, with these bits as number 9.
    fn brain(stored: &mut Stored, bits: u16) {
        stored.0 = Dtype::BF16;
        stored.2.fill(0x3C);
        put(stored, 9, bits);
    }
    /// Stores the tensor as f32, with this value as number 9.
    fn single(stored: &mut Stored, value: f32) {
        stored.0 = Dtype::F32;
        stored.2 = 0.5f32.to_le_bytes().repeat(stored.2.len() / 2);
        stored.2[36..40].copy_from_slice(&value.to_le_bytes());
    }
    assert_all_refused(vec![
        (tensor(BIG, |stored| put(stored, 700_001, 0x7E00)), WEIGHTS, "embed_tokens.weight number 700001 is NaN"),
        (tensor(BIG, |stored| put(stored, 1_090_303, 0xFC00)), WEIGHTS, "number 1090303 is -inf"),
        (tensor(LAST, |stored| put(stored, 0, 0x7C00)), WEIGHTS, "final_layer_norm.bias number 0 is inf"),
        (tensor(LAST, |stored| put(stored, 255, 0xFE01)), WEIGHTS, "number 255 is NaN"),
        (tensor(LAST, |stored| brain(stored, 0xFFC0)), WEIGHTS, "number 9 is NaN"),
        (tensor(LAST, |stored| brain(stored, 0x4790)), WEIGHTS, "number 9 is 73728"),
        (tensor(LAST, |stored| single(stored, f32::NEG_INFINITY)), WEIGHTS, "number 9 is -inf"),
        (tensor(LAST, |stored| single(stored, -1e5)), WEIGHTS, "number 9 is -100000"),
        // A download whose file was allocated at full length but never filled in.
        (tensor(BIG, |stored| stored.2.fill(0)), WEIGHTS, "embed_tokens.weight is zero throughout"),
    ]);
}

#[test]
fn folders_that_are_quantized_are_checked_as_others_are() {
    let made = tempfile::tempdir().unwrap();
    let quantized = made.path().join("int8");
    quantize(&ModelSource::Directory(TEST_MODEL.into()), &quantized).unwrap();
    assert_eq!(complaint(&quantized), "nothing");
    const SCALES: &str = "model.encoder.layers.0.fc1.weight_scale";
    let set_scale = |value: f32| -> Break {
        Box::new(move |directory| {
            edit_weights(directory, |tensors| {
                tensors.get_mut(SCALES).unwrap().2[8..12].copy_from_slice(&value.to_le_bytes());
            });
        })
    };
    let cases: Vec<(Break, &str)> = vec![
        (
            Box::new(|directory| edit_weights(directory, |tensors| drop(tensors.remove(SCALES)))),
            "weight_scale is missing",
        ),
        (set_scale(f32::NAN), "weight_scale number 2 is NaN"),
        (set_scale(-0.5), "weight_scale number 2 is -0.5: a scale cannot be negative"),
        (tensor("model.encoder.layers.0.fc1.weight", |stored| stored.2[3] = 0), "fc1.weight number 3 is -128"),
        (tensor("model.encoder.layers.0.fc1.weight", |stored| stored.2.fill(128)), "fc1.weight is zero throughout"),
        (
            tensor(SCALES, |stored| {
                stored.1[0] /= 2;
                stored.2.truncate(stored.2.len() / 2)
            }),
            "weight_scale has the shape [512]",
        ),
    ];
    for (breakage, text) in cases {
        let directory = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&quantized).unwrap() {
            let path = entry.unwrap().path();
            symlink(&path, directory.path().join(path.file_name().unwrap())).unwrap();
        }
        breakage(directory.path());
        let message = complaint(directory.path());
        assert!(message.contains(WEIGHTS) && message.contains(text), "{text}: {message}");
    }
}

#[test]
fn shards_are_found_through_their_index() {
    const INDEX: &str = "model.safetensors.index.json";
    const FIRST: &str = "model-00001-of-00002.safetensors";
    const SECOND: &str = "model-00002-of-00002.safetensors";
    let sharded = || {
        let directory = copy();
        let at = |name: &str| directory.path().join(name);
        fs::rename(at(WEIGHTS), at(FIRST)).unwrap();
        let index = json!({"weight_map": {"model.encoder.conv1.weight": FIRST}});
        fs::write(at(INDEX), index.to_string()).unwrap();
        directory
    };
    let at = |directory: &TempDir, name: &str| -> PathBuf { directory.path().join(name) };
    assert_eq!(complaint(sharded().path()), "nothing");
    let missing = sharded();
    fs::remove_file(at(&missing, FIRST)).unwrap();
    assert!(complaint(missing.path()).contains(&format!("{FIRST}: cannot be read")));
    let twice = sharded();
    symlink(at(&twice, FIRST), at(&twice, SECOND)).unwrap();
    let index = json!({"weight_map": {"a": FIRST, "b": SECOND}});
    fs::write(at(&twice, INDEX), index.to_string()).unwrap();
    assert!(complaint(twice.path()).contains("is in two files"), "{}", complaint(twice.path()));
    for (index, text) in [
        (json!({"weight_map": {}}), "weight_map is empty"),
        (json!({"weight_map": {"a": "../model.safetensors"}}), "is not the name of a file in this folder"),
        (json!({"weight_map": {"a": "/etc/passwd"}}), "is not the name of a file in this folder"),
        (json!({}), "missing field `weight_map`"),
    ] {
        let directory = sharded();
        fs::write(at(&directory, INDEX), index.to_string()).unwrap();
        let message = complaint(directory.path());
        assert!(message.contains(INDEX) && message.contains(text), "{message}");
    }
}

#[test]
fn languages_that_the_model_does_not_know_are_refused_with_the_known_ones() {
    let config = TranscribeConfig { languages: vec!["fr".into()], ..TranscribeConfig::default() };
    let error = resolve(Path::new(TEST_MODEL)).unwrap().recognizer(config, Compute::default()).unwrap_err();
    assert_eq!(error.to_string(), "test-tiny does not support the language `fr`; it supports en, ko");
}

#[test]
fn timestamps_are_refused_where_the_model_has_none() {
    let directory = copy();
    let size = 3758;
    edit(directory.path(), "config.json", |config| config["vocab_size"] = json!(size));
    edit(directory.path(), "tokenizer.json", |tokenizer| {
        tokenizer["added_tokens"].as_array_mut().unwrap().retain(|token| token["id"].as_u64().unwrap() < size);
    });
    edit_weights(directory.path(), |tensors| {
        let (_, shape, data) = tensors.get_mut("model.decoder.embed_tokens.weight").unwrap();
        shape[0] = size as usize;
        data.truncate(size as usize * shape[1] * 2);
    });
    let new = |timestamps| {
        let config = TranscribeConfig { timestamps, ..TranscribeConfig::default() };
        resolve(directory.path()).unwrap().recognizer(config, Compute::default()).map(drop)
    };
    new(false).unwrap();
    assert!(new(true).unwrap_err().to_string().contains("the model has no timestamp tokens"));
}
