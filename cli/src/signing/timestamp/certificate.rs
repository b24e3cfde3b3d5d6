//! One certificate: whether it is the signer that a token names, and one for time stamps.

use std::time::Duration;

use der::asn1::{Any, Int};
use der::{Decode, Tag, TagNumber, Tagged};
use rustls_pki_types::CertificateDer;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};

use super::algorithms::Hash;
use super::asn1::{IssuerAndSerialNumber, IssuerSerial};
use super::oids;

/// The tag of a subject key identifier that names a signer.
const KEY_IDENTIFIER: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(0) };

/// A certificate in both forms: that of the library that verifies chains, and decoded.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) der: CertificateDer<'static>,
    decoded: x509_cert::Certificate,
}

impl Certificate {
    pub(super) fn decode(der: CertificateDer<'static>) -> Result<Self, der::Error> {
        let decoded = x509_cert::Certificate::from_der(&der)?;
        Ok(Self { der, decoded })
    }

    /// The subject as in RFC 4514.
    pub(super) fn subject(&self) -> String {
        self.decoded.tbs_certificate().subject().to_string()
    }

    /// Whether a SignerIdentifier names this certificate.
    pub(super) fn is_named_by(&self, signer: &Any) -> Result<bool, der::Error> {
        if signer.tag() == KEY_IDENTIFIER {
            let extension = self.decoded.tbs_certificate().get_extension::<SubjectKeyIdentifier>()?;
            return Ok(extension.is_some_and(|(_, identifier)| identifier.0.as_bytes() == signer.value()));
        }
        let named: IssuerAndSerialNumber = signer.decode_as()?;
        Ok(named.issuer == *self.decoded.tbs_certificate().issuer() && self.has_serial(&named.serial_number))
    }

    /// Whether an identifier of the signing-certificate attribute is that of this certificate.
    pub(super) fn is_identified_by(&self, hash: Hash, digest: &[u8], issuer: Option<&IssuerSerial>) -> bool {
        let has_issuer = |named: &IssuerSerial| {
            let own = GeneralName::DirectoryName(self.decoded.tbs_certificate().issuer().clone());
            named.issuer == [own] && self.has_serial(&named.serial_number)
        };
        hash.digest(&self.der).as_ref() == digest && issuer.is_none_or(has_issuer)
    }

    fn has_serial(&self, serial: &Int) -> bool {
        self.decoded.tbs_certificate().serial_number().as_bytes() == serial.as_bytes()
    }

    /// Whether it may sign other certificates. Certificates of version 1 do not say, and are roots.
    pub(super) fn is_authority(&self) -> bool {
        let certificate = self.decoded.tbs_certificate();
        let constraints = certificate.get_extension::<BasicConstraints>();
        certificate.version() == Version::V1 || constraints.is_ok_and(|found| found.is_some_and(|(_, basic)| basic.ca))
    }

    /// Why it is not a certificate for time stamps (RFC 3161, 2.3): the extended key usage is critical, and time stamping
    /// alone.
    pub(super) fn check_purpose(&self) -> Result<(), String> {
        let damaged = |error: der::Error| format!("is damaged: {error}");
        let certificate = self.decoded.tbs_certificate();
        match certificate.get_extension::<ExtendedKeyUsage>().map_err(damaged)? {
            Some((true, usage)) if usage.0 == [oids::TIME_STAMPING] => {}
            Some((false, usage)) if usage.0 == [oids::TIME_STAMPING] => {
                return Err("is not one for time stamps: its extended key usage is not critical".to_owned());
            }
            Some(_) => {
                return Err("is not one for time stamps: its extended key usage is not time stamping alone".to_owned());
            }
            None => return Err("is not one for time stamps: it has no extended key usage".to_owned()),
        }
        match certificate.get_extension::<KeyUsage>().map_err(damaged)? {
            Some((_, usage)) if !usage.digital_signature() && !usage.non_repudiation() => {
                Err("is not one for signatures: its key usage has another purpose".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Why it was not valid at a time since 1970.
    pub(super) fn check_validity(&self, time: Duration) -> Result<(), String> {
        let validity = self.decoded.tbs_certificate().validity();
        if time < validity.not_before.to_unix_duration() {
            Err(format!("was not valid yet at that time, but from {}", validity.not_before))
        } else if time > validity.not_after.to_unix_duration() {
            Err(format!("had expired at that time, on {}", validity.not_after))
        } else {
            Ok(())
        }
    }
}
