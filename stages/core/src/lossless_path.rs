//! Serializes a path without loss, for `#[serde(with = "stage_core::lossless_path")]`: as text if it is UTF-8, otherwise
//! as `{"hex": "c8ab"}`, its bytes. Serde's own form is an error for a path that is not UTF-8.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::path_bytes;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    Text(Cow<'a, str>),
    Bytes { hex: String },
}

/// Writes the path.
///
/// # Errors
/// The serializer's error.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let form = match path_bytes(path) {
        None => Form::Text(path.to_string_lossy()),
        Some(hex) => Form::Bytes { hex },
    };
    form.serialize(serializer)
}

/// Reads the path.
///
/// # Errors
/// It has neither of the two forms, or the digits are not those of whole bytes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    match Form::deserialize(deserializer)? {
        Form::Text(text) => Ok(PathBuf::from(text.into_owned())),
        Form::Bytes { hex } => {
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            let whole = hex.len().is_multiple_of(2) && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
            let bytes = whole.then(|| hex.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()).flatten();
            let bytes = bytes.ok_or_else(|| D::Error::custom("the bytes of a path are not hexadecimal"))?;
            Ok(OsString::from_vec(bytes).into())
        }
    }
}

/// A path that serializes without loss.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Lossless(#[serde(with = "crate::lossless_path")] PathBuf);

/// The same for a list of paths, for `#[serde(with = "stage_core::lossless_path::list")]`.
pub mod list {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Lossless;

    /// Writes the paths.
    ///
    /// # Errors
    /// The serializer's error.
    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().cloned().map(Lossless))
    }

    /// Reads the paths.
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<Lossless>::deserialize(deserializer)?.into_iter().map(|path| path.0).collect())
    }
}

/// The same for a path that may be missing, for `#[serde(with = "stage_core::lossless_path::option")]`.
pub mod option {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Lossless;

    /// Writes the path, if there is one.
    ///
    /// # Errors
    /// The serializer's error.
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        path.clone().map(Lossless).serialize(serializer)
    }

    /// Reads the path, if there is one.
    ///
    /// # Errors
    /// It is malformed.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Lossless>::deserialize(deserializer)?.map(|path| path.0))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Named {
        #[serde(with = "crate::lossless_path")]
        path: PathBuf,
        #[serde(default, with = "crate::lossless_path::list")]
        more: Vec<PathBuf>,
        #[serde(default, with = "crate::lossless_path::option")]
        maybe: Option<PathBuf>,
    }

    fn named(bytes: &[u8]) -> Named {
        let path: PathBuf = OsStr::from_bytes(bytes).into();
        Named { more: vec![path.clone(), "a".into()], maybe: (bytes.len() > 3).then(|| path.clone()), path }
    }

    proptest! {
        #[test]
        fn lossless_path_of_any_bytes_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let named = named(&bytes);
            let text = serde_json::to_string(&named).unwrap();
            prop_assert_eq!(serde_json::from_str::<Named>(&text).unwrap(), named);
        }
    }

    #[test]
    fn lossless_path_is_text_where_it_is_utf8_and_rejects_damaged_bytes() {
        let value = |bytes: &[u8]| serde_json::to_value(named(bytes)).unwrap();
        assert_eq!(value("김".as_bytes()), json!({"path": "김", "more": ["김", "a"], "maybe": null}));
        let odd = json!({"hex": "b12e776176"});
        assert_eq!(value(b"\xB1.wav"), json!({"path": odd, "more": [odd, "a"], "maybe": odd}));
        for hex in ["b", "zz", "+1", "가"] {
            assert!(serde_json::from_value::<Named>(json!({"path": {"hex": hex}})).is_err(), "{hex}");
        }
    }
}
