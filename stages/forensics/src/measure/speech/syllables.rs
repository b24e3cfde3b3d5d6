//! Counts the syllables of a word by its spelling.
//!
//! Korean: one per Hangul syllable block, which is exact because of how the script works. English: vowel groups without
//! the silent endings -e, -es and -ed, at least one. Such rules are wrong by a syllable for some words, in either
//! direction. Digits count as if they were read one by one.

/// Number of syllables of a word; 0 for a word without letters and digits.
pub(super) fn syllables(word: &str) -> u64 {
    let word = word.to_lowercase();
    let hangul = word.chars().filter(|c| ('가'..='힣').contains(c)).count() as u64;
    let korean = hangul > 0;
    let digits: u64 = word.chars().filter_map(|c| c.to_digit(10)).map(|digit| digit_syllables(digit, korean)).sum();
    let latin: u64 = word
        .split(|c: char| !(c.is_alphabetic() && !('가'..='힣').contains(&c) || c == '\''))
        .filter(|part| part.chars().any(char::is_alphabetic))
        .map(latin_syllables)
        .sum();
    hangul + digits + latin
}

/// Korean digits (일, 이, 삼, 공) have one syllable each; zero and seven have two in English.
const fn digit_syllables(digit: u32, korean: bool) -> u64 {
    if !korean && matches!(digit, 0 | 7) { 2 } else { 1 }
}

fn latin_syllables(word: &str) -> u64 {
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let vowel = |i: usize| is_vowel(letters[i]) || letters[i] == 'y' && i > 0;
    let groups = (0..letters.len()).filter(|&i| vowel(i) && (i == 0 || !vowel(i - 1))).count() as u64;
    let silent = u64::from(has_silent_ending(&letters));
    let syllabic_nt = u64::from(
        ["didn't", "couldn't", "wouldn't", "shouldn't", "doesn't", "isn't", "wasn't", "hasn't", "hadn't"]
            .contains(&word),
    );
    (groups - silent.min(groups.saturating_sub(1)) + syllabic_nt).max(1)
}

/// -e, -es and -ed are silent after a consonant, except -le (`table`), -es after a sibilant (`roses`) and -ed after t
/// or d (`wanted`).
fn has_silent_ending(letters: &[char]) -> bool {
    match letters {
        [.., b, 'l', 'e'] | [.., b, 'l', 'e', 's'] if !is_vowel(*b) => false,
        [.., c, 'e'] => !is_vowel(*c),
        [.., c, 'e', 's'] => !is_vowel(*c) && !matches!(c, 's' | 'z' | 'x' | 'c' | 'g' | 'h'),
        [.., c, 'e', 'd'] => !is_vowel(*c) && !matches!(c, 't' | 'd'),
        _ => false,
    }
}

const fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'à' | 'â' | 'é' | 'è' | 'ê' | 'ï' | 'ö' | 'ü')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hangul_counts_blocks() {
        assert_eq!(syllables("안녕하세요?"), 5);
        assert_eq!(syllables("경찰에"), 3);
        assert_eq!(syllables("7시"), 2);
    }

    #[test]
    fn english_counts_vowel_groups_without_silent_endings() {
        let words = [
            ("hello", 2),
            ("phone", 1),
            ("table", 2),
            ("called", 1),
            ("wanted", 2),
            ("roses", 2),
            ("times", 1),
            ("the", 1),
            ("money", 2),
            ("you", 1),
            ("believe", 2),
            ("never", 2),
            ("i'll", 1),
            ("don't", 1),
            ("didn't", 2),
            ("happened", 2),
            ("police", 2),
            ("nobody", 3),
            ("yes", 1),
            ("tomorrow", 3),
        ];
        for (word, count) in words {
            assert_eq!(syllables(word), count, "{word}");
        }
    }

    #[test]
    fn digits_are_read_one_by_one_and_marks_have_no_syllable() {
        assert_eq!(syllables("7"), 2);
        assert_eq!(syllables("911"), 3);
        assert_eq!(syllables("--"), 0);
        assert_eq!(syllables("well-known"), 2);
    }
}
