//! The ASN.1 types of time stamps (RFC 3161), of the signed message around them (CMS, RFC 5652), and of the attribute that
//! names the signer's certificate (RFC 2634, RFC 5035).

use der::asn1::{Any, BitString, Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Sequence, ValueOrd};
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct MessageImprint {
    pub(super) hash_algorithm: AlgorithmIdentifierOwned,
    pub(super) hashed_message: OctetString,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct TimeStampReq {
    pub(super) version: u8,
    pub(super) message_imprint: MessageImprint,
    pub(super) req_policy: Option<ObjectIdentifier>,
    pub(super) nonce: Option<u64>,
    #[asn1(default = "Default::default")]
    pub(super) cert_req: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct TimeStampResp {
    pub(super) status: PkiStatusInfo,
    pub(super) time_stamp_token: Option<Any>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct PkiStatusInfo {
    pub(super) status: u32,
    pub(super) status_string: Option<Vec<Any>>,
    pub(super) fail_info: Option<BitString>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct TstInfo {
    pub(super) version: u8,
    pub(super) policy: ObjectIdentifier,
    pub(super) message_imprint: MessageImprint,
    pub(super) serial_number: Int,
    /// GeneralizedTime. `der`'s type has no fractions of seconds.
    pub(super) gen_time: Any,
    pub(super) accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    pub(super) ordering: bool,
    pub(super) nonce: Option<Int>,
    /// A GeneralName.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) tsa: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Extensions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Accuracy {
    pub(super) seconds: Option<u64>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) micros: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct ContentInfo {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct SignedData {
    pub(super) version: u8,
    pub(super) digest_algorithms: Any,
    pub(super) encap_content_info: EncapsulatedContentInfo,
    /// A SET. As a list it may contain a certificate twice, and in any order, as some authorities write it.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) certificates: Option<Vec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) crls: Option<Vec<Any>>,
    pub(super) signer_infos: SetOfVec<SignerInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EncapsulatedContentInfo {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) content: Option<OctetString>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence, ValueOrd)]
pub(super) struct SignerInfo {
    pub(super) version: u8,
    /// IssuerAndSerialNumber, or the subject key identifier with the tag 0.
    pub(super) sid: Any,
    pub(super) digest_algorithm: AlgorithmIdentifierOwned,
    /// A SET. As a list it keeps the order, which is signed.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) signed_attrs: Option<Vec<Attribute>>,
    pub(super) signature_algorithm: AlgorithmIdentifierOwned,
    pub(super) signature: OctetString,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) unsigned_attrs: Option<Vec<Any>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence, ValueOrd)]
pub(super) struct Attribute {
    pub(super) kind: ObjectIdentifier,
    /// A SET of the type that `kind` determines.
    pub(super) values: Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct IssuerAndSerialNumber {
    pub(super) issuer: Name,
    pub(super) serial_number: Int,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct SigningCertificate {
    pub(super) certs: Vec<EssCertId>,
    pub(super) policies: Option<Any>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EssCertId {
    pub(super) cert_hash: OctetString,
    pub(super) issuer_serial: Option<IssuerSerial>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct SigningCertificateV2 {
    pub(super) certs: Vec<EssCertIdV2>,
    pub(super) policies: Option<Any>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EssCertIdV2 {
    /// SHA-256 if absent.
    pub(super) hash_algorithm: Option<AlgorithmIdentifierOwned>,
    pub(super) cert_hash: OctetString,
    pub(super) issuer_serial: Option<IssuerSerial>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct IssuerSerial {
    pub(super) issuer: GeneralNames,
    pub(super) serial_number: Int,
}
