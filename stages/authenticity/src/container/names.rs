//! Programs and formats that the recorder which the file's name claims does not use.

use super::{NameClaims, Statements};

/// Programs that convert or edit, by what their names contain in tags (lower case).
const CONVERTERS: [(&str, &str); 12] = [
    ("lavf", "FFmpeg"),
    ("lavc", "FFmpeg"),
    ("lame", "LAME"),
    ("itunes", "iTunes"),
    ("audacity", "Audacity"),
    ("audition", "Adobe Audition"),
    ("goldwave", "GoldWave"),
    ("handbrake", "HandBrake"),
    ("nero", "Nero"),
    ("fdk", "an encoder that uses the Fraunhofer library"),
    ("quicktime", "QuickTime"),
    ("mp3directcut", "mp3DirectCut"),
];
/// Tags that name the program that wrote a file, in lower case: common names, and those of MP4, ID3, RIFF and broadcast
/// wave files.
const ENCODER_TAGS: [&str; 12] = [
    "encoder",
    "encoded_by",
    "encodedby",
    "tool",
    "software",
    "vendor",
    "\u{a9}too",
    "\u{a9}swr",
    "tsse",
    "tenc",
    "isft",
    "originator",
];

/// A recorder: how its names begin (lower case), and the containers that it writes.
struct Recorder {
    name: &'static str,
    starts: &'static [&'static str],
    containers: &'static [&'static str],
}

const RECORDERS: [Recorder; 2] = [
    Recorder {
        name: "Samsung's recorder", starts: &["통화 녹음 ", "call recording "], containers: &["isomp4", "amr"]
    },
    Recorder { name: "Xiaomi's recorder", starts: &["callrecord_"], containers: &["mpeg", "mp3"] },
];

pub(super) fn disagreements(file: &Statements<'_>, name: &NameClaims<'_>) -> Vec<String> {
    let lower = name.file_name.to_lowercase();
    let recorder = RECORDERS.iter().find(|recorder| recorder.starts.iter().any(|start| lower.starts_with(start)));
    let mut found = Vec::new();
    for (source, encoder) in encoders(file) {
        let known = CONVERTERS.iter().find(|(part, _)| encoder.to_lowercase().contains(part));
        let Some((_, program)) = known else { continue };
        found.push(match recorder {
            Some(recorder) => {
                let claimed = recorder.name;
                format!("{source} names {program} ({encoder}), and the file name is that of {claimed}")
            }
            None => format!("{source} names {program} ({encoder}), which phones do not record with"),
        });
    }
    if let Some(recorder) = recorder
        && !recorder.containers.contains(&file.container)
    {
        let (claimed, container) = (recorder.name, file.container);
        found
            .push(format!("the container is {container}, and the file name is that of {claimed}, which writes others"));
    }
    found
}

/// Where a program is named, and its name.
fn encoders<'a>(file: &Statements<'a>) -> Vec<(String, &'a str)> {
    let is_encoder = |tag: &str| ENCODER_TAGS.contains(&tag.to_lowercase().as_str());
    let tags = file.tags.iter().filter(|(tag, _)| is_encoder(tag));
    let mut encoders: Vec<(String, &'a str)> =
        tags.map(|(tag, value)| (format!("the tag {tag}"), value.as_str())).collect();
    let header = file.facts.mp3_header.as_ref().and_then(|header| header.encoder.as_deref());
    encoders.extend(header.map(|encoder| ("the header of the first frame".to_owned(), encoder)));
    encoders
}
