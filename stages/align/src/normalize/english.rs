//! Numbers in English.

use super::tokens::{Number, Token, kind};
use super::{distinct, one_by_one};

const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const DIGITS_WITH_OH: [&str; 10] = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const TEENS: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Ordinals that are not formed by adding `th` to the cardinal.
const ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

/// Variants of one part of a word.
pub(super) fn read(tokens: &[Token<'_>], at: usize, _counted: &str) -> Vec<String> {
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    let next = tokens.get(at + 1);
    match &tokens[at] {
        Token::Text(text) => {
            let ending = if matches!(before, Some(Token::Number(_))) { Ending::of(text) } else { Ending::Other };
            vec![text[ending.len()..].to_owned()]
        }
        Token::Sign('%') => vec![" percent".to_owned()],
        Token::Sign('&') => vec![" and ".to_owned()],
        // The currency is spoken after the number that it precedes.
        Token::Sign(_) if matches!(next, Some(Token::Number(_))) => vec![String::new()],
        Token::Sign(sign) => vec![format!(" {}", currency(*sign).1)],
        Token::Number(number) => match (before, next) {
            (Some(Token::Sign(sign)), _) if *sign != '&' && *sign != '%' => money(number, *sign),
            (_, Some(Token::Text(text))) => match Ending::of(text) {
                Ending::Ordinal => amount(number).into_iter().take(1).map(|words| ordinal(&words)).collect(),
                Ending::Plural => amount(number).into_iter().take(2).map(|words| plural(&words)).collect(),
                Ending::Other => amount(number),
            },
            _ => amount(number),
        },
    }
}

/// The type of a number, by the text after it.
#[derive(Clone, Copy)]
enum Ending {
    Ordinal,
    Plural,
    Other,
}

impl Ending {
    fn of(text: &str) -> Self {
        let letters: String = text.chars().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
        match letters.as_str() {
            "st" | "nd" | "rd" | "th" => Self::Ordinal,
            "s" => Self::Plural,
            _ => Self::Other,
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::Ordinal => 2,
            Self::Plural => 1,
            Self::Other => 0,
        }
    }
}

fn amount(number: &str) -> Vec<String> {
    match kind(number) {
        Number::Whole(digits) => whole(&digits, number.contains(',')),
        Number::Decimal(whole, behind) => {
            vec![format!("{} point {}", cardinal(&whole), one_by_one(behind, &DIGITS, " "))]
        }
        Number::Clock(hours, minutes) => clock(&cardinal(hours), minutes),
        Number::Groups(groups) => {
            let read = |names: [&str; 10]| {
                groups.iter().map(|group| one_by_one(group, &names, " ")).collect::<Vec<_>>().join(" ")
            };
            distinct(vec![read(DIGITS), read(DIGITS_WITH_OH)])
        }
    }
}

fn clock(hours: &str, minutes: &str) -> Vec<String> {
    let spoken = cardinal(minutes);
    match minutes.as_bytes() {
        b"00" => vec![format!("{hours} o'clock"), hours.to_owned()],
        [b'0', _] => vec![format!("{hours} oh {spoken}"), format!("{hours} {spoken}")],
        _ => vec![format!("{hours} {spoken}")],
    }
}

fn whole(digits: &str, has_commas: bool) -> Vec<String> {
    let (name, by_digits) = (cardinal(digits), one_by_one(digits, &DIGITS, " "));
    let variants = match digits.len() {
        _ if digits == "0" => vec![name, "oh".to_owned()],
        1 | 2 => vec![name],
        3 => vec![name.clone(), by_digits, in_halves(digits), with_and(&name)],
        4 if has_commas || digits.ends_with("000") => vec![name, in_halves(digits)],
        4 => vec![in_halves(digits), name.clone(), with_and(&name), by_digits],
        _ if has_commas || digits.ends_with("000") => vec![name.clone(), with_and(&name)],
        _ => vec![by_digits, name, one_by_one(digits, &DIGITS_WITH_OH, " ")],
    };
    distinct(variants.into_iter().filter(|variant| !variant.is_empty()))
}

/// The pronunciation of years and room numbers: `twenty twenty six`, `four oh five`, `thirty five hundred`. Empty if
/// the number is not spoken in this way.
fn in_halves(digits: &str) -> String {
    let (first, last) = digits.split_at(digits.len() - 2);
    match (first, last.as_bytes()) {
        (_, b"00") if first.ends_with('0') || first.len() < 2 => String::new(),
        (_, b"00") => format!("{} hundred", cardinal(first)),
        (_, [b'0', _]) => format!("{} oh {}", cardinal(first), cardinal(last)),
        _ => format!("{} {}", cardinal(first), cardinal(last)),
    }
}

/// Inserts `and` before the last number below a hundred. Returns the name unchanged if there is none.
fn with_and(name: &str) -> String {
    let words: Vec<&str> = name.split(' ').collect();
    let large = |word: &&str| ["hundred", "thousand", "million", "billion", "trillion"].contains(word);
    match words.iter().rposition(large) {
        Some(last) if last + 1 < words.len() => {
            format!("{} and {}", words[..=last].join(" "), words[last + 1..].join(" "))
        }
        _ => name.to_owned(),
    }
}

fn money(number: &str, sign: char) -> Vec<String> {
    let (one, many, cents) = currency(sign);
    let unit = |amount: &str| if amount == "one" { one } else { many };
    match kind(number) {
        Number::Decimal(whole, behind) if behind.len() == 2 => {
            let (whole, behind) = (cardinal(&whole), cardinal(behind));
            let unit = unit(&whole);
            vec![
                format!("{whole} {unit} {behind}"),
                format!("{whole} {unit} and {behind} {cents}"),
                format!("{whole} {behind}"),
            ]
        }
        Number::Whole(digits) => {
            let name = cardinal(&digits);
            vec![format!("{name} {}", unit(&name))]
        }
        _ => amount(number).iter().map(|name| format!("{name} {many}")).collect(),
    }
}

/// Singular, plural, and the name of a hundredth.
const fn currency(sign: char) -> (&'static str, &'static str, &'static str) {
    match sign {
        '£' => ("pound", "pounds", "pence"),
        '€' => ("euro", "euros", "cents"),
        '₩' => ("won", "won", "jeon"),
        _ => ("dollar", "dollars", "cents"),
    }
}

/// Name of a number. Numbers that are too long for a name are spoken digit by digit.
fn cardinal(digits: &str) -> String {
    const GROUPS: [&str; 6] = ["", " thousand", " million", " billion", " trillion", " quadrillion"];
    let Ok(number) = digits.parse::<u64>() else { return one_by_one(digits, &DIGITS, " ") };
    if number == 0 {
        return DIGITS[0].to_owned();
    }
    if number >= 10u64.pow(18) {
        return one_by_one(digits, &DIGITS, " ");
    }
    let group = |at: usize| (number / 1000u64.pow(at as u32) % 1000) as usize;
    let named = (0..GROUPS.len()).rev().filter(|at| group(*at) > 0).map(|at| below_thousand(group(at)) + GROUPS[at]);
    named.collect::<Vec<_>>().join(" ")
}

fn below_thousand(number: usize) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    let mut words = Vec::new();
    if hundreds > 0 {
        words.extend([DIGITS[hundreds], "hundred"]);
    }
    match rest {
        0 => {}
        1..10 => words.push(DIGITS[rest]),
        10..20 => words.push(TEENS[rest - 10]),
        _ => {
            words.push(TENS[rest / 10]);
            words.extend((rest % 10 > 0).then(|| DIGITS[rest % 10]));
        }
    }
    words.join(" ")
}

fn ordinal(words: &str) -> String {
    let (before, last) = words.rsplit_once(' ').map_or(("", words), |(before, last)| (before, last));
    let special = ORDINALS.iter().find(|(cardinal, _)| *cardinal == last).map(|(_, ordinal)| (*ordinal).to_owned());
    let last = special.unwrap_or_else(|| match last.strip_suffix('y') {
        Some(stem) => format!("{stem}ieth"),
        None => format!("{last}th"),
    });
    if before.is_empty() { last } else { format!("{before} {last}") }
}

fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}
