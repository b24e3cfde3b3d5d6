//! Connections over TLS.

use stage_core::full_message;

use super::*;

/// Connects to a server with these parameters and returns whether the connection is encrypted.
fn is_encrypted(server: &Postgres, host: &str, parameters: &str) -> Result<bool, StoreError> {
    let text = format!("//test@{host}:{}/postgres?{parameters}", server.port());
    let location = Location::resolve(text.as_ref(), &Environment::default()).unwrap();
    let mut session = Session::new(location, false);
    session.connect()?;
    session.read(|db| {
        let row = db.one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])?;
        Ok(row.try_get(0)?)
    })
}

#[test]
fn connection_is_encrypted_and_verified_as_its_mode_says() {
    let Some(server) = Postgres::with_tls() else { return };
    for mode in ["", "sslmode=prefer", "sslmode=require"] {
        assert!(is_encrypted(&server, "127.0.0.1", mode).unwrap(), "{mode}");
    }
    let refused = |host: &str, parameters: &str| full_message(&is_encrypted(&server, host, parameters).unwrap_err());
    let without = refused("127.0.0.1", "sslmode=disable");
    assert!(without.contains("no encryption"), "the server insists on it: {without}");
    let verify = format!("sslmode=verify-full&hostaddr=127.0.0.1&sslrootcert={}", server.certificate().display());
    assert!(is_encrypted(&server, "localhost", &verify).unwrap());
    let other = refused("db.example", &verify);
    assert!(other.contains("TLS") && other.contains("not valid for name"), "{other}");
    let public = refused("localhost", "sslmode=verify-full&hostaddr=127.0.0.1");
    assert!(public.contains("TLS") && public.contains("UnknownIssuer"), "{public}");
    let missing = refused("localhost", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem");
    assert!(missing.contains("sslrootcert /nowhere/ca.pem"), "{missing}");
}
