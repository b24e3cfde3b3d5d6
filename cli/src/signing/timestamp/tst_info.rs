//! What an authority stated: the time, and what was stamped.

use der::asn1::{Any, Int};
use der::{Decode, Tag, Tagged};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use x509_cert::ext::pkix::name::GeneralName;

use super::algorithms::Hash;
use super::asn1::{Accuracy, TstInfo};
use super::error::TimestampError;

/// What a time stamp states. It is proved only by [`super::Reply::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Statement {
    /// The time, in UTC. Serialized as in RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// How much the time may be wrong, in microseconds, if the authority says so.
    pub accuracy_us: Option<u64>,
    /// The object identifier of the authority's policy.
    pub policy: String,
    /// The number of the time stamp, in hex.
    pub serial: String,
    /// The name that the authority gives itself.
    pub authority: Option<String>,
    /// The hash function of `imprint`: its name, or its object identifier if it is not one of SHA-1 and SHA-2.
    pub imprint_algorithm: String,
    /// The stamped hash, in hex.
    pub imprint: String,
    /// The nonce of the request. `None` if it is absent, or is not one of [`super::request`].
    pub nonce: Option<u64>,
    /// The subject of the signer's certificate, if the reply contains it.
    pub signer: Option<String>,
}

impl Statement {
    pub(super) fn of(info: &TstInfo, signer: Option<String>) -> Result<Self, TimestampError> {
        if info.version != 1 {
            return Err(TimestampError::rule("TSTInfo", "its version is not 1"));
        }
        if info.extensions.iter().flatten().any(|extension| extension.critical) {
            return Err(TimestampError::rule("TSTInfo", "it has an unknown critical extension"));
        }
        let imprint = &info.message_imprint;
        let algorithm = imprint.hash_algorithm.oid;
        Ok(Self {
            time: time(&info.gen_time).ok_or_else(|| TimestampError::rule("genTime", "it is not a UTC time"))?,
            accuracy_us: info.accuracy.as_ref().map(microseconds),
            policy: info.policy.to_string(),
            serial: hex(info.serial_number.as_bytes()),
            authority: info.tsa.as_ref().and_then(name),
            imprint_algorithm: Hash::of(algorithm).map_or_else(|| algorithm.to_string(), |hash| hash.name().to_owned()),
            imprint: hex(imprint.hashed_message.as_bytes()),
            nonce: info.nonce.as_ref().and_then(nonce),
            signer,
        })
    }
}

/// A GeneralizedTime in UTC, with fractions of seconds down to nanoseconds: `20261129043000.5Z`.
fn time(value: &Any) -> Option<Timestamp> {
    let text = str::from_utf8(value.value()).ok().filter(|_| value.tag() == Tag::GeneralizedTime)?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !is_digits(whole) {
        return None;
    }
    let nanoseconds = match fraction {
        Some(fraction) if (1..=9).contains(&fraction.len()) && is_digits(fraction) => format!("{fraction:0<9}"),
        Some(_) => return None,
        None => "0".to_owned(),
    };
    let part = |from: usize| whole.get(from..from + 2)?.parse().ok();
    let year = whole.get(..4)?.parse().ok()?;
    let date_time =
        DateTime::new(year, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, nanoseconds.parse().ok()?).ok()?;
    TimeZone::UTC.to_timestamp(date_time).ok()
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn microseconds(accuracy: &Accuracy) -> u64 {
    let seconds = accuracy.seconds.unwrap_or_default().saturating_mul(1_000_000);
    let millis = u64::from(accuracy.millis.unwrap_or_default()) * 1000;
    seconds.saturating_add(millis + u64::from(accuracy.micros.unwrap_or_default()))
}

fn name(value: &Any) -> Option<String> {
    use der::Encode;
    Some(match GeneralName::from_der(&value.to_der().ok()?).ok()? {
        GeneralName::DirectoryName(name) => name.to_string(),
        GeneralName::Rfc822Name(name) | GeneralName::DnsName(name) | GeneralName::UniformResourceIdentifier(name) => {
            name.to_string()
        }
        _ => return None,
    })
}

fn nonce(value: &Int) -> Option<u64> {
    let bytes = value.as_bytes();
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let digits = &bytes[bytes.iter().take_while(|digit| **digit == 0).count()..];
    let fits = !is_negative && digits.len() <= 8;
    fits.then(|| digits.iter().fold(0, |value, digit| value << 8 | u64::from(*digit)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        time(&Any::new(Tag::GeneralizedTime, text.as_bytes()).unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn gen_time_is_read_with_fractions() {
        assert_eq!(parsed("20261129043059Z").unwrap(), "2026-11-29T04:30:59Z");
        assert_eq!(parsed("20280229235959.25Z").unwrap(), "2028-02-29T23:59:59.25Z");
        assert_eq!(parsed("20261129043059.123456789Z").unwrap(), "2026-11-29T04:30:59.123456789Z");
    }

    #[test]
    fn gen_time_that_is_no_utc_time_is_rejected() {
        let wrong =
            ["", "Z", "20261129043059", "202611290430Z", "20261329043059Z", "20270229043059Z", "2026112904305\u{e9}Z"];
        let zones = ["20261129043059+0900", "20261129043059.Z", "20261129043059.1234567890Z", "20261129043059,5Z"];
        let signs = ["+0261129043059Z", "20261129-43059Z", "20261129043059.+5Z", "20261129043059.5.5Z"];
        for text in wrong.into_iter().chain(zones).chain(signs) {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(time(&Any::new(Tag::Utf8String, b"20261129043059Z".as_slice()).unwrap()), None);
    }

    #[test]
    fn nonce_is_read_up_to_64_bits() {
        let nonce_of = |bytes: &[u8]| nonce(&Int::new(bytes).unwrap());
        assert_eq!(nonce_of(&[0]), Some(0));
        assert_eq!(nonce_of(&[0, 0xff, 1]), Some(0xff01));
        assert_eq!(nonce_of(&[&[0][..], &[0xff; 8]].concat()), Some(u64::MAX));
        assert_eq!(nonce_of(&[0x80]), None);
        assert_eq!(nonce_of(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
