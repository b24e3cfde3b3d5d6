//! Fingerprints identify artifacts by a hash of everything that they depend on.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hash::{Sha256Stream, to_hex};
use crate::{ArtifactName, OutputName, StageName};

/// The key of an artifact: SHA-256 over a [`StageKey`]. Equal keys mean equal artifacts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(with = "String")]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fingerprint: 64 hexadecimal digits are expected")]
pub struct ParseFingerprintError(String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", &to_hex(&self.0)[..12])
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(hex: &str) -> Result<Self, Self::Err> {
        let error = || ParseFingerprintError(hex.to_owned());
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = ParseFingerprintError;

    fn try_from(hex: String) -> Result<Self, Self::Error> {
        hex.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// Everything that an artifact depends on. Device, batch size and thread count are not part of it, since they must not
/// change any token, word, time or evidence item. The file's path and name are not part of it either, so that a copy of
/// the file reuses everything.
///
/// ```
/// use serde_json::json;
/// use stage_core::{StageKey, StageName, sha256_hex};
///
/// let key = StageKey {
///     file_sha256: sha256_hex(b"the bytes of the file"),
///     stage: StageName::new("segment"),
///     version: 5,
///     settings: json!({"padding_s": 0.15}),
///     model_sha256: None,
///     numeric: None,
///     inputs: Vec::new(),
///     output: None,
/// };
/// let other = StageKey { settings: json!({"padding_s": 0.2}), ..key.clone() };
/// assert_eq!(key.fingerprint(), key.clone().fingerprint());
/// assert_ne!(key.fingerprint(), other.fingerprint(), "a setting changes the artifact");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageKey {
    /// SHA-256 of the recording's bytes, hex.
    pub file_sha256: String,
    /// The stage that computes the artifact.
    pub stage: StageName,
    /// Version of the stage's method; incremented when the same input would give a different result.
    pub version: u32,
    /// The settings that the stage reads.
    pub settings: Value,
    /// SHA-256 of the model's files, if the stage uses a model.
    pub model_sha256: Option<String>,
    /// Numeric type and kernel family (`f32/gemm`), if the stage uses a model.
    pub numeric: Option<String>,
    /// Fingerprints of the artifacts that the stage reads, in the order in which it declares them, each once.
    pub inputs: Vec<Fingerprint>,
    /// The artifact's name among the stage's outputs; `None` for the main artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputName>,
}

impl StageKey {
    /// The name of the artifact.
    #[must_use]
    pub const fn artifact(&self) -> ArtifactName {
        ArtifactName::new(self.stage, self.output)
    }

    /// The hash of this key. Fields are length-prefixed, so that no two keys have the same encoding.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut stream = Sha256Stream::default();
        let mut field = |text: &str| {
            stream.update(&(text.len() as u64).to_le_bytes());
            stream.update(text.as_bytes());
        };
        field("earwitness/1");
        field(&self.file_sha256);
        field(self.stage.as_str());
        field(&self.version.to_string());
        field(&canonical_json(&self.settings));
        field(self.model_sha256.as_deref().unwrap_or(""));
        field(self.numeric.as_deref().unwrap_or(""));
        field(&self.inputs.len().to_string());
        for input in &self.inputs {
            field(&input.to_string());
        }
        if let Some(output) = &self.output {
            field(&output.to_string());
        }
        Fingerprint(stream.finish())
    }
}

/// JSON with sorted keys, for any map type of serde_json.
fn canonical_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            let members: Vec<_> = keys
                .into_iter()
                .map(|key| format!("{}:{}", Value::String(key.clone()), canonical_json(&map[key])))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical_json).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key() -> StageKey {
        StageKey {
            file_sha256: "ab".repeat(32),
            stage: StageName::new("segment"),
            version: 1,
            settings: json!({"vad": "energy", "window_max_s": 30.0}),
            model_sha256: None,
            numeric: None,
            inputs: vec![],
            output: None,
        }
    }

    #[test]
    fn fingerprint_depends_on_every_field() {
        let base = key().fingerprint();
        let changed = [
            StageKey { file_sha256: "cd".repeat(32), ..key() },
            StageKey { stage: StageName::new("align"), ..key() },
            StageKey { output: Some("levels".parse().unwrap()), ..key() },
            StageKey { version: 2, ..key() },
            StageKey { settings: json!({"vad": "energy", "window_max_s": 29.0}), ..key() },
            StageKey { model_sha256: Some("m".into()), ..key() },
            StageKey { numeric: Some("f32".into()), ..key() },
            StageKey { inputs: vec![base], ..key() },
        ];
        for (i, changed) in changed.iter().enumerate() {
            assert_ne!(changed.fingerprint(), base, "field {i}");
        }
        assert_eq!(key().fingerprint(), base);
    }

    #[test]
    fn fingerprint_does_not_depend_on_the_order_of_settings() {
        let other = StageKey { settings: json!({"window_max_s": 30.0, "vad": "energy"}), ..key() };
        assert_eq!(other.fingerprint(), key().fingerprint());
    }

    #[test]
    fn fingerprint_is_read_back_from_its_text() {
        let fingerprint = key().fingerprint();
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert!("xyz".parse::<Fingerprint>().is_err());
    }
}
