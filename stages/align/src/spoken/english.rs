//! Numbers as English speaks them.

use super::{Numerals, digits_of};

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 3] = [(1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand")];
/// Ordinals that are not their number and `th`.
const ORDINALS: [(&str, &str); 12] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
    ("twenty", "twentieth"),
    ("thirty", "thirtieth"),
    ("forty", "fortieth"),
    ("fifty", "fiftieth"),
    ("sixty", "sixtieth"),
];
/// Longer numbers are read digit by digit.
const LONGEST_NUMBER: usize = 12;

pub(super) struct English;

impl Numerals for English {
    fn number(&self, number: &str, after: &str) -> Vec<String> {
        let (whole, fraction) = digits_of(number);
        if let Some(fraction) = fraction {
            return vec![format!("{} point {}", cardinal(&whole, " "), one_by_one(fraction, "zero"))];
        }
        if ["st", "nd", "rd", "th"].contains(&after) {
            return vec![ordinal(&cardinal(&whole, " ")), ordinal(&cardinal(&whole, " and "))];
        }
        let is_grouped = number.contains(',');
        if !is_grouped && (whole.len() > LONGEST_NUMBER || (whole.len() > 1 && whole.starts_with('0'))) {
            return vec![one_by_one(&whole, "zero"), one_by_one(&whole, "oh")];
        }
        let mut ways = vec![cardinal(&whole, " "), cardinal(&whole, " and ")];
        if whole.len() == 4 && !whole.ends_with("000") {
            let in_pairs = pairs(&whole);
            ways.insert(if is_grouped || !is_year(&whole) { 2 } else { 0 }, in_pairs);
        }
        if whole.len() > 1 && !is_grouped {
            ways.push(one_by_one(&whole, "zero"));
        }
        ways
    }

    fn clock(&self, hour: u64, minute: u64) -> Vec<String> {
        let (hour_text, next) = (below_1000(hour, " "), below_1000(hour % 12 + 1, " "));
        match minute {
            0 => vec![format!("{hour_text} o'clock"), hour_text.clone(), format!("{hour_text} hundred")],
            1..=9 => vec![format!("{hour_text} oh {}", ONES[minute as usize])],
            15 => vec![format!("{hour_text} fifteen"), format!("quarter past {hour_text}")],
            30 => vec![format!("{hour_text} thirty"), format!("half past {hour_text}")],
            45 => vec![format!("{hour_text} forty five"), format!("quarter to {next}")],
            _ => vec![format!("{hour_text} {}", below_1000(minute, " "))],
        }
    }

    fn amount(&self, sign: char, number: &str, after: &str) -> Vec<String> {
        let (unit, part) = match sign {
            '£' => ("pound", "pence"),
            '€' => ("euro", "cents"),
            '¥' => ("yen", ""),
            '₩' => ("won", ""),
            _ => ("dollar", "cents"),
        };
        let (whole, fraction) = digits_of(number);
        let units = if whole == "1" || unit == "yen" || unit == "won" { unit.to_owned() } else { format!("{unit}s") };
        let is_scaled = ["million", "billion", "thousand", "hundred"].contains(&after);
        match fraction {
            Some(cents) if !is_scaled && cents.len() == 2 => {
                let (whole, cents) = (cardinal(&whole, " "), cardinal(cents, " "));
                vec![
                    format!("{whole} {units} and {cents} {part}"),
                    format!("{whole} {units} {cents} {part}"),
                    format!("{whole} {cents}"),
                ]
            }
            // `$2 million` is spoken with the unit after the next word, where the aligner finds it in the pause.
            _ if is_scaled => self.number(number, after),
            _ => self.number(number, "").into_iter().map(|said| format!("{said} {units}")).collect(),
        }
    }

    fn digits(&self, groups: &[&str]) -> Vec<String> {
        let say = |zero| groups.iter().map(|group| one_by_one(group, zero)).collect::<Vec<_>>().join(" ");
        vec![say("zero"), say("oh")]
    }

    fn sign(&self, sign: &str) -> Option<Vec<String>> {
        let ways: &[&str] = match sign {
            "%" => &["percent"],
            "#" => &["number", "hashtag"],
            "&" => &["and"],
            "@" => &["at"],
            "+" => &["plus"],
            "=" => &["equals"],
            "$" => &["dollars"],
            "-" => &["to", "", "minus"],
            "/" => &["", "slash", "over"],
            "st" | "nd" | "rd" | "th" => &[""],
            "s" => &["s"],
            _ => return None,
        };
        Some(ways.iter().map(|way| (*way).to_owned()).collect())
    }
}

/// `2026` is a year to most: twenty twenty six.
fn is_year(digits: &str) -> bool {
    ("1100".."2100").contains(&digits)
}

/// `2026` in pairs, `1905` as nineteen oh five, `3500` as thirty five hundred.
fn pairs(digits: &str) -> String {
    let (first, second) = digits.split_at(2);
    let second = match second.strip_prefix('0') {
        Some("0") => "hundred".to_owned(),
        Some(one) => format!("oh {}", cardinal(one, " ")),
        None => cardinal(second, " "),
    };
    format!("{} {second}", cardinal(first, " "))
}

fn one_by_one(digits: &str, zero: &str) -> String {
    let name = |byte: u8| if byte == b'0' { zero } else { ONES[usize::from(byte - b'0')] };
    digits.bytes().map(name).collect::<Vec<_>>().join(" ")
}

/// A cardinal number; `and` stands between hundreds and what follows.
fn cardinal(digits: &str, and: &str) -> String {
    let Ok(mut rest) = digits.parse::<u64>() else { return one_by_one(digits, "zero") };
    let mut said = Vec::new();
    for (scale, name) in SCALES {
        if rest >= scale {
            said.push(format!("{} {name}", below_1000(rest / scale % 1000, and)));
            rest %= scale;
        }
    }
    if rest > 0 || said.is_empty() {
        said.push(below_1000(rest, and));
    }
    said.join(" ")
}

fn below_1000(number: u64, and: &str) -> String {
    let tail = match number % 100 {
        below @ 0..20 => ONES[below as usize].to_owned(),
        below if below % 10 == 0 => TENS[below as usize / 10].to_owned(),
        below => format!("{} {}", TENS[below as usize / 10], ONES[below as usize % 10]),
    };
    match (number / 100, number % 100) {
        (0, _) => tail,
        (hundreds, 0) => format!("{} hundred", ONES[hundreds as usize]),
        (hundreds, _) => format!("{} hundred{and}{tail}", ONES[hundreds as usize]),
    }
}

/// The last word of a cardinal as an ordinal.
fn ordinal(cardinal: &str) -> String {
    let (before, last) = cardinal.rsplit_once(' ').map_or(("", cardinal), |(before, last)| (before, last));
    let known = ORDINALS.iter().find(|(cardinal, _)| *cardinal == last).map(|(_, ordinal)| (*ordinal).to_owned());
    let last =
        known.unwrap_or_else(|| last.strip_suffix('y').map_or(format!("{last}th"), |stem| format!("{stem}ieth")));
    format!("{before} {last}").trim_start().to_owned()
}
