//! Sessions of browsers: a random cookie after the token was shown once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use cookie::{Cookie, SameSite};
use sha2::{Digest, Sha256};

use crate::case::hex;

/// How long a session lasts.
const LENGTH: Duration = Duration::from_secs(12 * 3600);
/// The most sessions at once. A new one then replaces that which ends first.
const MOST: usize = 1000;

/// The sessions of a server, in memory: they end with it.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    /// The name of the cookie. Cookies do not distinguish ports, so that two servers of a machine need different names.
    cookie: Arc<str>,
    is_secure: bool,
    /// Ends of sessions by the hash of their secret.
    ends: Arc<Mutex<HashMap<[u8; 32], Instant>>>,
}

impl Sessions {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn new(is_secure: bool) -> Result<Self, getrandom::Error> {
        let prefix = if is_secure { "__Host-" } else { "" };
        let cookie = format!("{prefix}earwitness-{}", &random()?[..8]).into();
        Ok(Self { cookie, is_secure, ends: Arc::default() })
    }

    /// Starts a session. The value is that of a `Set-Cookie` header.
    pub(super) fn start(&self, now: Instant) -> Result<String, getrandom::Error> {
        let secret = random()?;
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.retain(|_, end| *end > now);
        if ends.len() >= MOST {
            let first = ends.iter().min_by_key(|(_, end)| **end).map(|(id, _)| *id);
            first.and_then(|id| ends.remove(&id));
        }
        ends.insert(id(&secret), now + LENGTH);
        Ok(self.cookie(secret).build().to_string())
    }

    /// Whether the cookies of a request have a session that has not ended. A secret is looked up by its hash, so that
    /// the time tells nothing about it.
    pub(super) fn has(&self, headers: &HeaderMap, now: Instant) -> bool {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        self.secrets(headers).any(|secret| ends.get(&id(&secret)).is_some_and(|end| *end > now))
    }

    /// Ends the session of a request. The value is that of a `Set-Cookie` header.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in self.secrets(headers) {
            ends.remove(&id(&secret));
        }
        self.cookie(String::new()).max_age(cookie::time::Duration::ZERO).build().to_string()
    }

    fn cookie(&self, value: String) -> cookie::CookieBuilder<'static> {
        Cookie::build((self.cookie.to_string(), value))
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            .same_site(SameSite::Strict)
    }

    fn secrets<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = String> + 'a {
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = texts.flat_map(|text| Cookie::split_parse(text).flatten());
        cookies.filter(|cookie| cookie.name() == &*self.cookie).map(|cookie| cookie.value().to_owned())
    }
}

fn id(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 64 random hex digits.
fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookie(set: &str) -> HeaderMap {
        let value = set.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {value}").parse().unwrap())])
    }

    #[test]
    fn session_lasts_until_its_end() {
        let sessions = Sessions::new(true).unwrap();
        let now = Instant::now();
        let set = sessions.start(now).unwrap();
        for part in ["__Host-earwitness-", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(set.contains(part), "{set}");
        }
        let headers = with_cookie(&set);
        assert!(sessions.has(&headers, now));
        assert!(!sessions.has(&headers, now + LENGTH));
        assert!(!sessions.has(&HeaderMap::new(), now));
        assert!(!Sessions::new(true).unwrap().has(&headers, now));
        assert!(sessions.end(&headers).contains("Max-Age=0"));
        assert!(!sessions.has(&headers, now));
    }

    #[test]
    fn sessions_are_limited() {
        let sessions = Sessions::new(false).unwrap();
        let now = Instant::now();
        let first = with_cookie(&sessions.start(now).unwrap());
        for at in 1..=MOST {
            sessions.start(now + Duration::from_millis(at as u64)).unwrap();
        }
        assert!(!sessions.has(&first, now));
        assert_eq!(sessions.ends.lock().unwrap().len(), MOST);
    }
}
