//! The scripts of languages, by Unicode's script property.

use std::collections::BTreeSet;

use unicode_script::{Script, UnicodeScript};

/// Maximum number of letters in a reason.
const NAMED: usize = 5;

/// The first few distinct letters of a text whose script its language does not use. Latin letters, digits and marks are
/// allowed in every language. Empty for a language without known scripts.
pub(super) fn foreign_letters(text: &str, language: &str) -> String {
    let own = scripts(language);
    let is_foreign = |letter: &char| {
        let script = letter.script();
        let is_common = matches!(script, Script::Common | Script::Inherited | Script::Latin | Script::Unknown);
        !is_common && !own.contains(&script)
    };
    let mut seen = BTreeSet::new();
    text.chars().filter(is_foreign).filter(|letter| seen.insert(*letter)).take(NAMED).collect()
}

/// The scripts of a Whisper language, in addition to Latin.
fn scripts(language: &str) -> &'static [Script] {
    match language {
        "ko" => &[Script::Hangul],
        "ja" => &[Script::Hiragana, Script::Katakana, Script::Han],
        "zh" | "yue" => &[Script::Han, Script::Bopomofo],
        "ru" | "uk" | "be" | "bg" | "mk" | "kk" | "mn" | "tg" | "tt" | "ba" | "sr" | "bs" | "uz" | "az" | "tk" => {
            &[Script::Cyrillic]
        }
        "el" => &[Script::Greek],
        "he" | "yi" => &[Script::Hebrew],
        "ar" | "fa" | "ur" | "ps" | "sd" => &[Script::Arabic],
        "pa" => &[Script::Gurmukhi, Script::Arabic],
        "hi" | "mr" | "ne" | "sa" => &[Script::Devanagari],
        "bn" | "as" => &[Script::Bengali],
        "gu" => &[Script::Gujarati],
        "ta" => &[Script::Tamil],
        "te" => &[Script::Telugu],
        "kn" => &[Script::Kannada],
        "ml" => &[Script::Malayalam],
        "si" => &[Script::Sinhala],
        "th" => &[Script::Thai],
        "lo" => &[Script::Lao],
        "my" => &[Script::Myanmar],
        "km" => &[Script::Khmer],
        "bo" => &[Script::Tibetan],
        "ka" => &[Script::Georgian],
        "hy" => &[Script::Armenian],
        "am" => &[Script::Ethiopic],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_foreign_if_of_another_script() {
        for (text, language, foreign) in [
            ("네, AI 센터 3층 A/S요 ㅋㅋ.", "ko", ""),
            ("안녕 これは これ", "ko", "これは"),
            ("네 知道", "ko", "知道"),
            ("Привет, Anna", "ru", ""),
            ("Hello, Привет", "en", "Привет"),
            ("カタカナと漢字とABC", "ja", ""),
            ("£5 – naïve café … ♪", "en", ""),
        ] {
            let found = foreign_letters(text, language);
            assert!(foreign.starts_with(&found) && found.is_empty() == foreign.is_empty(), "{text}: {found}");
        }
    }
}
