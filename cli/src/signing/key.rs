//! ed25519 key pairs in PEM files: PKCS#8 for the private key, SPKI for the public key, as OpenSSL writes them.

use std::fmt;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use stage_core::{Existing, sha256_hex, write_files, write_private_file};
use zeroize::Zeroizing;

use super::key_error::{KeyError, KeyProblem};
use super::pem::{self, Decoded};
use super::small_file;

/// The longest key file, in bytes. Keys have less than 200.
const LIMIT: u64 = 1 << 14;

/// The ed25519 key that signs. It is erased from memory when dropped.
pub struct PrivateKey(SigningKey);

/// The ed25519 key that verifies signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Which key a file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The key that signs.
    Private,
    /// The key that verifies.
    Public,
}

/// A signature was not made by this key over these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match the key and the signed bytes")]
pub struct InvalidSignature;

/// The file of the public key that [`PrivateKey::create`] writes beside the file of a private key.
#[must_use]
pub fn public_key_file(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

impl PrivateKey {
    /// Makes a key. Writes it to a new `file` that only its owner can read, and its public key to [`public_key_file`].
    ///
    /// # Errors
    /// One of the files exists or cannot be written, or the file system does not protect the private key from others. No
    /// file is left then.
    pub fn create(file: &Path) -> Result<Self, KeyError> {
        let public_file = public_key_file(file);
        if let Some(exists) = [file, &public_file].into_iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(KeyError::new(exists, KeyProblem::Exists));
        }
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::new(file, KeyProblem::NoRandomNumbers(error)))?;
        let key = Self(SigningKey::from_bytes(&seed));
        let pem = key.to_pem().map_err(|problem| KeyError::new(file, problem))?;
        write_private_file(file, pem.as_bytes(), Existing::Keep).map_err(|error| not_written(file, error))?;
        // Loaded again: where the file system has no permissions, no key is made that would be refused later.
        let written = Self::load(file).and_then(|key| write_public(&public_file, &key.public()).map(|()| key));
        if written.is_err() {
            // The first error matters, not that of removing the file.
            let _ = std::fs::remove_file(file);
        }
        written
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or it is not an ed25519 private key in PEM format.
    pub fn load(file: &Path) -> Result<Self, KeyError> {
        match load(file)? {
            Decoded::Private(key) => Ok(Self(key)),
            Decoded::Public(_) => Err(KeyError::new(file, KeyProblem::PublicNotPrivate)),
        }
    }

    /// The signature of bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Without the optional public key, which older versions of OpenSSL do not read.
    fn to_pem(&self) -> Result<Zeroizing<String>, KeyProblem> {
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyProblem::Damaged)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// The file cannot be read, or is not an ed25519 public key in PEM format.
    pub fn load(file: &Path) -> Result<Self, KeyError> {
        match load(file)? {
            Decoded::Public(key) => Ok(Self(key)),
            Decoded::Private(_) => Err(KeyError::new(file, KeyProblem::PrivateNotPublic)),
        }
    }

    /// Reads a key of either kind; returns its public key.
    ///
    /// # Errors
    /// Those of [`PrivateKey::load`] and [`PublicKey::load`].
    pub fn of_any(file: &Path) -> Result<(KeyKind, Self), KeyError> {
        Ok(match load(file)? {
            Decoded::Private(key) => (KeyKind::Private, Self(key.verifying_key())),
            Decoded::Public(key) => (KeyKind::Public, Self(key)),
        })
    }

    /// The key of its 32 bytes (RFC 8032).
    ///
    /// # Errors
    /// The bytes are not a key, or one of the weak ones.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyProblem> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyProblem::Damaged)?;
        if key.is_weak() { Err(KeyProblem::Weak) } else { Ok(Self(key)) }
    }

    /// The 32 bytes of the key (RFC 8032).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The SHA-256 of the key's SubjectPublicKeyInfo in DER, as 64 hex digits. `openssl pkey -pubin -in FILE -outform DER
    /// | openssl sha256` prints the same.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        sha256_hex(&[&SPKI_PREFIX[..], self.as_bytes()].concat())
    }

    /// Checks that the signature was made by this key over these bytes. Signatures that several keys or texts would share
    /// are rejected.
    ///
    /// # Errors
    /// It was not.
    pub fn verify(&self, bytes: &[u8], signature: &[u8; 64]) -> Result<(), InvalidSignature> {
        self.0.verify_strict(bytes, &Signature::from_bytes(signature)).map_err(|_| InvalidSignature)
    }

    fn to_pem(self) -> Result<String, KeyProblem> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyProblem::Damaged)
    }
}

/// The SubjectPublicKeyInfo of an ed25519 key in DER, before the 32 bytes of the key (RFC 8410, 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn load(file: &Path) -> Result<Decoded, KeyError> {
    let failed = |problem| KeyError::new(file, problem);
    let (bytes, metadata) = small_file::read(file, LIMIT).map_err(|error| failed(KeyProblem::Unreadable(error)))?;
    match pem::decode(&bytes).map_err(failed)? {
        Decoded::Public(key) if key.is_weak() => Err(failed(KeyProblem::Weak)),
        Decoded::Private(key) => require_private(&metadata).map(|()| Decoded::Private(key)).map_err(failed),
        key => Ok(key),
    }
}

/// As ssh does for its keys.
fn require_private(metadata: &Metadata) -> Result<(), KeyProblem> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyProblem::Exposed { mode }) }
}

fn write_public(file: &Path, key: &PublicKey) -> Result<(), KeyError> {
    let pem = key.to_pem().map_err(|problem| KeyError::new(file, problem))?;
    let written = write_files([(file, pem.as_bytes(), Existing::Keep)]);
    written.map_err(|(_, error)| not_written(file, error))
}

fn not_written(file: &Path, error: std::io::Error) -> KeyError {
    let exists = error.kind() == ErrorKind::AlreadyExists;
    KeyError::new(file, if exists { KeyProblem::Exists } else { KeyProblem::Unwritable(error) })
}
