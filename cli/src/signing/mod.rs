//! Keys that sign, and time stamps of others.
//!
//! | type | purpose |
//! |---|---|
//! | [`PrivateKey`], [`PublicKey`] | an ed25519 key pair in PEM files; signs and verifies bytes |
//! | [`timestamp::request`], [`timestamp::Reply`] | the request of an RFC 3161 time stamp, and what an authority answered |
//! | [`timestamp::Certificates`] | the certificates that a user trusts for time stamps |
//!
//! Nothing here uses the network.
//!
//! # Example
//!
//! ```
//! use earwitness::signing::{PrivateKey, PublicKey};
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("case.key");
//! let signature = PrivateKey::create(&file)?.sign(b"head of the log");
//! let public = PublicKey::load(&folder.path().join("case.key.pub"))?;
//! assert!(public.verify(b"head of the log", &signature).is_ok());
//! assert!(public.verify(b"another head", &signature).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod key;
mod key_error;
mod pem;
mod small_file;
pub mod timestamp;

pub use self::key::{InvalidSignature, KeyKind, PrivateKey, PublicKey, public_key_file};
pub use self::key_error::{KeyError, KeyProblem};
