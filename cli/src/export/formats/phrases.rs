//! Where a line of subtitles may break, and how wide text is.

/// Units of width in a line: 42 Latin characters or 20 Hangul syllables.
pub(super) const LINE_WIDTH: usize = 420;

/// The width of a character that is as wide as high, such as a Hangul syllable.
const WIDE: usize = 21;
const NARROW: usize = 10;

/// The width of a text: 10 units per Latin character, 21 per Hangul syllable or other wide character.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { WIDE } else { NARROW }).sum()
}

fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11FF | 0x2E80..=0xA4CF | 0xA960..=0xA97F | 0xAC00..=0xD7FF | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD)
}

/// Endings of Korean words after which a clause ends.
const CLAUSE_ENDINGS: [&str; 24] = [
    "는데",
    "은데",
    "인데",
    "지만",
    "니까",
    "어서",
    "아서",
    "해서",
    "면서",
    "으면",
    "다면",
    "라면",
    "려고",
    "으러",
    "거든",
    "더니",
    "다가",
    "는지",
    "든지",
    "도록",
    "고서",
    "거나",
    "므로",
    "자마자",
];
/// Endings of Korean sentences.
const SENTENCE_ENDINGS: [&str; 12] = ["다", "요", "죠", "까", "네", "지", "야", "어", "래", "게", "자", "니"];
/// Particles of Korean, after which a phrase ends.
const PARTICLES: [&str; 24] = [
    "은", "는", "이", "가", "을", "를", "에", "에서", "에게", "한테", "으로", "로", "와", "과", "랑", "하고", "도",
    "만", "까지", "부터", "보다", "처럼", "마다", "의",
];
/// Words of English that begin a clause, and words that begin a phrase.
const CLAUSE_WORDS: [&str; 18] = [
    "and", "but", "or", "so", "because", "if", "when", "while", "that", "which", "who", "where", "until", "unless",
    "although", "before", "after", "then",
];
const PHRASE_WORDS: [&str; 18] = [
    "to", "in", "on", "at", "of", "for", "with", "from", "by", "about", "into", "over", "through", "under", "between",
    "without", "like", "than",
];

/// The cost of a break between two words of a phrase: 0 after a sentence, up to 10 inside of a phrase.
pub(super) fn break_cost(before: &str, after: &str) -> u32 {
    if before.ends_with(['.', '?', '!', '。', '？', '！', '…']) {
        return 0;
    }
    if before.ends_with([',', ';', ':', '，', '、']) {
        return 1;
    }
    let next = after.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let is_hangul = before.chars().next_back().is_some_and(|c| ('가'..='힣').contains(&c));
    let ends_with = |endings: &[&str]| endings.iter().any(|ending| before.ends_with(ending));
    if is_hangul {
        return match () {
            () if ends_with(&CLAUSE_ENDINGS) => 2,
            () if before.ends_with('고') || ends_with(&SENTENCE_ENDINGS) => 3,
            () if before.ends_with('의') => 8,
            () if ends_with(&PARTICLES) => 5,
            () => 7,
        };
    }
    match next.as_str() {
        next if CLAUSE_WORDS.contains(&next) => 2,
        next if PHRASE_WORDS.contains(&next) => 4,
        _ => match before.to_lowercase().as_str() {
            "the" | "a" | "an" | "my" | "your" | "his" | "her" | "our" | "their" | "to" | "of" | "i" | "not" => 10,
            _ => 7,
        },
    }
}

/// The text in at most two lines, broken at the best place where both fit. One line that does not fit stays.
pub(super) fn lines(words: &[&str]) -> Option<(usize, u32)> {
    let total = width(&words.join(" "));
    if total <= LINE_WIDTH {
        return Some((words.len(), 0));
    }
    let cost = |at: usize| {
        let (first, second) = (width(&words[..at].join(" ")), width(&words[at..].join(" ")));
        let fits = first <= LINE_WIDTH && second <= LINE_WIDTH;
        let unbalanced = (first.abs_diff(second) * 4 / LINE_WIDTH) as u32;
        fits.then(|| (at, break_cost(words[at - 1], words[at]) + unbalanced))
    };
    (1..words.len()).filter_map(cost).min_by_key(|(_, cost)| *cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_42_latin_or_20_hangul_characters_per_line() {
        assert_eq!(width(&"a".repeat(42)), LINE_WIDTH);
        assert_eq!(width(&"가".repeat(20)), LINE_WIDTH);
    }

    #[test]
    fn breaks_are_cheaper_at_the_ends_of_phrases() {
        assert!(break_cost("tomorrow,", "or") < break_cost("money", "tomorrow"));
        assert!(break_cost("you", "because") < break_cost("the", "money"));
        assert!(break_cost("했는데", "갑자기") < break_cost("오디오를", "듣고"));
        assert!(break_cost("오디오를", "듣고") < break_cost("사람", "레이블"));
    }

    #[test]
    fn lines_break_once_where_both_fit() {
        let words: Vec<&str> = "Give me the money tomorrow, or I will come to your house.".split(' ').collect();
        assert_eq!(lines(&words).map(|(at, _)| at), Some(5));
        assert_eq!(lines(&["short", "line"]), Some((2, 0)));
        assert_eq!(lines(&[&"가".repeat(21), &"나".repeat(21)]), None);
    }
}
