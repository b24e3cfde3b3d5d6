//! Hangul syllables and their letters.

/// Compatibility letters of syllables, in the order of Unicode: initials, vowels, finals.
pub(crate) const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
pub(crate) const VOWELS: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
pub(crate) const FINALS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// Whether a character is a syllable.
pub(crate) fn is_syllable(character: char) -> bool {
    ('가'..='힣').contains(&character)
}
