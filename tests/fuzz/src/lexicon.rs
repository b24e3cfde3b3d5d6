//! Lexicon files: any text is a usable lexicon or an error that names the file.

use forensics::{Forensics, ForensicsConfig, LexiconSource};

/// The built-in lexicons, whole and in parts that are parsed fast.
#[must_use]
pub fn corpus() -> Vec<Vec<u8>> {
    let files: Vec<String> = forensics::built_in().map(|source| source.text).collect();
    let parts = files.iter().filter_map(|text| text.split_once("[[rule]]")).flat_map(|(head, rules)| {
        let rules: Vec<_> = rules.split("[[rule]]").collect();
        rules.chunks(6).map(|rules| format!("{head}[[rule]]{}", rules.join("[[rule]]"))).collect::<Vec<_>>()
    });
    parts.chain(files.iter().cloned()).map(String::into_bytes).collect()
}

/// Loads a lexicon with these bytes.
///
/// # Panics
/// If an error does not name the file.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let lexicon = LexiconSource { name: "fuzz.toml".to_owned(), text };
    if let Err(error) = Forensics::new(ForensicsConfig::default(), &[lexicon]) {
        assert!(error.to_string().contains("fuzz.toml"), "{error}");
    }
}
