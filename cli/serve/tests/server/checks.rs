//! Who may use the server: host, origin, token, session, reverse proxy.

use axum::http::HeaderName;
use serve::{Access, Token};

use crate::support::{Client, Running, TOKEN, config};

fn with_token() -> Running {
    let mut config = config();
    config.access = Access::Token(Token::parse(TOKEN).unwrap());
    config.host_names = vec!["case.office.lan".into()];
    Running::start(config)
}

#[test]
fn host_must_be_known() {
    let server = with_token();
    let client = |host: &str| server.client().with("Host", host).with("Authorization", &format!("Bearer {TOKEN}"));
    let port = server.address.unwrap().port();
    for host in
        ["localhost", "127.0.0.1", &format!("127.0.0.1:{port}"), "[::1]:1", "case.office.lan", "CASE.office.lan:80"]
    {
        assert_eq!(client(host).get("/case/").status, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example:80"] {
        assert_eq!(client(host).get("/case/").error(403).1, "host_not_allowed", "{host}");
        client(host).post("/api/reviews", "application/json", b"[1]").error(403);
        client(host).transcribe(b"fake", &[("model", "whisper-1")]).error(403);
    }
    for host in ["", "a b", "me@localhost"] {
        assert_eq!(client(host).get("/case/").status, 400, "{host:?}");
    }
    let twice = client("localhost").with("Host", "evil.example");
    assert_eq!(twice.get("/case/").status, 400);
    let none = format!("GET /case/ HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n");
    assert_eq!(server.client().raw(none.as_bytes()).status, 400);
    let old = format!("GET /case/ HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    assert_eq!(server.client().raw(old.as_bytes()).status, 400);
}

#[test]
fn origin_of_another_site_is_refused() {
    let server = Running::start(config());
    let own = format!("http://{}", server.address.unwrap());
    let client = server.client().with("Host", &server.address.unwrap().to_string());
    let add = |client: &Client, entry: &str| client.post("/api/reviews", "application/json", entry.as_bytes());
    assert_eq!(add(&client, "[1]").status, 201);
    assert_eq!(add(&client.with("Origin", &own), "[2]").status, 201);
    for origin in ["http://evil.example", "null", "http://localhost:1", "http://127.0.0.1"] {
        assert_eq!(add(&client.with("Origin", origin), "[3]").error(403).1, "origin_not_allowed", "{origin}");
        client.with("Origin", origin).transcribe(b"fake", &[("model", "whisper-1")]).error(403);
    }
    add(&client.with("Sec-Fetch-Site", "cross-site"), "[3]").error(403);
    // A script of the case in a page of another site, and a link there.
    let script =
        client.with("Sec-Fetch-Site", "cross-site").with("Sec-Fetch-Mode", "no-cors").with("Sec-Fetch-Dest", "script");
    script.get("/case/index-text-0.js").error(403);
    let link = client
        .with("Sec-Fetch-Site", "cross-site")
        .with("Sec-Fetch-Mode", "navigate")
        .with("Sec-Fetch-Dest", "document");
    assert_eq!(link.get("/case/").status, 200);
    assert_eq!(server.client().request("OPTIONS", "/api/reviews").status, 405);
}

#[test]
fn token_is_needed_everywhere() {
    let server = with_token();
    let client = server.client();
    for target in ["/", "/case/", "/case/index-text-0.js", "/api/recordings", "/v1/models", "/metrics", "/unknown"] {
        let (_, code) = client.get(target).error(401);
        assert_eq!(code, "invalid_api_key", "{target}");
        assert_eq!(client.get(target).header("www-authenticate"), Some("Bearer"));
        for wrong in ["Bearer wrong", "Bearer", "Basic abc", &format!("Bearer {TOKEN}x"), &format!("Token {TOKEN}")] {
            client.with("Authorization", wrong).get(target).error(401);
        }
    }
    client.transcribe(b"fake", &[("model", "whisper-1")]).error(401);
    let known = client.with("Authorization", &format!("bearer {TOKEN}"));
    assert_eq!(known.get("/case/").status, 200);
    assert_eq!(known.transcribe(b"fake", &[("model", "whisper-1")]).status, 200);
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(client.with("Host", "10.1.2.3:80").get(probe).status, 200);
    }
    client.get(&format!("/case/?token={TOKEN}")).error(401);
}

#[test]
fn login_gives_a_session() {
    let server = with_token();
    let browser = server.client().with("Accept", "text/html");
    let refused = browser.get("/case/");
    assert_eq!((refused.status, refused.header("location")), (303, Some("/login")));
    assert!(browser.get("/login").text().contains("<form"));
    let form = "application/x-www-form-urlencoded";
    let origin = browser.with("Origin", "http://localhost");
    let wrong = origin.post("/login", form, b"token=wrong");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    origin.post("/login", form, b"password=wrong").error(400);
    browser.with("Origin", "http://evil.example").post("/login", form, format!("token={TOKEN}").as_bytes()).error(403);

    let right = origin.post("/login", form, format!("token={TOKEN}").as_bytes());
    assert_eq!((right.status, right.header("location")), (303, Some("/")));
    let set = right.header("set-cookie").unwrap().to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains(TOKEN), "{set}");
    let cookie = set.split(';').next().unwrap();
    let session = browser.with("Cookie", cookie);
    assert_eq!(session.get("/case/").status, 200);
    // A write with a cookie must state where it comes from.
    session.post("/api/reviews", "application/json", b"[1]").error(401);
    let own = session.with("Origin", "http://localhost");
    assert_eq!(own.post("/api/reviews", "application/json", b"[1]").status, 201);
    assert_eq!(browser.with("Cookie", &format!("{}0", &cookie[..cookie.len() - 1])).get("/case/").status, 303);

    assert_eq!(own.request("POST", "/logout").status, 303);
    assert_eq!(session.get("/case/").status, 303);
}

#[test]
fn login_exists_for_tokens_alone() {
    let server = Running::start(config());
    server.client().get("/login").error(404);
}

#[test]
fn proxy_names_the_user() {
    let header = HeaderName::from_static("x-forwarded-user");
    let mut config = config();
    config.access = Access::Proxy { header: header.clone(), addresses: vec![[127, 0, 0, 1].into()] };
    let server = Running::start(config.clone());
    let client = server.client();
    assert_eq!(client.get("/case/").error(403).1, "no_user");
    client.with("X-Forwarded-User", "kim").with("X-Forwarded-User", "lee").get("/case/").error(403);
    let kim = client.with("X-Forwarded-User", "kim");
    assert_eq!(kim.get("/case/").status, 200);
    assert_eq!(kim.post("/api/reviews", "application/json", b"[1]").json()["user"], "kim");

    config.access = Access::Proxy { header, addresses: vec![[10, 0, 0, 1].into()] };
    let server = Running::start(config);
    assert_eq!(server.client().with("X-Forwarded-User", "kim").get("/case/").error(403).1, "not_the_proxy");
}
