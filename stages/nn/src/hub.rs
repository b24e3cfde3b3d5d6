//! Files of a model repository on the Hugging Face Hub, through the cache that its other tools share.

use std::path::PathBuf;

use hf_hub::HFClientSync;
use hf_hub::repository::RepoTypeModel;
use hf_hub::{HFError, HFRepositorySync};

/// A model repository on the hub.
#[derive(Debug, Clone)]
pub struct HubRepository {
    id: String,
    repository: HFRepositorySync<RepoTypeModel>,
}

/// Why a file of the hub could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The client could not be set up (a malformed endpoint, say).
    #[error("the hub's client could not be set up: {0}")]
    Client(HFError),
    /// The repository has no such file: the model may not be stored in the layout that is needed.
    #[error("{id}: the repository has no file `{file}`")]
    NoSuchFile {
        /// `organisation/name`.
        id: String,
        /// The file in the repository.
        file: String,
    },
    /// The file is not in the cache and could not be downloaded: check the name and the network.
    #[error(
        "{id}: `{file}` is not in the hub's cache and could not be downloaded: {reason}; without a network, copy the \
         model's directory to this machine and give its path instead"
    )]
    Unavailable {
        /// `organisation/name`.
        id: String,
        /// The file in the repository.
        file: String,
        /// What the client said.
        reason: HFError,
    },
}

impl HubRepository {
    /// The repository `organisation/name`. Nothing is fetched yet; cache, endpoint and token are those of the hub's
    /// other tools.
    ///
    /// # Errors
    /// [`HubError::Client`] where the client cannot be set up.
    pub fn open(id: &str) -> Result<Self, HubError> {
        let (owner, name) = id.split_once('/').unwrap_or(("", id));
        let repository = HFClientSync::new().map_err(HubError::Client)?.model(owner, name);
        Ok(Self { id: id.to_owned(), repository })
    }

    /// The local path of a file: the cached copy where there is one (no network is touched), else a download.
    ///
    /// # Errors
    /// [`HubError::NoSuchFile`] or [`HubError::Unavailable`].
    pub fn file(&self, file: &str) -> Result<PathBuf, HubError> {
        let cached = self.repository.download_file().filename(file).local_files_only(true).send();
        if let Ok(path) = cached {
            return Ok(path);
        }
        self.repository.download_file().filename(file).send().map_err(|reason| {
            let (id, file) = (self.id.clone(), file.to_owned());
            match reason {
                HFError::EntryNotFound { .. } => HubError::NoSuchFile { id, file },
                reason => HubError::Unavailable { id, file, reason },
            }
        })
    }
}
