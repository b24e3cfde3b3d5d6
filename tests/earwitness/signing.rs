//! Keys, signatures and time stamps, compared with OpenSSL, which also plays the time stamp authority.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use earwitness::signing::timestamp::{Certificates, Reply, request};
use earwitness::signing::{PrivateKey, PublicKey};
use stage_core::sha256_hex;

use crate::support::{calls, finish, run};

/// Runs OpenSSL in a folder. Returns its standard output, or its messages if it fails.
fn openssl(folder: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("openssl").current_dir(folder).args(args).output();
    let output = output.expect("openssl is installed (apt-get install openssl)");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hex = sha256_hex(bytes);
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

#[test]
fn keys_and_signatures_are_those_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text"), "head of the log").unwrap();
    let ours = PrivateKey::create(&at("ours")).unwrap();
    fs::write(at("ours.sig"), ours.sign(b"head of the log")).unwrap();
    let verify = |key: &str, signature: &str| {
        openssl(
            folder.path(),
            &["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", "text", "-sigfile", signature],
        )
    };
    verify("ours.pub", "ours.sig").unwrap();
    openssl(folder.path(), &["pkey", "-pubin", "-in", "ours.pub", "-outform", "DER", "-out", "ours.der"]).unwrap();
    assert_eq!(ours.public().fingerprint(), sha256_hex(&fs::read(at("ours.der")).unwrap()));

    openssl(folder.path(), &["genpkey", "-algorithm", "ed25519", "-out", "theirs"]).unwrap();
    openssl(folder.path(), &["pkey", "-in", "theirs", "-pubout", "-out", "theirs.pub"]).unwrap();
    openssl(folder.path(), &["pkeyutl", "-sign", "-rawin", "-inkey", "theirs", "-in", "text", "-out", "theirs.sig"])
        .unwrap();
    fs::set_permissions(at("theirs"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let signature: [u8; 64] = fs::read(at("theirs.sig")).unwrap().try_into().unwrap();
    let (private, public) = (PrivateKey::load(&at("theirs")).unwrap(), PublicKey::load(&at("theirs.pub")).unwrap());
    assert_eq!((private.sign(b"head of the log"), private.public()), (signature, public));
    public.verify(b"head of the log", &signature).unwrap();
    public.verify(b"another head", &signature).unwrap_err();
    ours.public().verify(b"head of the log", &signature).unwrap_err();
}

#[test]
fn key_commands_protect_the_private_key_and_refuse_other_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = finish(["key", "new", &at("key")]).with_code(0).stdout;
    assert_eq!(fs::metadata(at("key")).unwrap().permissions().mode() & 0o777, 0o600);
    let fingerprint = PublicKey::load(Path::new(&at("key.pub"))).unwrap().fingerprint();
    for (file, kind) in [("key", "private key"), ("key.pub", "public key")] {
        let shown = finish(["key", "show", &at(file)]).with_code(0).stdout;
        assert!(shown.contains(kind) && shown.contains(&fingerprint) && made.contains(&fingerprint), "{shown}");
    }
    finish(["key", "new", &at("key")]).with_code(2);
    fs::set_permissions(at("key"), PermissionsExt::from_mode(0o644)).unwrap();
    PrivateKey::load(Path::new(&at("key"))).unwrap_err();
    fs::set_permissions(at("key"), PermissionsExt::from_mode(0o600)).unwrap();
    PublicKey::load(Path::new(&at("key"))).unwrap_err();
    PrivateKey::load(Path::new(&at("key.pub"))).unwrap_err();
    openssl(folder.path(), &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec"])
        .unwrap();
    fs::write(at("garbage"), "-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n").unwrap();
    fs::write(at("empty"), "").unwrap();
    for wrong in ["ec", "garbage", "empty", "missing", "."] {
        finish(["key", "show", &at(wrong)]).with_code(2);
    }
}

/// A time stamp authority with a certificate of its own.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// An authority whose key is of an algorithm, and whose certificate a root issued.
    fn new(algorithm: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| openssl(folder.path(), args).unwrap();
        let key = |name: &str| run(&[&["genpkey", "-out", name, "-algorithm"], algorithm].concat());
        key("root.key");
        key("tsa.key");
        run(&["req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=root", "-days", "30", "-out", "root.pem"]);
        run(&["req", "-new", "-key", "tsa.key", "-subj", "/CN=authority", "-out", "tsa.csr"]);
        fs::write(
            folder.path().join("ext"),
            "extendedKeyUsage = critical, timeStamping\nbasicConstraints = CA:FALSE\n",
        )
        .unwrap();
        let sign = ["x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"];
        run(&[&sign[..], &["-extfile", "ext", "-days", "10", "-out", "tsa.pem"]].concat());
        let config = "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\nsigner_cert = tsa.pem\ncerts = root.pem\n\
                      signer_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n\
                      tsa_name = yes\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n";
        fs::write(folder.path().join("tsa.conf"), config).unwrap();
        fs::write(folder.path().join("serial"), "01\n").unwrap();
        Self { folder }
    }

    fn rsa() -> Self {
        Self::new(&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Answers a request.
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        fs::write(self.at("request.tsq"), request).unwrap();
        let reply = ["ts", "-reply", "-config", "tsa.conf", "-queryfile", "request.tsq", "-out", "reply.tsr"];
        openssl(self.folder.path(), &reply).unwrap();
        fs::read(self.at("reply.tsr")).unwrap()
    }

    fn root(&self) -> Certificates {
        Certificates::load(&self.at("root.pem")).unwrap()
    }
}

#[test]
fn time_stamps_of_openssl_are_verified_and_requests_are_read_by_it() {
    let curve = |name: &'static str| vec!["EC", "-pkeyopt", name];
    for algorithm in [
        vec!["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        curve("ec_paramgen_curve:P-256"),
        curve("ec_paramgen_curve:P-384"),
    ] {
        let authority = Authority::new(&algorithm);
        let query = request(&sha256(b"manifest"), 4711).unwrap();
        let reply = Reply::parse(&authority.answer(&query)).unwrap();
        let text = openssl(authority.folder.path(), &["ts", "-query", "-in", "request.tsq", "-text"]).unwrap();
        assert!(text.contains("sha256") && text.contains("0x1267"), "{text}");
        assert!(reply.covers(&sha256(b"manifest")) && !reply.covers(&sha256(b"another")));
        assert_eq!(reply.statement().nonce, Some(4711));
        let verified = reply.verify(&authority.root()).unwrap();
        assert!(verified.signer.contains("authority"), "{verified:?}");
        reply.verify(&Certificates::load(&authority.at("tsa.pem")).unwrap()).unwrap();
        reply.verify(&Authority::rsa().root()).unwrap_err();
    }
}

#[test]
fn time_stamp_with_any_byte_changed_does_not_verify_another_hash() {
    let authority = Authority::rsa();
    let (wanted, root) = (sha256(b"manifest"), authority.root());
    let reply = authority.answer(&request(&wanted, 1).unwrap());
    let mut verified = 0;
    for at in 0..reply.len() {
        for flip in [0x01, 0x80] {
            let mut changed = reply.clone();
            changed[at] ^= flip;
            let Ok(parsed) = Reply::parse(&changed) else { continue };
            if parsed.verify(&root).is_ok() {
                assert!(parsed.covers(&wanted), "byte {at}");
                verified += 1;
            }
        }
        let _ = Reply::parse(&reply[..at]).is_ok_and(|parsed| parsed.verify(&root).is_ok());
    }
    // Bytes outside the signature, such as a text of the reply or a further certificate, may change.
    assert!(verified < reply.len(), "{verified} of {} changes", reply.len());
}

#[test]
fn time_stamp_is_requested_attached_and_compared_with_the_case() {
    let authority = Authority::rsa();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(calls().join("reading.wav"), at("call.wav")).unwrap();
    let out = at("out").to_str().unwrap().to_owned();
    run(&[&at("call.wav")], &at("out"), &[]).with_code(0);
    let root = authority.at("root.pem").to_str().unwrap().to_owned();
    let verify = |more: &[&str]| finish(["verify", &out, "--tsa-certificate", &root].iter().chain(more));
    finish(["timestamp", "request", &out]).with_code(2);
    verify(&[]).with_code(5);
    finish(["manifest", &out]).with_code(0);
    finish(["timestamp", "request", &out]).with_code(0);
    fs::write(at("reply.tsr"), authority.answer(&fs::read(at("out/manifest.tsq")).unwrap())).unwrap();
    let reply = at("reply.tsr").to_str().unwrap().to_owned();
    finish(["timestamp", "attach", &out, &reply]).with_code(0);
    let verified = verify(&[]).with_code(0).stdout;
    assert!(verified.contains("it existed on") && verified.contains("a time stamp"), "{verified}");
    verify(&["--time-stamp", &reply]).with_code(0);
    let other = Authority::rsa();
    let wrong = finish(["verify", &out, "--tsa-certificate", other.at("root.pem").to_str().unwrap()]);
    wrong.with_code(5);

    fs::remove_dir_all(at("out")).unwrap();
    run(&[&at("call.wav")], &at("out"), &[]).with_code(0);
    finish(["manifest", &out]).with_code(0);
    let anew = verify(&["--time-stamp", &reply]).with_code(5).stdout;
    assert!(anew.contains("made anew"), "{anew}");
    finish(["timestamp", "attach", &out, &reply]).with_code(2);
}
