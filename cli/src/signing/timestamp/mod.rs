//! Time stamps of others (RFC 3161): makes requests, and reads and verifies the replies of authorities.
//!
//! A time stamp authority signs a hash with the time of its clock. Nothing here contacts one: a user sends the request,
//! and brings the reply.
//!
//! ```text
//! SHA-256 -> request -> FILE.tsq -> (authority) -> FILE.tsr -> Reply -> statement, verify
//! ```

mod algorithms;
mod asn1;
mod ber;
mod certificate;
mod certificates;
mod error;
mod oids;
mod reply;
mod tst_info;
mod verify;

use der::Encode;
use der::asn1::{Any, OctetString};
use x509_cert::spki::AlgorithmIdentifier;

pub use self::certificates::Certificates;
pub use self::error::TimestampError;
pub use self::reply::Reply;
pub use self::tst_info::Statement;
pub use self::verify::Verified;

/// A random nonce for a request.
///
/// # Errors
/// The system has no random numbers.
pub fn nonce() -> Result<u64, TimestampError> {
    getrandom::u64().map_err(TimestampError::NoRandomNumbers)
}

/// The request for a time stamp of a SHA-256: a TimeStampReq in DER, which asks the authority to add its certificate. The
/// authority repeats the nonce in its reply ([`Statement::nonce`]), so that a reply to an earlier request is recognized.
///
/// # Errors
/// It cannot be encoded.
pub fn request(sha256: &[u8; 32], nonce: u64) -> Result<Vec<u8>, TimestampError> {
    let hash = AlgorithmIdentifier { oid: oids::SHA256, parameters: Some(Any::null()) };
    let encoded = OctetString::new(&sha256[..]).and_then(|hashed_message| {
        let message_imprint = asn1::MessageImprint { hash_algorithm: hash, hashed_message };
        asn1::TimeStampReq { version: 1, message_imprint, req_policy: None, nonce: Some(nonce), cert_req: true }
            .to_der()
    });
    encoded.map_err(TimestampError::Request)
}
