//! Compares the keys and types of a file with those of the built-in one, so that an error names the key and its line.

use stage_core::{on_one_line, printable};
use toml_edit::{Document, Item, Key, TableLike};

use super::{Refused, line};

/// A table whose further keys are free: they are texts of the program.
const OPEN: &str = "reasons";

/// Checks that a text has the keys of the built-in one, and no others.
pub(super) fn check(text: &str, built_in: &str) -> Result<(), Refused> {
    let own = Document::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line(text, span.start));
        (line, printable(&on_one_line(error.message())).into_owned())
    })?;
    let built_in = Document::parse(built_in).map_err(|error| (1, error.to_string()))?;
    Shape { text }.table("", 1, built_in.as_table(), own.as_table())
}

/// The line of a value, or that of its table.
pub(super) fn line_of(text: &str, table: &str, key: &str) -> usize {
    let Ok(document) = Document::parse(text) else { return 1 };
    let mut found = document.as_item();
    for name in table.split('.').chain([key]) {
        match found.get(name) {
            Some(item) => found = item,
            None => break,
        }
    }
    found.span().map_or(1, |span| line(text, span.start))
}

struct Shape<'a> {
    text: &'a str,
}

impl Shape<'_> {
    /// Compares the tables with this name. `at` is the line of the own one.
    fn table(&self, name: &str, at: usize, built_in: &dyn TableLike, own: &dyn TableLike) -> Result<(), Refused> {
        let called = if name.is_empty() { "the file".to_owned() } else { format!("[{name}]") };
        // A key that was mistyped is named, not the one that is missing instead.
        let is_open = name.ends_with(OPEN);
        for (key, found) in own.iter() {
            if built_in.get(key).is_none() && !(is_open && found.is_str()) {
                let at = own.key(key).and_then(Key::span).map_or(at, |span| line(self.text, span.start));
                return Err((at, format!("{called}: `{}` is not a key of transcript.toml", printable(key))));
            }
        }
        for (key, expected) in built_in.iter() {
            let Some(found) = own.get(key) else { return Err((at, format!("{called} has no key `{key}`"))) };
            self.value(name, key, expected, found)?;
        }
        Ok(())
    }

    fn value(&self, table: &str, key: &str, expected: &Item, found: &Item) -> Result<(), Refused> {
        let at = found.span().map_or(1, |span| line(self.text, span.start));
        let inner = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        if let Some(expected) = expected.as_table_like() {
            let Some(found) = found.as_table_like() else {
                return Err((at, format!("[{inner}]: a table is expected")));
            };
            return self.table(&inner, at, expected, found);
        }
        let is_number = |item: &Item| item.is_integer() || item.is_float();
        let what = if is_number(expected) {
            (!is_number(found)).then_some("a number")
        } else if expected.is_str() {
            (!found.is_str()).then_some("a text in quotation marks")
        } else {
            let texts = found.as_array().filter(|array| array.iter().all(toml_edit::Value::is_str));
            texts.is_none_or(toml_edit::Array::is_empty).then_some("a list of texts, at least one,")
        };
        let place = if table.is_empty() { String::new() } else { format!("[{table}] ") };
        what.map_or(Ok(()), |what| Err((at, format!("{place}{key}: {what} is expected"))))
    }
}
