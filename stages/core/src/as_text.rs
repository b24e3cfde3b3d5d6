//! Serializes a value as its text, for `#[serde(with = "stage_core::as_text")]`: settings in files and on the command line
//! then have one form.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes the text that [`Display`] gives.
///
/// # Errors
/// The serializer's error.
pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Parses the text with [`FromStr`].
///
/// # Errors
/// It is not a text, or does not parse.
pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
