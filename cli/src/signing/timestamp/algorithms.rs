//! Hashes and signature algorithms of time stamps.
//!
//! RSA and most of ECDSA come from ring, through webpki. ring has no ECDSA with SHA-512, which public authorities use.

use der::asn1::ObjectIdentifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use ring::digest;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use webpki::ring as algorithms;
use webpki::{EndEntityCert, Error};

use super::error::TimestampError;
use super::oids;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// Only for the identification of certificates, which the signature of the token and the chain of the certificate
    /// protect as well.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    pub(super) const fn of(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            oids::SHA1 => Some(Self::Sha1),
            oids::SHA256 => Some(Self::Sha256),
            oids::SHA384 => Some(Self::Sha384),
            oids::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The hash that signs.
    pub(super) fn of_signature(oid: ObjectIdentifier) -> Result<Self, TimestampError> {
        let strong = Self::of(oid).filter(|hash| *hash != Self::Sha1);
        strong.ok_or_else(|| unsupported("the hash function of the signature", oid))
    }

    pub(super) fn digest(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

pub(super) fn unsupported(what: &'static str, oid: ObjectIdentifier) -> TimestampError {
    let name = Hash::of(oid).map_or_else(|| oid.to_string(), |hash| hash.name().to_owned());
    TimestampError::Algorithm { what, algorithm: name }
}

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// All algorithms for signatures of certificates.
pub(super) fn for_certificates() -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    [webpki::ALL_VERIFICATION_ALGS, &[&P256_SHA512 as Algorithm, &P384_SHA512]].concat()
}

/// Checks a signature of `message` by the key of a certificate. `hash` is the hash function of the message, for
/// algorithms that do not name one.
pub(super) fn verify(
    certificate: &EndEntityCert<'_>,
    algorithm: ObjectIdentifier,
    hash: Hash,
    message: &[u8],
    signature: &[u8],
) -> Result<(), TimestampError> {
    for candidate in candidates(algorithm, hash)? {
        match certificate.verify_signature(candidate, message, signature) {
            Ok(()) => return Ok(()),
            Err(Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
            Err(_) => return Err(TimestampError::Signature("the time or the signature was changed")),
        }
    }
    Err(unsupported("the algorithm of the signature, for the key of the certificate,", algorithm))
}

/// The algorithms of an identifier: ECDSA has one for each curve.
fn candidates(algorithm: ObjectIdentifier, hash: Hash) -> Result<Vec<Algorithm>, TimestampError> {
    let (is_rsa, hash) = match algorithm {
        oids::RSA => (true, hash),
        oids::RSA_SHA256 => (true, Hash::Sha256),
        oids::RSA_SHA384 => (true, Hash::Sha384),
        oids::RSA_SHA512 => (true, Hash::Sha512),
        oids::EC => (false, hash),
        oids::ECDSA_SHA256 => (false, Hash::Sha256),
        oids::ECDSA_SHA384 => (false, Hash::Sha384),
        oids::ECDSA_SHA512 => (false, Hash::Sha512),
        _ => return Err(unsupported("the algorithm of the signature", algorithm)),
    };
    Ok(match (is_rsa, hash) {
        (true, Hash::Sha256) => vec![algorithms::RSA_PKCS1_2048_8192_SHA256],
        (true, Hash::Sha384) => vec![algorithms::RSA_PKCS1_2048_8192_SHA384],
        (true, Hash::Sha512) => vec![algorithms::RSA_PKCS1_2048_8192_SHA512],
        (false, Hash::Sha256) => vec![algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256],
        (false, Hash::Sha384) => vec![algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA384],
        (false, Hash::Sha512) => vec![&P256_SHA512, &P384_SHA512],
        (_, Hash::Sha1) => Vec::new(),
    })
}

/// Verifies the signature of a hash: key, hash, signature.
type VerifyHash = fn(&[u8], &[u8], &[u8]) -> Result<(), p256::ecdsa::Error>;

/// ECDSA with SHA-512 on one curve.
#[derive(Debug)]
struct EcdsaSha512 {
    curve: AlgorithmIdentifier,
    /// Checks a signature in DER: public key, hash, signature.
    verify: VerifyHash,
}

static P256_SHA512: EcdsaSha512 = EcdsaSha512 {
    curve: alg_id::ECDSA_P256,
    verify: |key, hash, signature| {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key)?;
        key.verify_prehash(hash, &p256::ecdsa::Signature::from_der(signature)?)
    },
};

static P384_SHA512: EcdsaSha512 = EcdsaSha512 {
    curve: alg_id::ECDSA_P384,
    verify: |key, hash, signature| {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key)?;
        key.verify_prehash(hash, &p384::ecdsa::Signature::from_der(signature)?)
    },
};

impl SignatureVerificationAlgorithm for EcdsaSha512 {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let hash = Hash::Sha512.digest(message);
        (self.verify)(key, hash.as_ref(), signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.curve
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA512
    }
}
