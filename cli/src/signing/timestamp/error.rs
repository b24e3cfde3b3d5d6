//! Why a time stamp cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a request cannot be made, or a reply does not prove a time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {reason}", stage_core::shown(file))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A file is invalid.
    #[error("{}: {reason}", stage_core::shown(file))]
    InFile {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: Box<Self>,
    },
    /// The system has no random numbers.
    #[error("no nonce can be made: the system has no random numbers: {0}")]
    NoRandomNumbers(getrandom::Error),
    /// The request cannot be encoded.
    #[error("the request cannot be encoded: {0}")]
    Request(der::Error),
    /// The bytes are not the reply of a time stamp authority.
    #[error("not the reply of a time stamp authority: {0}")]
    NotAReply(&'static str),
    /// A part of the reply cannot be decoded.
    #[error("the time stamp is damaged or not as RFC 3161 says: {part}: {reason}")]
    Malformed {
        /// The part.
        part: &'static str,
        /// Why.
        reason: String,
    },
    /// The authority refused the request.
    #[error("the authority made no time stamp: {status}{}", details(.failure, .text))]
    NotGranted {
        /// Its status, in words.
        status: String,
        /// Its failure information, in words.
        failure: Vec<String>,
        /// What it says.
        text: String,
    },
    /// An algorithm is unknown or too weak.
    #[error("{what} is {algorithm}, which is not supported")]
    Algorithm {
        /// What the algorithm is for.
        what: &'static str,
        /// The algorithm.
        algorithm: String,
    },
    /// The signature does not cover the time, or is not that of the certificate.
    #[error("the signature of the time stamp is invalid: {0}")]
    Signature(&'static str),
    /// The signer's certificate is neither in the token nor among the trusted ones.
    #[error(
        "the certificate of the authority is missing: the reply does not contain it; \
         add it to the file of trusted certificates"
    )]
    NoSigner,
    /// The signer's certificate is not one for time stamps, or was not valid.
    #[error("the certificate of the authority ({subject}) {problem}")]
    Signer {
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The signer's certificate does not lead to a trusted one.
    #[error("the certificate of the authority ({subject}) is not trusted: {problem}")]
    Untrusted {
        /// Its subject.
        subject: String,
        /// Why.
        problem: String,
    },
    /// A file of trusted certificates has none.
    #[error("no certificate in PEM format; `openssl x509 -inform DER -in FILE -out NEW.pem` converts one in DER")]
    NoCertificates,
    /// A trusted certificate cannot be decoded.
    #[error("certificate {number} is damaged: {reason}")]
    Certificate {
        /// Its number in the file, from 1.
        number: usize,
        /// Why.
        reason: String,
    },
}

impl TimestampError {
    /// An error of a decoder.
    pub(super) fn malformed(part: &'static str) -> impl Fn(der::Error) -> Self {
        move |error| Self::Malformed { part, reason: error.to_string() }
    }

    /// A part that breaks a rule of the standard.
    pub(super) fn rule(part: &'static str, reason: &str) -> Self {
        Self::Malformed { part, reason: reason.to_owned() }
    }
}

fn details(failure: &[String], text: &str) -> String {
    let failure = if failure.is_empty() { String::new() } else { format!(" ({})", failure.join(", ")) };
    if text.is_empty() { failure } else { format!("{failure}: {}", stage_core::printable(text)) }
}
