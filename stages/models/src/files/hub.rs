//! Files of a model repository on the Hugging Face Hub, through the cache that its other tools share.

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

/// Why a file of the hub could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The client could not be set up (a malformed endpoint, say).
    #[error("the hub's client could not be set up: {0}")]
    Client(ApiError),
    /// The repository has no such file: the model may not be stored in the layout that is needed.
    #[error("{id}: the repository has no file `{file}`")]
    NoSuchFile {
        /// `organization/name`.
        id: String,
        /// The file in the repository.
        file: String,
    },
    /// The file is not in the cache, and the hub may not be asked: fetch the model once without `--offline`.
    #[error("{id}: `{file}` is not in the hub's cache on this machine, and the hub may not be asked (offline)")]
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
    /// The repository `organization/name`. Nothing is fetched yet; cache, endpoint and token are those of the hub's
    /// other tools.
    ///
    /// # Errors
    /// [`HubError::Client`] where the client cannot be set up.
    pub fn open(id: &str) -> Result<Self, HubError> {
        let api = ApiBuilder::from_env().with_progress(false).build().map_err(HubError::Client)?;
        Ok(Self { id: id.to_owned(), files: Files::Hub(Box::new(api.model(id.to_owned()))) })
    }

    /// The repository as far as it is in the cache: the network is never touched.
    #[must_use]
    pub fn cached(id: &str) -> Self {
        Self { id: id.to_owned(), files: Files::Cached(Cache::from_env().model(id.to_owned())) }
    }

    /// The local path of a file: the cached copy where there is one (no network is touched), else a download, which
    /// continues where an earlier one was cut off.
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

/// The SHA-256 that the hub says a large file has: its cache keeps the file under that name. None for other files.
pub(crate) fn promised_sha256(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?;
    let name = blob.file_name()?.to_str()?;
    let in_cache = blob.parent()?.file_name()? == "blobs";
    (in_cache && name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| name.to_owned())
}
