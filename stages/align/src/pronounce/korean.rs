//! Korean pronunciation: the sounds of written syllables, by the rules of the Standard Pronunciation (National Institute of
//! Korean Language, 표준 발음법, chapters 2 to 6) that depend on the letters alone: aspiration, liaison, palatalization,
//! neutralization, tensification, nasalization and lateralization.

use crate::hangul::{FINALS, INITIALS, VOWELS, is_syllable};

/// First code point of the syllables.
const FIRST: u32 = '가' as u32;

/// A syllable as it is spoken, in letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syllable {
    /// `ㅇ` if it begins with its vowel.
    pub(super) initial: char,
    pub(super) vowel: char,
    /// One of `ㄱㄴㄷㄹㅁㅂㅇ` once it is pronounced.
    pub(super) coda: Option<char>,
}

/// A syllable as it is written; `None` for any other character.
fn written(character: char) -> Option<Syllable> {
    let index = is_syllable(character).then(|| (character as u32 - FIRST) as usize)?;
    let letter = |letters: &str, at: usize| letters.chars().nth(at);
    Some(Syllable {
        initial: letter(INITIALS, index / 588)?,
        vowel: letter(VOWELS, index / 28 % 21)?,
        coda: (index % 28).checked_sub(1).and_then(|at| letter(FINALS, at)),
    })
}

/// The sounds of a run of Hangul syllables. Other characters are ignored.
pub(super) fn pronounce(word: &str) -> Vec<Syllable> {
    let mut syllables: Vec<Syllable> = word.chars().filter_map(written).collect();
    for at in 0..syllables.len() {
        let (before, behind) = syllables.split_at_mut(at + 1);
        let Some(coda) = before[at].coda else { continue };
        match behind.first_mut() {
            Some(next) => before[at].coda = join(coda, next),
            None => before[at].coda = Some(closed(coda)),
        }
    }
    syllables
}

/// The consonants of a final cluster.
const fn cluster(coda: char) -> Option<(char, char)> {
    Some(match coda {
        'ㄳ' => ('ㄱ', 'ㅅ'),
        'ㄵ' => ('ㄴ', 'ㅈ'),
        'ㄶ' => ('ㄴ', 'ㅎ'),
        'ㄺ' => ('ㄹ', 'ㄱ'),
        'ㄻ' => ('ㄹ', 'ㅁ'),
        'ㄼ' => ('ㄹ', 'ㅂ'),
        'ㄽ' => ('ㄹ', 'ㅅ'),
        'ㄾ' => ('ㄹ', 'ㅌ'),
        'ㄿ' => ('ㄹ', 'ㅍ'),
        'ㅀ' => ('ㄹ', 'ㅎ'),
        'ㅄ' => ('ㅂ', 'ㅅ'),
        _ => return None,
    })
}

/// The sound that is left of a final before a consonant or at the end (rules 8 to 11).
fn closed(coda: char) -> char {
    let left = match coda {
        'ㄺ' => 'ㄱ',
        'ㄻ' => 'ㅁ',
        'ㄿ' => 'ㅂ',
        _ => cluster(coda).map_or(coda, |(first, _)| first),
    };
    match left {
        'ㄲ' | 'ㅋ' => 'ㄱ',
        'ㅅ' | 'ㅆ' | 'ㅈ' | 'ㅊ' | 'ㅌ' | 'ㅎ' => 'ㄷ',
        'ㅍ' => 'ㅂ',
        other => other,
    }
}

const fn aspirated(consonant: char) -> Option<char> {
    Some(match consonant {
        'ㄱ' => 'ㅋ',
        'ㄷ' => 'ㅌ',
        'ㅂ' => 'ㅍ',
        'ㅈ' => 'ㅊ',
        _ => return None,
    })
}

const fn tense(consonant: char) -> Option<char> {
    Some(match consonant {
        'ㄱ' => 'ㄲ',
        'ㄷ' => 'ㄸ',
        'ㅂ' => 'ㅃ',
        'ㅅ' => 'ㅆ',
        'ㅈ' => 'ㅉ',
        _ => return None,
    })
}

/// Pronounces a final before the next syllable: changes that syllable's initial and returns the final that remains.
fn join(coda: char, next: &mut Syllable) -> Option<char> {
    let (first, second) = cluster(coda).map_or((None, coda), |(first, second)| (Some(first), second));
    match next.initial {
        'ㅇ' => return link(first, second, next),
        // 좋다, 많고: rule 12.1
        initial
            if second == 'ㅎ'
                && let Some(strong) = aspirated(initial) =>
        {
            next.initial = strong
        }
        'ㅅ' if second == 'ㅎ' => next.initial = 'ㅆ',
        // 입학, 못해, 앉히다: rule 12.1
        'ㅎ' if let Some(strong) = aspirated(if second == 'ㅈ' { second } else { closed(second) }) => {
            next.initial = strong;
        }
        _ => return Some(meet(coda, next)),
    }
    first
}

/// A final before a vowel moves to it (rules 13 to 16); `ㅎ` disappears (rule 12.4).
fn link(first: Option<char>, second: char, next: &mut Syllable) -> Option<char> {
    match (first, second) {
        (None, 'ㅇ') => return Some('ㅇ'),
        (Some(only), 'ㅎ') => {
            next.initial = only;
            return None;
        }
        (None, 'ㅎ') => return None,
        // 굳이, 같이: rule 17
        (_, 'ㄷ') if next.vowel == 'ㅣ' => next.initial = 'ㅈ',
        (_, 'ㅌ') if next.vowel == 'ㅣ' => next.initial = 'ㅊ',
        (Some(_), 'ㅅ') => next.initial = 'ㅆ',
        _ => next.initial = second,
    }
    first
}

/// A final before a consonant: tensification (rules 23 to 25), nasalization (18 and 19), lateralization (20).
fn meet(coda: char, next: &mut Syllable) -> char {
    let left = if (coda, next.initial) == ('ㄺ', 'ㄱ') { 'ㄹ' } else { closed(coda) };
    let hardens = matches!(left, 'ㄱ' | 'ㄷ' | 'ㅂ') || matches!(coda, 'ㄵ' | 'ㄺ' | 'ㄻ' | 'ㄼ' | 'ㄽ' | 'ㄾ' | 'ㄿ');
    if let Some(hard) = tense(next.initial).filter(|_| hardens) {
        next.initial = hard;
    }
    match (left, next.initial) {
        ('ㄱ' | 'ㄷ' | 'ㅂ', 'ㄴ' | 'ㅁ' | 'ㄹ') => {
            if next.initial == 'ㄹ' {
                next.initial = 'ㄴ';
            }
            match left {
                'ㄱ' => 'ㅇ',
                'ㄷ' => 'ㄴ',
                _ => 'ㅁ',
            }
        }
        ('ㅁ' | 'ㅇ', 'ㄹ') => {
            next.initial = 'ㄴ';
            left
        }
        ('ㄴ', 'ㄹ') | ('ㄹ', 'ㄴ') => {
            next.initial = 'ㄹ';
            'ㄹ'
        }
        _ => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(word: &str) -> String {
        let letter = |letters: &str, c: char| letters.chars().position(|other| other == c).unwrap() as u32;
        let syllable = |s: Syllable| {
            let coda = s.coda.map_or(0, |coda| letter(FINALS, coda) + 1);
            char::from_u32(FIRST + (letter(INITIALS, s.initial) * 21 + letter(VOWELS, s.vowel)) * 28 + coda).unwrap()
        };
        pronounce(word).into_iter().map(syllable).collect()
    }

    #[test]
    fn pronunciation_follows_the_standard() {
        // Examples of the standard's rules.
        for (written, spoken) in [
            ("닦다", "닥따"),
            ("키읔", "키윽"),
            ("옷", "옫"),
            ("있다", "읻따"),
            ("꽃", "꼳"),
            ("솥", "솓"),
            ("앞", "압"),
            ("넋", "넉"),
            ("앉다", "안따"),
            ("여덟", "여덜"),
            ("핥다", "할따"),
            ("값", "갑"),
            ("닭", "닥"),
            ("삶", "삼"),
            ("읊다", "읍따"),
            ("맑게", "말께"),
            ("놓고", "노코"),
            ("많고", "만코"),
            ("닳지", "달치"),
            ("각하", "가카"),
            ("밝히다", "발키다"),
            ("맏형", "마텽"),
            ("꽂히다", "꼬치다"),
            ("앉히다", "안치다"),
            ("닿소", "다쏘"),
            ("싫소", "실쏘"),
            ("쌓이다", "싸이다"),
            ("많아", "마나"),
            ("깎아", "까까"),
            ("옷이", "오시"),
            ("앉아", "안자"),
            ("닭을", "달글"),
            ("값을", "갑쓸"),
            ("없어", "업써"),
            ("굳이", "구지"),
            ("밭이", "바치"),
            ("먹는", "멍는"),
            ("국물", "궁물"),
            ("밥물", "밤물"),
            ("값매다", "감매다"),
            ("담력", "담녁"),
            ("종로", "종노"),
            ("막론", "망논"),
            ("십리", "심니"),
            ("난로", "날로"),
            ("칼날", "칼랄"),
            ("국밥", "국빱"),
            ("닭장", "닥짱"),
            ("닮고", "담꼬"),
            ("영어", "영어"),
        ] {
            assert_eq!(spelled(written), spoken, "{written}");
        }
    }

    #[test]
    fn pronunciation_of_every_pair_has_letters() {
        for syllable in ('가'..='힣').step_by(7) {
            for next in ["아", "이", "가", "나", "라", "하", "사"] {
                let spoken = pronounce(&format!("{syllable}{next}"));
                assert!(
                    spoken[0].coda.is_none_or(|coda| "ㄱㄴㄷㄹㅁㅂㅇ".contains(coda)),
                    "{syllable}{next}: {spoken:?}"
                );
            }
        }
    }
}
