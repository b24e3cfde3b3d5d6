//! Object identifiers of time stamps, signed messages and their algorithms.

use der::asn1::ObjectIdentifier;

macro_rules! oids {
    ($($name:ident = $oid:literal;)+) => {
        $(pub(super) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($oid);)+
    };
}

oids! {
    SIGNED_DATA = "1.2.840.113549.1.7.2";
    TST_INFO = "1.2.840.113549.1.9.16.1.4";
    CONTENT_TYPE = "1.2.840.113549.1.9.3";
    MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
    SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12";
    SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

    SHA1 = "1.3.14.3.2.26";
    SHA256 = "2.16.840.1.101.3.4.2.1";
    SHA384 = "2.16.840.1.101.3.4.2.2";
    SHA512 = "2.16.840.1.101.3.4.2.3";

    RSA = "1.2.840.113549.1.1.1";
    RSA_SHA256 = "1.2.840.113549.1.1.11";
    RSA_SHA384 = "1.2.840.113549.1.1.12";
    RSA_SHA512 = "1.2.840.113549.1.1.13";
    EC = "1.2.840.10045.2.1";
    ECDSA_SHA256 = "1.2.840.10045.4.3.2";
    ECDSA_SHA384 = "1.2.840.10045.4.3.3";
    ECDSA_SHA512 = "1.2.840.10045.4.3.4";
}
