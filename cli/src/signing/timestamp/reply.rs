//! The reply of a time stamp authority: decoding it.

use std::path::Path;

use der::asn1::Any;
use der::{Decode, Encode};
use rustls_pki_types::CertificateDer;

use super::asn1::{ContentInfo, PkiStatusInfo, SignedData, SignerInfo, TimeStampReq, TimeStampResp, TstInfo};
use super::certificate::Certificate;
use super::error::TimestampError;
use super::tst_info::{Statement, hex};
use super::{Certificates, Verified, ber, oids, verify};
use crate::signing::small_file;

/// The longest reply, in bytes. Replies have less than 20 kB.
const LIMIT: u64 = 1 << 20;

/// The reply of a time stamp authority that granted a request, or the bare token in it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its bytes, as they were given.
    encoded: Vec<u8>,
    statement: Statement,
    token: Token,
}

/// A time stamp token: a signed message whose content is a TSTInfo.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// The TSTInfo in DER, which the signature covers.
    pub(super) content: Vec<u8>,
    pub(super) signer: SignerInfo,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Reply {
    /// Reads the file of a reply (TimeStampResp), or of a token (TimeStampToken).
    ///
    /// # Errors
    /// The file cannot be read, or [`Self::parse`].
    pub fn load(file: &Path) -> Result<Self, TimestampError> {
        let read = small_file::read(file, LIMIT);
        let (bytes, _) = read.map_err(|reason| TimestampError::Unreadable { file: file.to_owned(), reason })?;
        let in_file = |reason| TimestampError::InFile { file: file.to_owned(), reason: Box::new(reason) };
        Self::parse(&bytes).map_err(in_file)
    }

    /// Decodes a reply (TimeStampResp), or a token (TimeStampToken). Nothing is verified: that is [`Self::verify`].
    ///
    /// # Errors
    /// The bytes are neither, are damaged, or the authority did not grant the request.
    pub fn parse(bytes: &[u8]) -> Result<Self, TimestampError> {
        let error = match Self::parse_der(bytes) {
            Ok(reply) => return Ok(Self { encoded: bytes.to_vec(), ..reply }),
            Err(error) => error,
        };
        match ber::to_der(bytes) {
            Some(der) if der != bytes => Ok(Self { encoded: bytes.to_vec(), ..Self::parse_der(&der)? }),
            _ => Err(error),
        }
    }

    fn parse_der(bytes: &[u8]) -> Result<Self, TimestampError> {
        if !bytes.starts_with(&[0x30]) {
            let kind = if bytes.is_empty() { "it is empty" } else { "it is not in the format DER" };
            return Err(TimestampError::NotAReply(kind));
        }
        if TimeStampReq::from_der(bytes).is_ok() {
            return Err(TimestampError::NotAReply("it is a request; send it to an authority and give its reply"));
        }
        let token = match ContentInfo::from_der(bytes) {
            Ok(token) => token,
            Err(_) => granted(bytes)?,
        };
        let (token, info) = Token::of(&token)?;
        let signer = token.certificates.iter().filter_map(|der| Certificate::decode(der.clone()).ok());
        let signer = signer.into_iter().find(|certificate| certificate.is_named_by(&token.signer.sid).unwrap_or(false));
        let statement = Statement::of(&info, signer.map(|certificate| certificate.subject()))?;
        Ok(Self { encoded: Vec::new(), statement, token })
    }

    /// The bytes from which it was decoded.
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// What the authority states.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Whether the time stamp is one of this SHA-256.
    #[must_use]
    pub fn covers(&self, sha256: &[u8; 32]) -> bool {
        self.statement.imprint_algorithm == "SHA-256" && self.statement.imprint == hex(sha256)
    }

    /// Checks the signature of the time stamp, and that the certificate of its signer is one for time stamps, was valid at
    /// the time, and leads to a trusted one. Whether a certificate was revoked is not checked.
    ///
    /// # Errors
    /// One of these checks failed.
    pub fn verify(&self, trusted: &Certificates) -> Result<Verified, TimestampError> {
        verify::verify(&self.token, self.statement.time, trusted)
    }
}

impl Token {
    fn of(message: &ContentInfo) -> Result<(Self, TstInfo), TimestampError> {
        if message.content_type != oids::SIGNED_DATA {
            return Err(TimestampError::NotAReply("its content is not a signed message"));
        }
        let signed: SignedData = message.content.decode_as().map_err(TimestampError::malformed("SignedData"))?;
        if signed.encap_content_info.content_type != oids::TST_INFO {
            return Err(TimestampError::NotAReply("its content is not a time stamp"));
        }
        let content = signed.encap_content_info.content;
        let content =
            content.ok_or_else(|| TimestampError::rule("SignedData", "it has no content"))?.into_bytes().into();
        let mut signers = signed.signer_infos.into_vec().into_iter();
        let (Some(signer), None) = (signers.next(), signers.next()) else {
            return Err(TimestampError::rule("SignedData", "it has no signer or several"));
        };
        let certificates = signed.certificates.unwrap_or_default().into_iter().map(certificate);
        let certificates = certificates.collect::<Result<_, _>>().map_err(TimestampError::malformed("certificates"))?;
        let token = Self { content, signer, certificates };
        let info = TstInfo::from_der(&token.content).map_err(TimestampError::malformed("TSTInfo"))?;
        Ok((token, info))
    }
}

fn certificate(value: Any) -> Result<CertificateDer<'static>, der::Error> {
    value.to_der().map(CertificateDer::from)
}

/// The token of a reply that grants the request.
fn granted(bytes: &[u8]) -> Result<ContentInfo, TimestampError> {
    let reply = TimeStampResp::from_der(bytes).map_err(TimestampError::malformed("TimeStampResp"))?;
    if reply.status.status > 1 {
        return Err(not_granted(&reply.status));
    }
    let token = reply.time_stamp_token;
    let token =
        token.ok_or_else(|| TimestampError::rule("TimeStampResp", "it grants the request, but has no token"))?;
    token.decode_as().map_err(TimestampError::malformed("TimeStampToken"))
}

fn not_granted(status: &PkiStatusInfo) -> TimestampError {
    let words = match status.status {
        2 => "it rejects the request".to_owned(),
        3 => "the request is waiting".to_owned(),
        4 => "it warns of a revocation".to_owned(),
        5 => "its certificate was revoked".to_owned(),
        other => format!("its status is {other}"),
    };
    let text = |value: &Any| String::from_utf8_lossy(value.value()).into_owned();
    let texts: Vec<String> = status.status_string.iter().flatten().map(text).collect();
    TimestampError::NotGranted { status: words, failure: failures(status), text: texts.join(" ") }
}

fn failures(status: &PkiStatusInfo) -> Vec<String> {
    let bits = status.fail_info.iter().flat_map(der::asn1::BitString::bits);
    let set = bits.enumerate().filter(|(_, is_set)| *is_set);
    let words = set.map(|(bit, _)| match bit {
        0 => "the hash function is not supported".to_owned(),
        2 => "the request is not permitted or supported".to_owned(),
        5 => "the request is damaged".to_owned(),
        14 => "its clock is not available".to_owned(),
        15 => "the policy is not supported".to_owned(),
        16 => "the extension is not supported".to_owned(),
        17 => "the additional information is not available".to_owned(),
        25 => "the system failed".to_owned(),
        other => format!("failure {other}"),
    });
    words.collect()
}
