//! Verifies a time stamp token: its signature (CMS, RFC 5652), and the certificate of its signer (RFC 3161, RFC 5035).

use std::time::Duration;

use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Decode, Encode, EncodeValue, Header, Reader, SliceReader, Tag, Tagged};
use jiff::Timestamp;
use webpki::EndEntityCert;

use super::algorithms::{self, Hash, unsupported};
use super::asn1::{Attribute, EssCertId, EssCertIdV2, SignerInfo, SigningCertificate, SigningCertificateV2};
use super::certificate::Certificate;
use super::certificates::{Certificates, in_words};
use super::error::TimestampError;
use super::oids;
use super::reply::Token;

/// A time stamp whose signature is that of a trusted authority.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The time, in UTC.
    pub time: Timestamp,
    /// The subject of the signer's certificate.
    pub signer: String,
    /// The subject of the trusted certificate that it leads to.
    pub trusted: String,
}

/// The attribute that names the signer's certificate, in one of its forms.
#[derive(Debug, Clone)]
struct Named {
    v1: Option<EssCertId>,
    v2: Option<(Hash, EssCertIdV2)>,
}

/// Verifies a token of this time.
pub(super) fn verify(token: &Token, time: Timestamp, trusted: &Certificates) -> Result<Verified, TimestampError> {
    let signer = &token.signer;
    let attributes = signer.signed_attrs.as_deref();
    let attributes = attributes.ok_or(TimestampError::Signature("it has no signed attributes"))?;
    let hash = Hash::of_signature(signer.digest_algorithm.oid)?;
    check_content(token, attributes, hash)?;

    let certificate = find_signer(token, &Named::of(attributes)?, trusted)?;
    let subject = certificate.subject();
    let rejected = |problem| TimestampError::Signer { subject: subject.clone(), problem };
    let key = EndEntityCert::try_from(&certificate.der).map_err(|error| rejected(in_words(&error)))?;
    check_signature(&key, signer, attributes, hash)?;

    certificate.check_purpose().map_err(rejected)?;
    let seconds = u64::try_from(time.as_second()).map_err(|_| TimestampError::rule("genTime", "it is before 1970"))?;
    let trusted = trusted.check(&certificate, &token.certificates, Duration::from_secs(seconds))?;
    Ok(Verified { time, signer: subject, trusted })
}

/// Checks that the signed attributes name the content of the token.
fn check_content(token: &Token, attributes: &[Attribute], hash: Hash) -> Result<(), TimestampError> {
    let content_type: Option<ObjectIdentifier> = single(attributes, oids::CONTENT_TYPE, "contentType")?;
    if content_type != Some(oids::TST_INFO) {
        return Err(TimestampError::Signature("it is not one of a time stamp"));
    }
    let digest: Option<OctetString> = single(attributes, oids::MESSAGE_DIGEST, "messageDigest")?;
    let expected = hash.digest(&token.content);
    if digest.is_none_or(|digest| digest.as_bytes() != expected.as_ref()) {
        return Err(TimestampError::Signature("it is one of another content"));
    }
    Ok(())
}

fn check_signature(
    key: &EndEntityCert<'_>,
    signer: &SignerInfo,
    attributes: &[Attribute],
    hash: Hash,
) -> Result<(), TimestampError> {
    let message = signed_bytes(attributes).map_err(TimestampError::malformed("signedAttrs"))?;
    algorithms::verify(key, signer.signature_algorithm.oid, hash, &message, signer.signature.as_bytes())
}

/// The attributes as they are signed: with the tag of a SET, in their order.
fn signed_bytes(attributes: &[Attribute]) -> Result<Vec<u8>, der::Error> {
    let attributes = attributes.to_vec();
    let mut bytes = Header::new(Tag::Set, attributes.value_len()?).to_der()?;
    for attribute in &attributes {
        attribute.encode_to_vec(&mut bytes)?;
    }
    Ok(bytes)
}

/// The only value of an attribute, if it is present.
fn single<T: for<'a> Decode<'a, Error = der::Error>>(
    attributes: &[Attribute],
    kind: ObjectIdentifier,
    name: &'static str,
) -> Result<Option<T>, TimestampError> {
    let mut found = attributes.iter().filter(|attribute| attribute.kind == kind);
    let (attribute, None) = (found.next(), found.next()) else {
        return Err(TimestampError::rule(name, "the attribute is present twice"));
    };
    attribute.map(|attribute| only_value(&attribute.values)).transpose().map_err(TimestampError::malformed(name))
}

fn only_value<T: for<'a> Decode<'a, Error = der::Error>>(values: &Any) -> Result<T, der::Error> {
    values.tag().assert_eq(Tag::Set)?;
    let mut reader = SliceReader::new(values.value())?;
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

impl Named {
    /// The first certificate that the attributes name is that of the signer. Others restrict its chain and are not needed:
    /// the user says who is trusted.
    fn of(attributes: &[Attribute]) -> Result<Self, TimestampError> {
        let v1: Option<SigningCertificate> = single(attributes, oids::SIGNING_CERTIFICATE, "signingCertificate")?;
        let v2: Option<SigningCertificateV2> =
            single(attributes, oids::SIGNING_CERTIFICATE_V2, "signingCertificateV2")?;
        let v1 = v1.and_then(|named| named.certs.into_iter().next());
        let v2 = v2.and_then(|named| named.certs.into_iter().next());
        if v1.is_none() && v2.is_none() {
            return Err(TimestampError::Signature("it does not name the certificate of its signer"));
        }
        let with_hash = |named: EssCertIdV2| {
            let oid = named.hash_algorithm.as_ref().map_or(oids::SHA256, |algorithm| algorithm.oid);
            let hash = Hash::of(oid).ok_or_else(|| unsupported("the hash function of signingCertificateV2", oid))?;
            Ok((hash, named))
        };
        Ok(Self { v1, v2: v2.map(with_hash).transpose()? })
    }

    fn is(&self, certificate: &Certificate) -> bool {
        let is_v1 = |named: &EssCertId| {
            certificate.is_identified_by(Hash::Sha1, named.cert_hash.as_bytes(), named.issuer_serial.as_ref())
        };
        let is_v2 = |(hash, named): &(Hash, EssCertIdV2)| {
            certificate.is_identified_by(*hash, named.cert_hash.as_bytes(), named.issuer_serial.as_ref())
        };
        self.v1.as_ref().is_none_or(is_v1) && self.v2.as_ref().is_none_or(is_v2)
    }
}

/// The certificate of the signer: in the token, or among the trusted ones.
fn find_signer(token: &Token, named: &Named, trusted: &Certificates) -> Result<Certificate, TimestampError> {
    let in_token = token.certificates.iter().filter_map(|der| Certificate::decode(der.clone()).ok());
    let signer_id = &token.signer.sid;
    let is_signer = |certificate: &Certificate| certificate.is_named_by(signer_id).unwrap_or(false);
    let mut candidates = in_token.chain(trusted.iter().cloned()).filter(is_signer).peekable();
    if candidates.peek().is_none() {
        return Err(TimestampError::NoSigner);
    }
    let found = candidates.find(|certificate| named.is(certificate));
    found.ok_or(TimestampError::Signature("it names another certificate than that of its signer"))
}
