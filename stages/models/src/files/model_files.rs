//! The files of one model: small files in memory, opened weights, and one hash over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use stage_core::sha256_hex;

use super::folder::{ModelFile, ModelFolder};
use crate::ModelError;
use crate::weights::Weights;

/// The small files that a model's folder contains besides the weights.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Files that every model has.
    pub required: &'static [&'static str],
    /// Files that only some models have.
    pub optional: &'static [&'static str],
    /// Files that results depend on, in the order in which they are hashed.
    pub hashed: &'static [&'static str],
    /// The separator between hashes, and before the hash of the weights.
    pub separator: &'static str,
}

/// The small files of one model.
#[derive(Debug)]
pub struct SmallFiles {
    files: BTreeMap<&'static str, ModelFile>,
    /// Name and hash of each file that results depend on, in the order of the layout.
    hashes: Vec<(&'static str, String)>,
    separator: &'static str,
}

impl SmallFiles {
    /// Reads the files. Files of a hub model that are not in the hub's cache are downloaded first.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first required file that is missing, or the first file that cannot be read.
    pub fn read(folder: &ModelFolder, layout: &Layout) -> Result<Self, ModelError> {
        let mut files = BTreeMap::new();
        for name in layout.required {
            files.insert(*name, folder.read(name)?);
        }
        for name in layout.optional {
            if let Some(file) = folder.read_optional(name)? {
                files.insert(*name, file);
            }
        }
        // A missing file contributes an empty hash.
        let hash = |name: &&str| files.get(name).map_or_else(String::new, |file| sha256_hex(&file.bytes));
        let hashes = layout.hashed.iter().map(|name| (*name, hash(name))).collect();
        Ok(Self { files, hashes, separator: layout.separator })
    }

    /// A file that the layout requires.
    ///
    /// # Panics
    /// If the layout does not require the file.
    #[must_use]
    pub fn required(&self, name: &str) -> &ModelFile {
        self.optional(name).expect("a file that the layout requires")
    }

    /// A file of the layout, if the folder has it.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&ModelFile> {
        self.files.get(name)
    }

    /// All files.
    #[must_use]
    pub fn into_all(self) -> Vec<ModelFile> {
        self.files.into_values().collect()
    }
}

/// The files of one model whose small files have been parsed: name, weights and hash.
#[derive(Debug)]
pub struct ModelFiles {
    name: String,
    weights: Weights,
    hashes: Vec<(&'static str, String)>,
    separator: &'static str,
    sha256: OnceLock<String>,
}

impl ModelFiles {
    /// Opens the weights that belong to these small files. No tensor is read.
    ///
    /// # Errors
    /// A [`ModelError`] that names the first missing file.
    pub fn open(folder: &ModelFolder, small: &SmallFiles) -> Result<Self, ModelError> {
        Ok(Self {
            name: folder.name().to_owned(),
            weights: folder.weights()?,
            hashes: small.hashes.clone(),
            separator: small.separator,
            sha256: OnceLock::new(),
        })
    }

    /// The model's display name: `embedded`, the directory's name or the hub id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The weights.
    #[must_use]
    pub const fn weights(&self) -> &Weights {
        &self.weights
    }

    /// SHA-256, as hex, over every file that results depend on. The first call reads the weights.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, if the weights cannot be read.
    pub fn sha256(&self) -> Result<&str, ModelError> {
        if let Some(known) = self.sha256.get() {
            return Ok(known);
        }
        let small: String = self.hashes.iter().flat_map(|(_, sha256)| [sha256.as_str(), self.separator]).collect();
        let all = small + self.weights.sha256()?;
        Ok(self.sha256.get_or_init(|| sha256_hex(all.as_bytes())))
    }

    /// SHA-256 of each file that results depend on, as `sha256sum` prints it, by file name. The first call reads the
    /// weights.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, if the weights cannot be read.
    pub fn file_hashes(&self) -> Result<BTreeMap<String, String>, ModelError> {
        let small = self.hashes.iter().filter(|(_, sha256)| !sha256.is_empty());
        let small = small.map(|(name, sha256)| ((*name).to_owned(), sha256.clone()));
        Ok(small.chain(self.weights.hashes()?.iter().cloned()).collect())
    }

    /// Checks every value of the weights, using all threads.
    ///
    /// # Errors
    /// A [`ModelError`] that names file and tensor if a value is NaN, infinite or outside the range of f16, or if a
    /// matrix contains only zeros.
    pub fn check_values(&self) -> Result<(), ModelError> {
        Ok(self.weights.open()?.check_values()?)
    }

    /// The size of all tensors, in bytes.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, if the weights cannot be read.
    pub fn weights_bytes(&self) -> Result<u64, ModelError> {
        let weights = self.weights.open()?;
        Ok(weights.tensors().iter().map(|(_, tensor)| tensor.data().len() as u64).sum())
    }

    /// The size of the weights and their storage types, for display: `37.7 MB of f32`.
    ///
    /// # Errors
    /// A [`ModelError`] that names the file, if the weights cannot be read.
    pub fn weights_summary(&self) -> Result<String, ModelError> {
        let weights = self.weights.open()?;
        let tensors = weights.tensors();
        let bytes = self.weights_bytes()?;
        let types: BTreeSet<_> =
            tensors.iter().map(|(_, tensor)| format!("{:?}", tensor.dtype()).to_lowercase()).collect();
        let types = types.into_iter().map(|name| if name == "u8" { "int8".to_owned() } else { name });
        Ok(format!("{:.1} MB of {}", bytes as f64 / 1e6, types.collect::<Vec<_>>().join(", ")))
    }
}
