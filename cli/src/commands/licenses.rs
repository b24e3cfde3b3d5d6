//! `licenses`: the notices of everything that the program contains: its own code, models, data, and code of others.

use std::fmt;

use crate::error::Error;
use crate::exit::Exit;

/// A text file of the repository.
macro_rules! repository {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../", $path))
    };
}

/// The license texts of the crates that are linked into the program. `.ci/licenses` writes the file and checks that it
/// matches Cargo.lock.
const CODE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/licenses/code.txt"));

/// The notice of one part of the program.
struct Notice {
    part: &'static str,
    license: &'static str,
    source: &'static str,
    text: &'static str,
}

const PROGRAM: &[Notice] = &[
    Notice {
        part: "Earwitness, with its lexicons",
        license: "MIT OR Apache-2.0",
        source: "this project",
        text: repository!("LICENSE-MIT"),
    },
    Notice {
        part: "Earwitness",
        license: "MIT OR Apache-2.0",
        source: "this project",
        text: repository!("LICENSE-APACHE"),
    },
];

const WHISPER: Notice = Notice {
    part: "Whisper base, the embedded speech model: weights in int8, tokenizer, vocabulary",
    license: "MIT",
    source: "github.com/openai/whisper, in the conversion huggingface.co/Systran/faster-whisper-base; quantized for this project",
    text: repository!("fixtures/models/whisper-base/LICENSE"),
};

const MODELS: &[Notice] = &[
    Notice {
        part: "Silero VAD, the embedded voice activity detector: weights",
        license: "MIT",
        source: "github.com/snakers4/silero-vad",
        text: repository!("fixtures/models/vad/LICENSE"),
    },
    Notice {
        part: "The speaker encoder of Resemblyzer: weights, converted to safetensors",
        license: "Apache-2.0",
        source: "github.com/resemble-ai/Resemblyzer",
        text: repository!("fixtures/models/speaker-encoder/LICENSE"),
    },
    Notice {
        part: "The projection of the speaker encoder: weights",
        license: "CC-BY-SA-4.0, https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        source: "fitted for this project: fixtures/models/speaker-encoder/README.md",
        text: "\
The weights are statistics of Asterisk's prompts in English and Spanish (recorded by Allison Smith), French (June Wallack,
Armelle Desjardins), Italian (Carlo Flora, Paola Menardi; CC BY-SA 3.0) and Russian (ivrvoice.ru, CC BY 3.0), and of speech of
flite, espeak-ng and Festival. They are licensed under CC BY-SA 4.0.",
    },
    Notice {
        part: "The detector of overlap and speaker changes: weights",
        license: "CC-BY-SA-4.0, https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        source: "trained for this project: fixtures/models/speaker-change/README.md",
        text: "\
The weights are derived from Asterisk's prompts in English and Spanish (recorded by Allison Smith), French (June Wallack,
Armelle Desjardins), Italian (Carlo Flora, Marco Menardi, Paola Dal Zot; CC BY-SA 3.0) and Russian (ivrvoice.ru, CC BY 3.0), the
Free Spoken Digit Dataset (Zohar Jackson et al., CC BY-SA 4.0), and speech of flite, Festival and espeak-ng, all changed by
joining, filtering and mixing. The weights are licensed under CC BY-SA 4.0.",
    },
    Notice {
        part: "The phone head of the embedded speech model: weights",
        license: "CC-BY-SA-4.0, https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        source: "trained for this project: fixtures/models/phone-head/README.md",
        text: "\
The weights are derived from the Free Spoken Digit Dataset (Zohar Jackson et al., CC BY-SA 4.0), Asterisk's prompts in
English and Spanish (recorded by Allison Smith), French (June Wallack), Italian (Carlo Flora; all CC BY-SA 3.0) and Russian
(ivrvoice.ru, CC BY 3.0), and a sample of Azure's speech SDK (Microsoft Corporation, MIT), all changed by joining, filtering and
mixing. The weights are licensed under CC BY-SA 4.0.",
    },
];

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, license, source, text } = self;
        write!(f, "{}\n{part} ({license})\n{source}\n\n{}\n\n", "=".repeat(100), text.trim())
    }
}

/// Prints all notices.
pub(crate) fn licenses() -> Result<Exit, Error> {
    print!("{}", text());
    Ok(Exit::Done)
}

fn text() -> String {
    let whisper = cfg!(feature = "embedded-model").then_some(&WHISPER);
    let mut text = String::from("This program\n\n");
    text.extend(PROGRAM.iter().map(Notice::to_string));
    text.push_str("Models\n\n");
    text.extend(whisper.into_iter().chain(MODELS).map(Notice::to_string));
    text.push_str("Code of others\n\n");
    text.push_str(CODE);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_name_the_authors_of_models_and_code() {
        let text = text();
        let authors = [
            "The Earwitness authors",
            "Silero Team",
            "Resemblyzer",
            "Zohar Jackson",
            "Allison Smith",
            "The Rust Project",
        ];
        for author in authors.into_iter().chain(cfg!(feature = "embedded-model").then_some("OpenAI")) {
            assert!(text.contains(author), "{author} is missing");
        }
    }

    /// `.ci/licenses` compares the file with the dependencies; this only finds a file that is empty or cut off.
    #[test]
    fn licenses_contain_the_texts_of_all_families() {
        let families = ["Permission is hereby granted, free of charge", "Apache License", "Mozilla Public License"];
        for family in families.into_iter().chain(["UNICODE LICENSE V3", "Redistribution and use in source and binary"])
        {
            assert!(CODE.contains(family), "{family} is missing");
        }
        for (first, last) in [("ahash", "zlib"), ("symphonia", "SQLite")] {
            assert!(CODE.contains(&format!("\n{first}")) && CODE.contains(&format!("\n{last}")), "{first}, {last}");
        }
    }
}
