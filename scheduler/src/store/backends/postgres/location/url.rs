//! Splits a connection URL into parameters.

use std::ffi::OsStr;

use super::Parameters;
use crate::store::StoreError;
use crate::store::url::shown_url;

/// The parameters of `//[USER@][HOST[:PORT],...][/DATABASE][?NAME=VALUE&...]`, the part of a URL after its scheme.
///
/// # Errors
/// The URL has another form, or contains a password.
pub(super) fn parameters(location: &OsStr) -> Result<Parameters, StoreError> {
    let expected = "//[USER@]HOST[:PORT]/DATABASE[?case=NAME]";
    let invalid = || StoreError::InvalidUrl {
        url: shown_url(&format!("postgres:{}", location.display())),
        expected: format!("{expected} after the scheme"),
    };
    let rest = location.to_str().and_then(|text| text.strip_prefix("//")).ok_or_else(invalid)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let query: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    let is_secret = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        decoded(name).unwrap_or_default().to_ascii_lowercase().contains("password")
    };
    if user.contains(':') || is_in_place(place, &query) || query.iter().any(is_secret) {
        return Err(StoreError::PasswordInUrl);
    }
    let mut parameters = Parameters::new();
    let mut put = |name: &str, text: &str| -> Option<()> {
        let value = decoded(text)?;
        if !value.is_empty() {
            parameters.insert(name.to_owned(), value);
        }
        Some(())
    };
    let (names, ports): (Vec<_>, Vec<_>) = hosts.split(',').map(host_and_port).unzip();
    put("host", &names.join(",")).ok_or_else(invalid)?;
    if ports.iter().any(|port| !port.is_empty()) {
        put("port", &ports.join(",")).ok_or_else(invalid)?;
    }
    put("user", user).ok_or_else(invalid)?;
    put("dbname", database).ok_or_else(invalid)?;
    for pair in query {
        let (name, value) = pair.split_once('=').ok_or_else(invalid)?;
        put(&decoded(name).ok_or_else(invalid)?, value).ok_or_else(invalid)?;
    }
    Ok(parameters)
}

/// Whether a password with `/` or `?` may be in the URL: what precedes the last `@` is then not a user alone.
fn is_in_place(place: &str, query: &[&str]) -> bool {
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let port = host_and_port(authority.rsplit(',').next().unwrap_or_default()).1;
    let is_cut = !port.bytes().all(|byte| byte.is_ascii_digit());
    let of_query = is_cut && query.iter().any(|pair| pair.contains('@'));
    !authority.contains('@') && !port.is_empty() && (database.contains('@') || of_query)
}

/// A host, whose IPv6 address is in brackets, and its port.
fn host_and_port(text: &str) -> (&str, &str) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.trim_start_matches(':'));
    }
    text.rsplit_once(':').unwrap_or((text, ""))
}

/// A text with its percent-encoded bytes decoded. `None` if it is malformed.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
                u8::from_str_radix(std::str::from_utf8(&digits).ok().filter(|_| is_hex)?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(location: &str) -> Vec<(String, String)> {
        parameters(OsStr::new(location)).unwrap().into_iter().collect()
    }

    #[test]
    fn url_is_split_into_decoded_parameters() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let whole = parsed("//kim%40office@[::1]:5433,b/cases?case=a&options=-c%20x%3D1");
        let expected = [
            ("case", "a"),
            ("dbname", "cases"),
            ("host", "::1,b"),
            ("options", "-c x=1"),
            ("port", "5433,"),
            ("user", "kim@office"),
        ];
        assert_eq!(whole, pairs(&expected));
        assert_eq!(parsed("//%2Frun%2Fpg/x"), pairs(&[("dbname", "x"), ("host", "/run/pg")]));
        assert_eq!(parsed("///x?host=/run/pg"), pairs(&[("dbname", "x"), ("host", "/run/pg")]));
        for wrong in ["db", "//a%", "//a%2", "//%ff", "//a?b", "//a%+1"] {
            assert!(matches!(parameters(OsStr::new(wrong)), Err(StoreError::InvalidUrl { .. })), "{wrong}");
        }
    }
}
