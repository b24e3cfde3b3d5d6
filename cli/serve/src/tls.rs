//! TLS by files.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Others can read the key.
    #[error("{path}: group or others can read this key (mode {mode:o}); run `chmod 600` on it", path = path.display())]
    Exposed {
        /// The file of the key.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        cause: io::Error,
    },
    /// A file is not PEM with what it should have.
    #[error("{path}: no {expected} in PEM: {cause}", path = path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should have.
        expected: &'static str,
        /// The reason.
        cause: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not belong together, or are of an unknown kind.
    #[error("the certificate cannot be used with its key: {0}")]
    Unusable(#[from] rustls::Error),
}

/// What accepts TLS connections.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates(&files.certificate)?;
    let key = key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |cause| TlsError::Pem { path: path.to_owned(), expected: "certificate", cause };
    let (file, _) = open(path)?;
    let certificates = CertificateDer::pem_reader_iter(file).collect::<Result<Vec<_>, _>>().map_err(pem)?;
    if certificates.is_empty() { Err(pem(rustls_pki_types::pem::Error::NoItemsFound)) } else { Ok(certificates) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (file, metadata) = open(path)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(TlsError::Exposed { path: path.to_owned(), mode: metadata.mode() & 0o777 });
    }
    let pem = |cause| TlsError::Pem { path: path.to_owned(), expected: "private key", cause };
    PrivateKeyDer::from_pem_reader(file).map_err(pem)
}

fn open(path: &Path) -> Result<(File, Metadata), TlsError> {
    let unreadable = |cause| TlsError::Unreadable { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    Ok((file, metadata))
}
