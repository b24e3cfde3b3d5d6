//! Files of a model repository on the Hugging Face Hub, read through the cache that other hub tools share.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo};

/// A model repository on the hub.
#[derive(Debug)]
pub struct HubRepository {
    id: String,
    files: Files,
}

#[derive(Debug)]
enum Files {
    Hub(Box<ApiRepo>),
    Cached(CacheRepo),
}

/// The reason why a file could not be obtained from the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The client could not be set up (for example, because the endpoint is malformed).
    #[error("the hub client could not be set up: {0}")]
    Client(ApiError),
    /// The repository has no such file: the model may be stored in an unsupported layout.
    #[error("{id}: the repository has no file `{file}`")]
    NoSuchFile {
        /// `organization/name`.
        id: String,
        /// The file in the repository.
        file: String,
    },
    /// The file is not in the cache and the network is disabled: download the model once without `--offline`.
    #[error("{id}: `{file}` is not in the hub's cache on this machine, and the network is disabled (offline)")]
    NotCached {
        /// `organization/name`.
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
        /// `organization/name`.
        id: String,
        /// The file in the repository.
        file: String,
        /// The client's error.
        reason: ApiError,
    },
}

impl HubRepository {
    /// Opens the repository `organization/name`. Nothing is downloaded yet. Cache, endpoint and token are those that
    /// other hub tools use.
    ///
    /// # Errors
    /// [`HubError::Client`] if the client cannot be set up.
    pub fn open(id: &str) -> Result<Self, HubError> {
        let api = ApiBuilder::from_env().with_progress(false).build().map_err(HubError::Client)?;
        Ok(Self { id: id.to_owned(), files: Files::Hub(Box::new(api.model(id.to_owned()))) })
    }

    /// The files of the repository that are in the cache. The network is never used.
    #[must_use]
    pub fn cached(id: &str) -> Self {
        Self { id: id.to_owned(), files: Files::Cached(Cache::from_env().model(id.to_owned())) }
    }

    /// The local path of a file. Returns the cached copy if there is one, without network access; otherwise downloads
    /// the file, resuming an interrupted download.
    ///
    /// # Errors
    /// [`HubError::NoSuchFile`], [`HubError::NotCached`] or [`HubError::Unavailable`].
    pub fn file(&self, file: &str) -> Result<PathBuf, HubError> {
        let name = || (self.id.clone(), file.to_owned());
        match &self.files {
            Files::Cached(cache) => cache.get(file).ok_or_else(|| {
                let (id, file) = name();
                HubError::NotCached { id, file }
            }),
            Files::Hub(hub) => hub.get(file).map_err(|reason| {
                let (id, file) = name();
                match &reason {
                    ApiError::RequestError(request) if matches!(**request, ureq::Error::StatusCode(404)) => {
                        HubError::NoSuchFile { id, file }
                    }
                    _ => HubError::Unavailable { id, file, reason },
                }
            }),
        }
    }
}

/// The SHA-256 of a large file according to the hub, whose cache uses it as the file name. `None` for other files.
pub(crate) fn promised_sha256(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?;
    let name = blob.file_name()?.to_str()?;
    let in_cache = blob.parent()?.file_name()? == "blobs";
    (in_cache && name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| name.to_owned())
}
