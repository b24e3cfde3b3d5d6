//! Groups numerals into runs: digits that belong together.

use std::ops::Range;

use super::numerals::{Numeral, after_ending, is_mark, numerals, tokens};

/// Most words between two groups of one number.
const MOST_FILLERS: usize = 4;
/// Most marks between two groups of one number.
const MOST_MARKS: usize = 5;
/// Most capital letters of a group without digits, as in an IBAN.
const MOST_LETTERS: usize = 4;
/// What people say while one of them reads out a number, separated by `|`.
const FILLERS: &str = "에|다시|그리고|그다음|그다음에|다음에|다음|하이픈|대시|빼기|음|어|그|저|네|네네|예|예예|응|어어|잠깐만|\
     잠깐만요|잠시만|잠시만요|아니|아뇨|아니다|계속|계속하세요|말씀하세요|뒤에|뒷자리|뒷자리는|뒷자리는요|\
     dash|hyphen|and|then|um|uh|er|hm|mm|mhm|huh|hmm|ok|okay|yes|yeah|yep|right|sure|sorry|no|wait|go|on|\
     ahead|got|it|space|알겠습니다|아|요";
/// Korean digits that are frequent words, too: this, day or work, buy, come.
const ALSO_WORDS: [&str; 4] = ["이", "일", "사", "오"];

/// Digits that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Run {
    /// Where they are in the text, in bytes: several if there are words or ends of lines between them.
    pub(super) spans: Vec<Range<usize>>,
    /// The digits of each group: what is between separators.
    pub(super) groups: Vec<String>,
    /// Whether capital letters are among the digits.
    pub(super) has_letters: bool,
}

impl Run {
    /// From the first digit to the last.
    pub(super) fn range(&self) -> Range<usize> {
        let first = self.spans.first().map_or(0, |span| span.start);
        first..self.spans.last().map_or(first, |span| span.end)
    }

    /// All digits.
    pub(super) fn digits(&self) -> String {
        self.groups.concat()
    }

    /// The lengths of the groups.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.groups.iter().map(String::len).collect()
    }

    /// Adds one or two capital letters next to the digits, as in numbers of passports.
    pub(super) fn take_letters(&mut self, text: &str) {
        let is_letters = |word: &str| {
            matches!(word.len(), 1..=2) && word != "I" && word.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        let range = self.range();
        let before = text[..range.start].strip_suffix(' ').and_then(|before| before.rsplit(' ').next());
        let after =
            text[range.end..].strip_prefix(' ').and_then(|after| after.split(|c| c == ' ' || is_mark(c)).next());
        if let (Some(span), Some(word)) = (self.spans.first_mut(), before.filter(|word| is_letters(word))) {
            span.start -= word.len() + 1;
        }
        if let (Some(span), Some(word)) = (self.spans.last_mut(), after.filter(|word| is_letters(word))) {
            span.end += word.len() + 1;
        }
    }

    fn push(&mut self, numeral: Numeral, is_new_part: bool) {
        match self.spans.last_mut().filter(|_| !is_new_part) {
            Some(span) => span.end = numeral.range.end,
            None => self.spans.push(numeral.range),
        }
        self.groups.push(numeral.digits);
        self.has_letters |= numeral.has_letters;
    }
}

/// What is between two numerals.
struct Gap {
    /// Whether there are words or an end of a line, which are not masked.
    has_words: bool,
    /// Whether there are capital letters, which belong to the number.
    has_letters: bool,
}

/// The runs of digits in a text, in order.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let numerals: Vec<_> = numerals(text);
    let mut end = None;
    for (index, numeral) in numerals.iter().enumerate() {
        if is_word(text, &numerals, index) {
            continue;
        }
        let numeral = numeral.clone();
        let gap = end.and_then(|end| gap(&text[end..numeral.range.start]));
        end = Some(numeral.range.end);
        match (runs.last_mut(), gap) {
            (Some(run), Some(gap)) => {
                run.has_letters |= gap.has_letters;
                run.push(numeral, gap.has_words);
            }
            _ => {
                let mut run = Run::default();
                run.push(numeral, true);
                runs.push(run);
            }
        }
    }
    for run in &mut runs {
        take_sign(run, text);
    }
    runs
}

/// Whether a syllable next to a number is a word instead: `010-1234-5678, 이 번호`.
fn is_word(text: &str, numerals: &[Numeral], index: usize) -> bool {
    let range = &numerals[index].range;
    let is_single = |index: usize| numerals.get(index).is_some_and(|numeral| numeral.digits.len() == 1);
    let is_last = numerals.get(index + 1).is_none_or(|next| gap(&text[range.end..next.range.start]).is_none());
    let mut after = text[range.end..].chars();
    let is_followed = after.next() == Some(' ') && after.next().is_some_and(char::is_alphabetic);
    // Also the start of another sentence: `777-9344? Oh, sorry.`
    if &text[range.clone()] == "Oh" && is_last {
        return true;
    }
    let is_alone = !(index > 0 && is_single(index - 1) || is_single(index + 1));
    ALSO_WORDS.contains(&&text[range.clone()]) && is_alone && is_followed && (is_last || index == 0)
}

/// What is between two groups of one number; `None` if something else is there.
fn gap(text: &str) -> Option<Gap> {
    let rest = after_ending(text)?;
    let marks = rest.chars().filter(|c| is_mark(*c) && *c != '*').count();
    let words: Vec<_> = tokens(rest).into_iter().map(|token| token.word).collect();
    let is_letters =
        |word: &str| word.len() <= MOST_LETTERS && word != "I" && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_filler = |word: &str| FILLERS.split('|').any(|filler| filler == word.to_lowercase());
    let is_part = marks <= MOST_MARKS
        && words.len() <= MOST_FILLERS
        && words.iter().all(|word| is_letters(word) || is_filler(word));
    let has_words = rest.contains('\n') || words.iter().any(|word| !is_letters(word));
    is_part.then(|| Gap { has_words, has_letters: words.iter().any(|word| is_letters(word)) })
}

/// Adds a plus sign or an opening parenthesis before the first digit.
fn take_sign(run: &mut Run, text: &str) {
    if let Some(first) = run.spans.first_mut() {
        first.start -= usize::from(text[..first.start].ends_with(['+', '(']));
    }
}
