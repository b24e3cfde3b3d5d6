//! Lexicon files: any text is a usable lexicon or an error that names the file.

use forensics::{Forensics, ForensicsConfig, LexiconSource};
use testkit::root;

/// The built-in lexicons, whole and in parts that are parsed fast.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn corpus() -> Vec<Vec<u8>> {
    let read = |name: &str| std::fs::read_to_string(root().join("stages/forensics/lexicons").join(name)).unwrap();
    let files = ["en.toml", "ko.toml"].map(read);
    let parts = files.iter().flat_map(|text| {
        let (head, rules) = text.split_once("[[rule]]").unwrap();
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
