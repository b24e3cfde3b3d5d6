//! The location of a case: a connection URL as `psql` accepts it, with parameters of our own.
//!
//! A parameter is taken from the URL, then from the section of the service file that `service` or `PGSERVICE` names, then
//! from the environment (`PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`). A password is never in
//! the URL: it is in `PGPASSWORD`, the password file or the service file.

mod passfile;
mod service;
mod url;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};

use super::tls::TlsMode;
use crate::store::{StoreError, user};

/// The schema of a case that the URL does not name.
const DEFAULT_CASE: &str = "earwitness";
/// How long a run stays registered without renewing it, in seconds.
const LEASE_S: u64 = 60;
/// How long an operation waits for a server that went away, in seconds.
const PATIENCE_S: u64 = 60;
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sent data may stay without a reply of the other machine, so that a broken network is noticed.
const TCP_TIMEOUT: Duration = Duration::from_secs(20);
/// The folder of the server's socket, if the location names no host.
const SOCKET_FOLDER: &str = "/var/run/postgresql";
const DEFAULT_PORT: u16 = 5432;

/// Parameters by the names that PostgreSQL uses.
type Parameters = BTreeMap<String, String>;

/// Where a case is, and how to connect.
#[derive(Clone)]
pub(super) struct Location {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
    /// The schema of the case.
    pub(super) case: String,
    /// How long a run stays registered without renewing it.
    pub(super) lease: Duration,
    /// How long an operation waits for a server that went away.
    pub(super) patience: Duration,
    /// The URL, which has no password.
    text: String,
}

/// The configuration of the connection contains the password, and is left out.
impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Location").field("text", &self.text).field("case", &self.case).finish_non_exhaustive()
    }
}

/// Checks the form of a location, without reading any file.
///
/// # Errors
/// It contains a password, or a parameter is invalid.
pub(in crate::store::backends) fn check(location: &OsStr) -> Result<(), StoreError> {
    let mut parameters = url::parameters(location)?;
    parameters.retain(|name, _| !["service", "passfile"].contains(&name.as_str()));
    Location::new(location, parameters).map(drop)
}

impl Location {
    /// The location with everything that the environment and the user's files add to it.
    pub(super) fn resolve(location: &OsStr, environment: &Environment) -> Result<Self, StoreError> {
        let mut parameters = url::parameters(location)?;
        let service = parameters.remove("service").or_else(|| environment.value("PGSERVICE"));
        if let Some(service) = service {
            let section = service::section(&service, &environment.service_files());
            add(&mut parameters, section.map_err(|cause| unusable(&service, cause))?);
        }
        add(&mut parameters, environment.parameters());
        let password = parameters.remove("password").or_else(|| environment.value("PGPASSWORD"));
        let passfile = parameters.remove("passfile").map(PathBuf::from).or_else(|| environment.passfile());
        let mut location = Self::new(location, parameters)?;
        let password = password.or_else(|| passfile::password(&passfile?, &location.config));
        if let Some(password) = password {
            location.config.password(password);
        }
        Ok(location)
    }

    fn new(location: &OsStr, mut parameters: Parameters) -> Result<Self, StoreError> {
        let text = format!("postgres:{}", location.display());
        let invalid = |expected: &str| StoreError::InvalidUrl { url: text.clone(), expected: expected.to_owned() };
        let case = parameters.remove("case").unwrap_or_else(|| DEFAULT_CASE.to_owned());
        if !is_case_name(&case) {
            return Err(invalid(
                "a case of lower-case letters, digits and _, at most 63, with a letter first, other than public",
            ));
        }
        let mut seconds = |name: &str, otherwise: u64| match parameters.remove(name) {
            None => Ok(otherwise),
            Some(value) => value.parse().ok().filter(|s| (1..=86_400).contains(s)).ok_or_else(|| {
                StoreError::InvalidUrl { url: text.clone(), expected: format!("{name} as seconds from 1 to 86400") }
            }),
        };
        let (lease, patience) = (seconds("lease_s", LEASE_S)?, seconds("patience_s", PATIENCE_S)?);
        let roots = parameters.remove("sslrootcert").map(PathBuf::from);
        let mode = parameters.remove("sslmode").unwrap_or_else(|| "prefer".to_owned());
        let tls =
            TlsMode::named(&mode, roots).ok_or_else(|| invalid("sslmode disable, prefer, require or verify-full"))?;
        let config = config(parameters, tls.ssl_mode()).map_err(|reason| invalid(&reason))?;
        let (lease, patience) = (Duration::from_secs(lease), Duration::from_secs(patience));
        Ok(Self { config, tls, case, lease, patience, text })
    }

    /// The name of the store in errors.
    pub(super) fn shown(&self) -> String {
        self.text.clone()
    }

    /// The server for messages: host, database and user, never the password.
    pub(super) fn server(&self) -> String {
        let hosts: Vec<_> = hosts(&self.config).map(|(host, port)| host_text(host, port)).collect();
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        format!("the PostgreSQL server {} (database {database}, user {user})", hosts.join(", "))
    }
}

/// Adds the parameters that are not there yet.
fn add(parameters: &mut Parameters, more: Parameters) {
    for (name, value) in more {
        parameters.entry(name).or_insert(value);
    }
}

fn unusable(service: &str, cause: String) -> StoreError {
    StoreError::Unavailable { what: format!("the PostgreSQL service {service}"), cause: cause.into() }
}

fn config(mut parameters: Parameters, ssl_mode: SslMode) -> Result<Config, String> {
    let is_there = Path::new(SOCKET_FOLDER).is_dir();
    let host = || if is_there { SOCKET_FOLDER } else { "localhost" }.to_owned();
    parameters.entry("host".to_owned()).or_insert_with(host);
    parameters.entry("user".to_owned()).or_insert_with(user);
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
    let text: String = parameters.iter().map(|(name, value)| format!("{name}='{}' ", quoted(value))).collect();
    let mut config: Config =
        text.parse().map_err(|error: postgres::Error| match std::error::Error::source(&error) {
            Some(source) => format!("other parameters: {source}"),
            None => error.to_string(),
        })?;
    let is_socket = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    // A socket is not a network: as in psql, TLS is not used there.
    config.ssl_mode(if is_socket { SslMode::Disable } else { ssl_mode });
    config.application_name("earwitness").keepalives_idle(TCP_TIMEOUT).tcp_user_timeout(TCP_TIMEOUT);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    Ok(config)
}

/// Whether a name can be that of a case's schema without quotes. Names that begin with `pg_` are the server's.
fn is_case_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && !name.starts_with("pg_");
    starts_well && name.len() <= 63 && name.bytes().all(is_plain) && !["information_schema", "public"].contains(&name)
}

/// The hosts of the server with their ports. There is one port for all of them, or one for each.
fn hosts(config: &Config) -> impl Iterator<Item = (&Host, u16)> {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
    config.get_hosts().iter().enumerate().map(move |(index, host)| (host, port(index)))
}

fn host_text(host: &Host, port: u16) -> String {
    match host {
        Host::Tcp(name) if port == DEFAULT_PORT => name.clone(),
        Host::Tcp(name) => format!("{name}:{port}"),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// The variables and files of the user that may add to a location.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn parameters(&self) -> Parameters {
        [
            ("host", "PGHOST"),
            ("port", "PGPORT"),
            ("user", "PGUSER"),
            ("dbname", "PGDATABASE"),
            ("sslmode", "PGSSLMODE"),
            ("connect_timeout", "PGCONNECT_TIMEOUT"),
        ]
        .into_iter()
        .filter_map(|(parameter, variable)| Some((parameter.to_owned(), self.value(variable)?)))
        .chain(self.root_certificates().map(|path| ("sslrootcert".to_owned(), path)))
        .collect()
    }

    fn in_home(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(&self.value("HOME")?).join(name))
    }

    fn passfile(&self) -> Option<PathBuf> {
        self.value("PGPASSFILE").map(PathBuf::from).or_else(|| self.in_home(".pgpass"))
    }

    /// The service files: the user's, then the system's.
    fn service_files(&self) -> Vec<PathBuf> {
        let own = self.value("PGSERVICEFILE").map(PathBuf::from).or_else(|| self.in_home(".pg_service.conf"));
        let system = self.value("PGSYSCONFDIR").map(|folder| Path::new(&folder).join("pg_service.conf"));
        own.into_iter().chain(system).collect()
    }

    /// The certificates that the user trusts, if there is such a file.
    fn root_certificates(&self) -> Option<String> {
        let own = || self.in_home(".postgresql/root.crt").filter(|path| path.is_file());
        self.value("PGSSLROOTCERT").or_else(|| own()?.into_os_string().into_string().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment { variables: variables.iter().map(owned).collect() }
    }

    fn resolved(location: &str, variables: &[(&str, &str)]) -> Location {
        Location::resolve(OsStr::new(location), &environment(variables)).unwrap()
    }

    #[test]
    fn location_is_the_url_then_the_service_then_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        let text =
            "[other]\nhost=wrong\n# the shared one\n[shared]\nhost=db.example\nport=6432\nuser=svc\npassword=hush\n";
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let variables = [("PGSERVICEFILE", file), ("PGUSER", "env"), ("PGDATABASE", "cases"), ("PGHOST", "never")];
        let location = resolved("//kim@?service=shared&case=case_17", &variables);
        assert_eq!(location.server(), "the PostgreSQL server db.example:6432 (database cases, user kim)");
        assert_eq!((location.config.get_ports(), location.config.get_password()), (&[6432][..], Some(&b"hush"[..])));
        assert_eq!(
            (location.case.as_str(), location.lease, location.patience),
            ("case_17", Duration::from_secs(60), Duration::from_secs(60))
        );
        let named = resolved("//db/x", &[("PGSERVICE", "shared"), ("PGSERVICEFILE", file)]);
        assert_eq!(named.server(), "the PostgreSQL server db:6432 (database x, user svc)");
        let unknown = Location::resolve(OsStr::new("//?service=none"), &environment(&variables)).unwrap_err();
        assert!(unknown.to_string().contains("the PostgreSQL service none"), "{unknown}");
    }

    #[test]
    fn location_with_a_password_is_refused_and_never_shows_it() {
        for location in [
            "//kim:hush@db/cases",
            "//kim:@db",
            "//db/cases?password=hush",
            "//db/cases?%70assword=hush",
            "//db/cases?SSLPassword=hush",
            "//kim:hush@db/%zz?case=-",
            "//kim:hu/hush@db/cases",
            "//kim:hu?hush@db/cases",
        ] {
            let error = check(OsStr::new(location)).unwrap_err();
            assert!(matches!(error, StoreError::PasswordInUrl), "{location}: {error}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
        for location in ["/kim:hush@db/cases", "//kim:1/hush@db/cases", "//kim@db:x/%zz?PASSW=hush"] {
            let error = check(OsStr::new(location)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{location}: {error:?}");
        }
        assert!(check(OsStr::new("///?service=shared&passfile=/p&case=case_1")).is_ok());
        let location = resolved("//kim@db/cases", &[("PGPASSWORD", "hush")]);
        assert_eq!(location.config.get_password(), Some(&b"hush"[..]));
        assert!(!format!("{location:?} {} {}", location.shown(), location.server()).contains("hush"));
    }

    #[test]
    fn location_with_an_invalid_parameter_says_what_is_expected() {
        for (location, part) in [
            ("//db?case=Case", "lower-case"),
            ("//db?case=pg_x", "lower-case"),
            ("//db?case=a\"b", "lower-case"),
            ("//db?sslmode=verify-ca", "verify-full"),
            ("//db?lease_s=0", "seconds"),
            ("//db?color=red", "color"),
            ("//db:port", "port"),
            ("db", "//"),
        ] {
            let error = check(OsStr::new(location)).unwrap_err();
            assert!(
                matches!(&error, StoreError::InvalidUrl { expected, .. } if expected.contains(part)),
                "{location}: {error}"
            );
        }
    }

    #[test]
    fn location_has_its_tls_mode_but_not_on_a_socket() {
        let mode = |location: &str| {
            let location = resolved(location, &[]);
            (location.tls.clone(), location.config.get_ssl_mode())
        };
        assert_eq!(mode("//db"), (TlsMode::Prefer, SslMode::Prefer));
        assert_eq!(mode("//db?sslmode=disable"), (TlsMode::Disable, SslMode::Disable));
        assert_eq!(mode("//db?sslmode=require"), (TlsMode::Require, SslMode::Require));
        assert_eq!(
            mode("//db?sslmode=verify-full&sslrootcert=/ca.pem"),
            (TlsMode::Verify(Some("/ca.pem".into())), SslMode::Require)
        );
        assert_eq!(mode("//%2Frun%2Fpg/db?sslmode=require").1, SslMode::Disable);
        assert_eq!(resolved("//db", &[("PGSSLMODE", "disable")]).tls, TlsMode::Disable);
    }
}
