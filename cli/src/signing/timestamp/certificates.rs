//! The certificates that a user trusts, and the chain from a signer's certificate to one of them.

use std::path::Path;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use super::algorithms;
use super::certificate::Certificate;
use super::error::TimestampError;
use crate::signing::small_file;

/// The longest file of certificates, in bytes. That of all roots of the web has 250 kB.
const LIMIT: u64 = 1 << 22;

/// id-kp-timeStamping (1.3.6.1.5.5.7.3.8) in DER, without tag and length.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// Certificates that a user trusts for time stamps: roots, intermediate authorities, or the certificate of a time stamp
/// authority itself.
#[derive(Debug, Clone)]
pub struct Certificates(Vec<Certificate>);

impl Certificates {
    /// Reads a PEM file with one certificate or several. Text between them is skipped.
    ///
    /// # Errors
    /// The file cannot be read, or [`Self::from_pem`].
    pub fn load(file: &Path) -> Result<Self, TimestampError> {
        let read = small_file::read(file, LIMIT);
        let (bytes, _) = read.map_err(|reason| TimestampError::Unreadable { file: file.to_owned(), reason })?;
        let in_file = |reason| TimestampError::InFile { file: file.to_owned(), reason: Box::new(reason) };
        Self::from_pem(&bytes).map_err(in_file)
    }

    /// The certificates of a PEM text.
    ///
    /// # Errors
    /// There is none, or one is damaged.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TimestampError> {
        let mut certificates = Vec::new();
        for (at, found) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let damaged = |reason: String| TimestampError::Certificate { number: at + 1, reason };
            let certificate = Certificate::decode(found.map_err(|error| damaged(error.to_string()))?.into_owned())
                .map_err(|error| damaged(error.to_string()))?;
            anchor_from_trusted_cert(&certificate.der).map_err(|error| damaged(in_words(&error)))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() { Err(TimestampError::NoCertificates) } else { Ok(Self(certificates)) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Certificate> {
        self.0.iter()
    }

    /// Checks that the signer's certificate was valid at a time since 1970 and is trusted: itself, or through a chain whose
    /// other certificates are in the token. Returns the subject of the trusted certificate.
    pub(super) fn check(
        &self,
        signer: &Certificate,
        token: &[CertificateDer<'static>],
        time: Duration,
    ) -> Result<String, TimestampError> {
        let untrusted = |problem| TimestampError::Untrusted { subject: signer.subject(), problem };
        signer.check_validity(time).map_err(|problem| TimestampError::Signer { subject: signer.subject(), problem })?;
        if self.iter().any(|trusted| trusted.der == signer.der) {
            return Ok(signer.subject());
        }
        let webpki = |error: Error| untrusted(in_words(&error));
        let authorities: Vec<_> = self.iter().filter(|certificate| certificate.is_authority()).collect();
        let anchors = authorities.iter().map(|certificate| anchor_from_trusted_cert(&certificate.der));
        let anchors: Vec<TrustAnchor<'_>> = anchors.collect::<Result<_, _>>().map_err(webpki)?;
        let end = EndEntityCert::try_from(&signer.der).map_err(webpki)?;
        let algorithms = algorithms::for_certificates();
        let time = UnixTime::since_unix_epoch(time);
        let usage = KeyUsage::required(TIME_STAMPING);
        let path = end.verify_for_usage(&algorithms, &anchors, token, time, usage, None, None).map_err(webpki)?;
        let of_anchor = anchors.iter().zip(authorities).find(|(anchor, _)| *anchor == path.anchor());
        Ok(of_anchor.map(|(_, certificate)| certificate.subject()).unwrap_or_default())
    }
}

/// An error of the library in words. Its own text is that of `Debug`.
pub(super) fn in_words(error: &Error) -> String {
    let text = match error {
        Error::UnknownIssuer => "no chain of certificates leads from it to a trusted one",
        Error::CertExpired { .. } => "a certificate in its chain had expired at the time",
        Error::CertNotValidYet { .. } => "a certificate in its chain was not valid yet at the time",
        Error::CaUsedAsEndEntity => "it is the certificate of an authority that issues certificates",
        Error::EndEntityUsedAsCa => "a certificate in its chain may not issue certificates",
        Error::InvalidSignatureForPublicKey => "the signature of a certificate in its chain is invalid",
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a certificate in its chain is signed with an algorithm that is not supported or too weak"
        }
        Error::RequiredEkuNotFoundContext(_) => "a certificate in its chain is not one for time stamps",
        Error::PathLenConstraintViolated => "its chain is longer than a certificate in it allows",
        Error::NameConstraintViolation => "a certificate in its chain does not allow its name",
        Error::UnsupportedCertVersion => "a certificate has an unsupported version",
        Error::UnsupportedCriticalExtension => "a certificate in its chain has an unknown critical extension",
        _ => return format!("{error:?}"),
    };
    text.to_owned()
}
