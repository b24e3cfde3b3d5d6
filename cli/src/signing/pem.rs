//! Key files: finds out what a PEM file contains, and decodes ed25519 keys.

use ed25519_dalek::pkcs8::spki::{self, AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use ed25519_dalek::pkcs8::{self, ObjectIdentifier, PrivateKeyInfoRef};
use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::key_error::KeyProblem;

/// id-Ed25519 (RFC 8410).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A decoded ed25519 key.
pub(super) enum Decoded {
    Private(SigningKey),
    Public(VerifyingKey),
}

/// Decodes a key file.
pub(super) fn decode(file: &[u8]) -> Result<Decoded, KeyProblem> {
    if file.is_empty() {
        return Err(KeyProblem::Empty);
    }
    let label = der::pem::decode_label(file).map_err(|_| KeyProblem::NotPem)?;
    match label {
        "PRIVATE KEY" => private_key(&contents(file)?).map(Decoded::Private),
        "PUBLIC KEY" => public_key(&contents(file)?).map(Decoded::Public),
        "ENCRYPTED PRIVATE KEY" => Err(KeyProblem::Encrypted),
        "CERTIFICATE" => Err(KeyProblem::Other("a certificate".to_owned())),
        "OPENSSH PRIVATE KEY" => Err(KeyProblem::Other("a private key in the format of OpenSSH".to_owned())),
        label => Err(KeyProblem::Other(format!("a PEM file of type {}", stage_core::printable(label)))),
    }
}

fn contents(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let (_, contents) = der::pem::decode_vec(file).map_err(|_| KeyProblem::NotPem)?;
    Ok(Zeroizing::new(contents))
}

fn private_key(contents: &[u8]) -> Result<SigningKey, KeyProblem> {
    let info = PrivateKeyInfoRef::try_from(contents).map_err(|_| KeyProblem::Damaged)?;
    require_ed25519(&info.algorithm, "private key")?;
    SigningKey::try_from(info).map_err(|_: pkcs8::Error| KeyProblem::Damaged)
}

fn public_key(contents: &[u8]) -> Result<VerifyingKey, KeyProblem> {
    let info = SubjectPublicKeyInfoRef::try_from(contents).map_err(|_| KeyProblem::Damaged)?;
    require_ed25519(&info.algorithm, "public key")?;
    VerifyingKey::try_from(info).map_err(|_: spki::Error| KeyProblem::Damaged)
}

fn require_ed25519(algorithm: &AlgorithmIdentifierRef<'_>, kind: &str) -> Result<(), KeyProblem> {
    let name = match algorithm.oid.to_string().as_str() {
        _ if algorithm.oid == ED25519 => return Ok(()),
        "1.2.840.113549.1.1.1" => "an RSA".to_owned(),
        "1.2.840.10045.2.1" => "an EC".to_owned(),
        "1.3.101.113" => "an ed448".to_owned(),
        "1.3.101.110" => "an x25519".to_owned(),
        oid => return Err(KeyProblem::Other(format!("a {kind} of the algorithm {oid}"))),
    };
    Err(KeyProblem::Other(format!("{name} {kind}")))
}
