//! The recipe of a run: its stages with their versions, settings and models. With a recording's hash it gives the keys
//! of all artifacts, so that recordings of one run share it instead of repeating it.

use serde::{Deserialize, Serialize};

use crate::{Fingerprint, Identity, StageKey, StageKind};

/// The stages from decode to some last one, in order and without gaps, each with all that it brings to a fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Step>", into = "Vec<Step>")]
pub struct Recipe(Vec<Step>);

/// A stage, the version of its method, its settings and model.
type Step = (StageKind, u32, Identity);

/// The stages are no recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// There are none: name at least decode.
    #[error("a recipe without stages")]
    Empty,
    /// A stage stands where another belongs: list them as [`StageKind::ALL`] does, from decode on.
    #[error("{found} stands where {expected} belongs in a recipe")]
    OutOfOrder {
        /// The stage of this place.
        expected: StageKind,
        /// The stage that was given.
        found: StageKind,
    },
    /// More stages than there are: end with the last of [`StageKind::ALL`].
    #[error("{found} stands after the last stage of a recipe")]
    TooLong {
        /// The stage that is too many.
        found: StageKind,
    },
}

impl Recipe {
    /// A recipe of these stages.
    ///
    /// # Errors
    /// [`RecipeError`] unless the stages run from decode to some last one, in order and without gaps.
    pub fn new(stages: Vec<(StageKind, u32, Identity)>) -> Result<Self, RecipeError> {
        if stages.is_empty() {
            return Err(RecipeError::Empty);
        }
        for (place, (found, ..)) in stages.iter().enumerate() {
            match StageKind::ALL.get(place) {
                Some(expected) if expected == found => {}
                Some(expected) => return Err(RecipeError::OutOfOrder { expected: *expected, found: *found }),
                None => return Err(RecipeError::TooLong { found: *found }),
            }
        }
        Ok(Self(stages))
    }

    /// The recipe that gave these keys of one recording.
    ///
    /// # Errors
    /// [`RecipeError`] unless the keys are one a stage, from decode to some last one. Whether the keys name their
    /// inputs rightly is not looked at: [`Recipe::keys`] tells.
    pub fn of_keys(keys: &[StageKey]) -> Result<Self, RecipeError> {
        let step = |key: &StageKey| {
            let StageKey { settings, model_sha256, numeric, .. } = key.clone();
            (key.stage, key.version, Identity { settings, model_sha256, numeric })
        };
        Self::new(keys.iter().map(step).collect())
    }

    /// The keys of a recording's artifacts, one a stage, in order. `file_sha256` is the hash of its bytes, hex.
    #[must_use]
    pub fn keys(&self, file_sha256: &str) -> Vec<StageKey> {
        self.keys_and_names(file_sha256).0
    }

    /// The names of a recording's artifacts, one a stage, in order. `file_sha256` is the hash of its bytes, hex.
    #[must_use]
    pub fn fingerprints(&self, file_sha256: &str) -> Vec<Fingerprint> {
        self.keys_and_names(file_sha256).1
    }

    /// The key of one of a recording's artifacts, where the names of those before it are known: `fingerprints` holds one a
    /// stage, in order. None for a stage that the recipe or the names do not reach.
    #[must_use]
    pub fn key(&self, file_sha256: &str, stage: StageKind, fingerprints: &[Fingerprint]) -> Option<StageKey> {
        let (_, version, identity) = self.0.get(stage as usize)?;
        let Identity { settings, model_sha256, numeric } = identity.clone();
        let inputs = stage.inputs().iter().map(|input| fingerprints.get(*input as usize).copied());
        Some(StageKey {
            file_sha256: file_sha256.to_owned(),
            stage,
            version: *version,
            settings,
            model_sha256,
            numeric,
            inputs: inputs.collect::<Option<_>>()?,
        })
    }

    fn keys_and_names(&self, file_sha256: &str) -> (Vec<StageKey>, Vec<Fingerprint>) {
        let (mut keys, mut fingerprints) = (Vec::with_capacity(self.0.len()), Vec::with_capacity(self.0.len()));
        for stage in self.stages() {
            // Inputs lie before their stage, so that their names are there.
            let Some(key) = self.key(file_sha256, stage, &fingerprints) else { break };
            fingerprints.push(key.fingerprint());
            keys.push(key);
        }
        (keys, fingerprints)
    }

    /// What a stage brings to its artifacts' keys; none for a stage that the recipe does not reach.
    #[must_use]
    pub fn identity(&self, stage: StageKind) -> Option<&Identity> {
        self.0.get(stage as usize).map(|(_, _, identity)| identity)
    }

    /// The stages, in order.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = StageKind> {
        self.0.iter().map(|(stage, ..)| *stage)
    }

    /// The last stage.
    #[must_use]
    pub fn last(&self) -> StageKind {
        StageKind::ALL[self.0.len() - 1]
    }

    /// This recipe up to and with the stage `last`; the whole of it where it ends before that.
    #[must_use]
    pub fn upto(&self, last: StageKind) -> Self {
        Self(self.0.iter().take_while(|(stage, ..)| *stage <= last).cloned().collect())
    }
}

impl TryFrom<Vec<Step>> for Recipe {
    type Error = RecipeError;

    fn try_from(stages: Vec<Step>) -> Result<Self, Self::Error> {
        Self::new(stages)
    }
}

impl From<Recipe> for Vec<Step> {
    fn from(recipe: Recipe) -> Self {
        recipe.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(stage: StageKind) -> Step {
        (stage, 1, Identity { numeric: Some("f32".into()), ..Identity::without_model(json!({"third": 1.0 / 3.0})) })
    }

    fn whole() -> Recipe {
        Recipe::new(StageKind::ALL.map(step).to_vec()).unwrap()
    }

    #[test]
    fn every_key_names_its_inputs_by_fingerprint() {
        let keys = whole().keys(&"ab".repeat(32));
        assert!(keys.iter().map(|key| key.stage).eq(StageKind::ALL));
        for key in &keys {
            let expected: Vec<_> = key.stage.inputs().iter().map(|input| keys[*input as usize].fingerprint()).collect();
            assert_eq!(key.inputs, expected);
            assert_eq!((key.file_sha256.as_str(), key.numeric.as_deref()), ("ab".repeat(32).as_str(), Some("f32")));
        }
        let names: Vec<_> = keys.iter().map(StageKey::fingerprint).collect();
        assert_eq!(whole().fingerprints(&"ab".repeat(32)), names);
        assert_eq!(Recipe::of_keys(&keys), Ok(whole()));
        let names = whole().fingerprints(&"ab".repeat(32));
        for key in keys {
            assert_eq!(whole().key(&"ab".repeat(32), key.stage, &names), Some(key));
        }
        assert_eq!(whole().key("ab", StageKind::Align, &names[..2]), None, "a name that it needs is missing");
    }

    #[test]
    fn gaps_repeats_and_nothing_are_no_recipe() {
        use StageKind::{Align, Decode, Segment, Transcribe};
        let of = |stages: &[StageKind]| Recipe::new(stages.iter().copied().map(step).collect());
        assert_eq!(of(&[]), Err(RecipeError::Empty));
        assert_eq!(of(&[Segment]), Err(RecipeError::OutOfOrder { expected: Decode, found: Segment }));
        let gap = RecipeError::OutOfOrder { expected: Transcribe, found: Align };
        assert_eq!(of(&[Decode, Segment, Align]), Err(gap));
        let six: Vec<_> = StageKind::ALL.into_iter().chain([Decode]).collect();
        assert_eq!(of(&six), Err(RecipeError::TooLong { found: Decode }));
    }

    #[test]
    fn a_shorter_recipe_gives_the_first_of_the_same_keys() {
        let short = whole().upto(StageKind::Segment);
        assert_eq!((short.last(), short.stages().len()), (StageKind::Segment, 2));
        assert_eq!(short.keys("ab"), whole().keys("ab")[..2]);
        assert_eq!(short.upto(StageKind::Forensics), short);
    }

    #[test]
    fn json_gives_the_same_recipe_back_and_is_checked() {
        let text = serde_json::to_string(&whole()).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), whole());
        let gap = serde_json::to_string(&[step(StageKind::Align)]).unwrap();
        assert!(serde_json::from_str::<Recipe>(&gap).unwrap_err().to_string().contains("decode belongs"));
    }
}
