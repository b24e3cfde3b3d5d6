//! The Prometheus text exposition format, version 0.0.4.

use std::fmt::Write;

/// A page of metric families.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

/// The type of a family's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Never decreases; its name ends in `_total`.
    Counter,
    Gauge,
}

impl Exposition {
    /// Adds a family with its samples and their labels. A family without samples is left out.
    pub(super) fn family<const N: usize>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'static str, String); N], f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.line(format_args!("# HELP {name} {}", help.replace('\\', r"\\").replace('\n', r"\n")));
        self.line(format_args!("# TYPE {name} {kind}"));
        for (labels, value) in samples {
            let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
            match labels.len() {
                0 => self.line(format_args!("{name} {value}")),
                _ => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
            }
        }
    }

    /// Adds a family with one sample and no labels.
    pub(super) fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help, [([], value)]);
    }

    /// The text of the page.
    pub(super) fn text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// A parser of the format, for tests.
#[cfg(test)]
pub(super) mod parsed {
    use std::collections::HashMap;

    /// One sample.
    #[derive(Debug, Clone, PartialEq)]
    pub(in super::super) struct Sample {
        pub(in super::super) name: String,
        pub(in super::super) labels: Vec<(String, String)>,
        pub(in super::super) value: f64,
    }

    /// Parses all samples. Each must follow the HELP and TYPE lines of its family, and no family or sample may occur
    /// twice.
    pub(in super::super) fn parse(text: &str) -> Result<Vec<Sample>, String> {
        let mut kinds: HashMap<&str, &str> = HashMap::new();
        let (mut helped, mut family) = ("", "");
        let mut samples: Vec<Sample> = Vec::new();
        if !text.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        for line in text.lines() {
            let error = |what: &str| Err(format!("{what}: {line}"));
            if let Some(rest) = line.strip_prefix("# HELP ") {
                helped = rest.split_once(' ').ok_or("no help")?.0;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or("no type")?;
                if name != helped || !["counter", "gauge"].contains(&kind) || kinds.insert(name, kind).is_some() {
                    return error("a family without help, of another kind, or twice");
                }
                if name.ends_with("_total") != (kind == "counter") {
                    return error("counters and no others end in _total");
                }
                family = name;
            } else {
                let sample = sample(line)?;
                let twice = samples.iter().any(|other| other.name == sample.name && other.labels == sample.labels);
                if sample.name != family || twice {
                    return error("outside of its family, or twice");
                }
                samples.push(sample);
            }
        }
        Ok(samples)
    }

    fn sample(line: &str) -> Result<Sample, String> {
        let name_end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').ok_or("no value")?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                let (key, after) = rest.split_once("=\"").ok_or("no label")?;
                let (value, after) = quoted(after)?;
                labels.push((key.to_owned(), value));
                rest = match after.strip_prefix(',') {
                    Some(more) => more,
                    None => break rest = after.strip_prefix('}').ok_or("labels do not end")?,
                };
            }
        }
        let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
        let value = value.parse().map_err(|_| format!("no number: {value}"))?;
        Ok(Sample { name: name.to_owned(), labels, value })
    }

    /// The text up to the closing quote with escapes resolved, and the remaining text.
    fn quoted(text: &str) -> Result<(String, &str), String> {
        let mut value = String::new();
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Ok((value, &text[at + 1..])),
                '\\' => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c @ ('\\' | '"'))) => c,
                    _ => return Err("an unknown escape".to_owned()),
                }),
                c => value.push(c),
            }
        }
        Err("a label without its end".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parsed::parse;
    use super::*;

    #[test]
    fn family_without_samples_is_left_out() {
        let mut page = Exposition::default();
        page.family::<0>("empty_total", Kind::Counter, "Nothing.", []);
        assert_eq!(page.text(), "");
    }

    proptest! {
        #[test]
        fn labels_and_values_read_back(label in "(?s).*", value in prop::num::f64::NORMAL) {
            let mut page = Exposition::default();
            page.family("a_total", Kind::Counter, "A \\ help\nof two lines.", [([("l", label.clone())], value)]);
            let samples = parse(&page.text()).unwrap();
            prop_assert_eq!(&samples[0].labels, &[("l".to_owned(), label)]);
            prop_assert_eq!(samples[0].value, value);
            prop_assert_eq!(samples.len(), 1);
        }
    }
}
