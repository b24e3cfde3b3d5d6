//! Normalizes words to the tokens that the lexicons match.
//!
//! Normalization converts a word to lower case, removes its punctuation, writes out its contractions (`don't` as
//! `do not`, `gonna` as `going to`) and decomposes it (Unicode NFD). Hangul becomes a sequence of jamo, so that
//! the stem `죽이` is a prefix of both 죽인다 and 죽이겠다.

use unicode_normalization::UnicodeNormalization;

/// One normalized token. A word may yield several tokens or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// The text with vowels that Korean speakers pronounce alike written as one ([`fold`]).
    pub(super) folded: String,
    /// Of the folded text.
    pub(super) hash: u64,
    /// Beginnings of the folded text, and endings; both with all of it.
    pub(super) beginnings: Parts,
    pub(super) endings: Parts,
    /// Index of the word that it comes from.
    pub(crate) word: usize,
    /// Whether a comma or another mark follows.
    pub(crate) ends_clause: bool,
    /// Whether a full stop, question mark or exclamation mark follows.
    pub(crate) ends_sentence: bool,
    /// Whether a question mark follows.
    pub(crate) asks: bool,
    /// Whether it is between quotation marks.
    pub(crate) quoted: bool,
}

impl Token {
    /// A token without marks around it.
    fn plain(text: String, word: usize) -> Self {
        let folded = fold(&text);
        Self {
            hash: hash(&folded),
            beginnings: Parts::beginnings(&folded),
            endings: Parts::endings(&folded),
            folded,
            text,
            word,
            ends_clause: false,
            ends_sentence: false,
            asks: false,
            quoted: false,
        }
    }
}

/// The parts of a word that begin, or end, with it, one for each of its characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) hashes: Vec<u64>,
    /// [`hash_bit`] of each.
    pub(super) mask: u64,
}

impl Parts {
    fn of<'a>(parts: impl Iterator<Item = &'a str>) -> Self {
        let hashes: Vec<u64> = parts.map(hash).collect();
        let mask = hashes.iter().fold(0, |mask, hash| mask | hash_bit(*hash));
        Self { hashes, mask }
    }

    fn beginnings(word: &str) -> Self {
        Self::of(word.char_indices().map(|(at, c)| &word[..at + c.len_utf8()]))
    }

    fn endings(word: &str) -> Self {
        Self::of(word.char_indices().map(|(at, _)| &word[at..]))
    }
}

/// Whether a word is an annotation of the model (`[unclear]`) and not speech.
pub(crate) fn is_mark(word: &str) -> bool {
    word.starts_with('[') && word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != ']').ends_with(']')
}

/// Returns the tokens of successive words, given with their indices. An annotation yields one token that no pattern
/// matches.
pub(crate) fn tokens_of<'a>(words: impl Iterator<Item = (usize, &'a str)>) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut opened = None;
    for (word, text) in words {
        let quotes = Quotes::of(text);
        if quotes.opens {
            opened = Some(tokens.len());
        }
        let texts = if is_mark(text) { vec![text.to_owned()] } else { normalize(text) };
        tokens.extend(texts.into_iter().map(|text| Token::plain(text, word)));
        if quotes.closes
            && let Some(first) = opened.take()
        {
            tokens[first..].iter_mut().for_each(|token| token.quoted = true);
        }
        if let Some(last) = tokens.last_mut() {
            let end = trailing_marks(text);
            last.ends_sentence |= end.contains(['.', '?', '!', '。', '？', '！', '…']);
            last.asks |= end.contains(['?', '？']);
            last.ends_clause |= last.ends_sentence || end.contains([',', ';', ':', '，', '、']);
        }
    }
    tokens
}

/// Returns the tokens of one word.
pub(super) fn normalize(word: &str) -> Vec<String> {
    let word: String = word.nfc().collect::<String>().to_lowercase().replace(['’', 'ʼ', '`'], "'");
    word.split(['-', '–', '—', '/', ' '])
        .flat_map(|part| expand(part.trim_matches(|c: char| !c.is_alphanumeric())))
        .map(|token| token.chars().filter(|c| c.is_alphanumeric()).nfd().collect::<String>())
        .filter(|token| !token.is_empty())
        .collect()
}

/// Writes decomposed vowels that most speakers of Korean pronounce alike, and recognizers confuse, as one of them: e and ae,
/// ye and yae, oe, wae and we. 네 and 내 (you and I) stay different.
pub(super) fn fold(text: &str) -> String {
    const N: char = '\u{1102}';
    let mut before = None;
    let folded = text.chars().map(|c| {
        let is_you = before == Some(N) && c == '\u{1166}';
        before = Some(c);
        match c {
            '\u{1166}' if !is_you => '\u{1162}',
            '\u{1168}' => '\u{1164}',
            '\u{116c}' | '\u{1170}' => '\u{116a}',
            c => c,
        }
    });
    folded.collect()
}

/// A hash of a word, to compare it with many others: FNV-1a, 64 bits.
pub(super) fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The bit of a hash in the mask of a set.
pub(super) const fn hash_bit(hash: u64) -> u64 {
    1 << (hash >> 58)
}

/// Contractions that are matched as whole words. The others are recognized by their endings.
const WHOLE: [(&str, [&str; 2]); 12] = [
    ("won't", ["will", "not"]),
    ("can't", ["can", "not"]),
    ("cannot", ["can", "not"]),
    ("shan't", ["shall", "not"]),
    ("ain't", ["is", "not"]),
    ("let's", ["let", "us"]),
    ("gonna", ["going", "to"]),
    ("gotta", ["got", "to"]),
    ("wanna", ["want", "to"]),
    ("lemme", ["let", "me"]),
    ("gimme", ["give", "me"]),
    ("y'all", ["you", "all"]),
];

const ENDINGS: [(&str, &str); 6] =
    [("n't", "not"), ("'ll", "will"), ("'re", "are"), ("'ve", "have"), ("'m", "am"), ("'d", "would")];

/// Words after which 's means `is`. After other words it is the possessive and is removed.
const BEFORE_IS: [&str; 10] = ["it", "that", "this", "he", "she", "there", "here", "what", "who", "where"];

fn expand(word: &str) -> Vec<&str> {
    if let Some((_, words)) = WHOLE.iter().find(|(contraction, _)| *contraction == word) {
        return words.to_vec();
    }
    for (ending, full) in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            return vec![stem, full];
        }
    }
    match word.strip_suffix("'s") {
        Some(stem) if BEFORE_IS.contains(&stem) => vec![stem, "is"],
        Some(stem) => vec![stem],
        None => vec![word],
    }
}

/// Whether a word begins or ends a quotation.
struct Quotes {
    opens: bool,
    closes: bool,
}

impl Quotes {
    fn of(word: &str) -> Self {
        let leading = &word[..word.find(char::is_alphanumeric).unwrap_or(word.len())];
        Self {
            opens: leading.contains(['"', '“', '„', '«', '「', '『', '‘']),
            closes: trailing_marks(word).contains(['"', '”', '»', '」', '』', '’']),
        }
    }
}

fn trailing_marks(word: &str) -> &str {
    let end = word.char_indices().rev().find(|(_, c)| c.is_alphanumeric()).map_or(0, |(at, c)| at + c.len_utf8());
    &word[end..]
}

/// Returns the tokens of words without times, for the examples of a lexicon.
pub(super) fn tokens_of_text(text: &str) -> Vec<Token> {
    tokens_of(text.split_whitespace().enumerate())
}

#[cfg(test)]
fn texts(text: &str) -> Vec<String> {
    tokens_of_text(text).into_iter().map(|token| token.text.nfc().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_contractions_written_out() {
        assert_eq!(
            texts("I'll DON’T can't; we're gonna"),
            ["i", "will", "do", "not", "can", "not", "we", "are", "going", "to"]
        );
        assert_eq!(
            texts("That's my mother's well-known song."),
            ["that", "is", "my", "mother", "well", "known", "song"]
        );
    }

    #[test]
    fn tokens_of_composed_and_decomposed_hangul_are_equal() {
        let decomposed: String = "죽인다".nfd().collect();
        assert_eq!(normalize(&decomposed), normalize("죽인다"));
        let stem: String = "죽이".nfd().collect();
        assert!(normalize("죽인다!")[0].starts_with(&stem));
    }

    #[test]
    fn quotation_needs_its_end() {
        let quoted = |text: &str| tokens_of_text(text).iter().map(|token| token.quoted).collect::<Vec<_>>();
        assert_eq!(quoted(r#"he said "stop now" twice"#), [false, false, true, true, false]);
        assert_eq!(quoted(r#"he said "stop now"#), [false; 4]);
        assert_eq!(quoted("그는 “죽여” 했다"), [false, true, false]);
    }

    #[test]
    fn marks_of_the_model_are_not_words() {
        assert!(is_mark("[unclear]") && is_mark("[unclear].") && !is_mark("clear"));
        assert_eq!(texts("[unclear] -- yes,"), ["[unclear]", "yes"]);
    }
}
