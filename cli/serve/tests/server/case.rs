//! Pages, lists, search and reviews of a case.

use serde_json::json;

use crate::support::{Client, Reply, Running, config};

/// Text of a file that is not part of the case.
const SECRET: &str = "outside the case";

#[test]
fn case_page_has_its_headers() {
    let server = Running::start(config());
    let reply = server.client().get("/case/");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(reply.text().contains("<title>case</title>"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'unsafe-inline';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[test]
fn case_pages_are_found_by_name() {
    let client = Running::start(config());
    let (client, _server) = (client.client(), client);
    let start = client.get("/");
    assert_eq!((start.status, start.header("location")), (303, Some("/case/")));
    assert!(client.get("/case/index.html").text().contains("case"));
    let page = client.get("/case/%EB%AF%BC%EC%88%98_261107.html");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("call"));
    let script = client.get("/case/index-text-0.js");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    let head = client.request("HEAD", "/case/");
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("34")));
    let wrong = client.request("DELETE", "/case/");
    wrong.error(405);
    assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
    for target in ["/unknown", "/case/%ff.html", "/audio/%ff"] {
        client.get(target).error(404);
    }
}

#[test]
fn case_never_sends_what_is_not_in_it() {
    let server = Running::start(config());
    let client = server.client();
    for target in [
        "/case/../secret",
        "/case/%2e%2e/secret",
        "/case/%2e%2e%2fsecret",
        "/case/..%5csecret",
        "/case/%252e%252e%252fsecret",
        "/case/..;/secret",
        "/case//etc/passwd",
        "/case/%2fetc%2fpasswd",
        "/case/index.html%00.js",
        "/case/index.html/",
        "/case/.",
        "/case/%c0%ae%c0%ae/secret",
        "/case/%ff",
        "/case/store.db",
        "/case/call.wav",
        "/case/link.html",
        "/../secret",
        "/audio/../secret",
        "/audio/%2e%2e%2fsecret",
        "/audio/0000",
    ] {
        let reply = client.get(target);
        assert!(matches!(reply.status, 400 | 404 | 500), "{target}: {}", reply.status);
        assert!(!reply.text().contains(SECRET), "{target}");
    }
    // An absolute target and one that is not a path.
    let reply = client.raw(b"GET file:///etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(matches!(reply.status, 400 | 403 | 404), "{}", reply.status);
}

#[test]
fn case_failure_is_not_shown() {
    let server = Running::start(config());
    let reply = server.client().get("/case/panic.html");
    reply.error(500);
    assert!(!reply.text().contains("defect"));
    assert_eq!(server.client().get("/case/").status, 200);
}

#[test]
fn case_lists_recordings_and_searches() {
    let server = Running::start(config());
    let client = server.client();
    let list = client.get("/api/recordings").json();
    assert_eq!(list["recordings"][0]["recording"], server.case.recording.as_str());
    assert_eq!(list["recordings"][0]["page"], "민수_261107.html");
    let found = client.get("/api/search?q=%EC%97%AC%EB%B3%B4").json();
    assert_eq!((&found["total"], &found["hits"][0]["start_s"]), (&json!(1), &json!(1.5)));
    assert_eq!(client.get("/api/search?q=nothing&limit=5&offset=0").json()["total"], 0);
    for (query, parameter) in [
        ("", json!(null)),
        ("?q=", json!("q")),
        ("?q=%20", json!("q")),
        (&format!("?q={}", "a".repeat(501)), json!("q")),
        ("?q=a&limit=0", json!("limit")),
        ("?q=a&limit=x", json!(null)),
        ("?q=a&recording=1", json!("recording")),
        ("?q=a&path=/etc", json!(null)),
        ("?q=%ff", json!(null)),
    ] {
        let reply = client.get(&format!("/api/search{query}"));
        if query != "?q=%ff" || reply.status != 200 {
            assert_eq!(reply.error(400).0, parameter, "{query}");
        }
    }
}

fn add(client: &Client, body: &str) -> Reply {
    client.post("/api/reviews", "application/json", body.as_bytes())
}

#[test]
fn case_reviews_are_added_and_read() {
    let server = Running::start(config());
    let client = server.client();
    let reply = add(&client, r#"[{"target": "word:1"}]"#);
    assert_eq!((reply.status, &reply.json()["added"]), (201, &json!(1)));
    let read = client.get(&format!("/api/reviews?recording={}", server.case.recording)).json();
    assert_eq!(read, json!({ "reviews": [{ "target": "word:1" }] }));
    add(&client, r#"[{"target": "word:1"}]"#).error(409);
    add(&client, "{}").error(400);
    add(&client, "[{").error(400);
    client.post("/api/reviews", "text/plain", b"[]").error(415);
    client.get(&format!("/api/reviews?recording={}", "0".repeat(64))).error(404);
    assert_eq!(client.get("/api/reviews").json()["reviews"].as_array().unwrap().len(), 1);
}

#[test]
fn case_reviews_are_limited_in_size() {
    let mut config = config();
    config.limits.body_bytes = 1000;
    let server = Running::start(config);
    let body = format!("[{}1]", "1,".repeat(1000));
    add(&server.client(), &body).error(413);
    add(&server.client(), "[1]").json();
}

#[test]
fn case_that_is_read_only_refuses_writes_alone() {
    let mut config = config();
    config.read_only = true;
    let server = Running::start(config);
    assert_eq!(add(&server.client(), "[1]").error(403).1, "read_only");
    assert_eq!(server.client().get("/api/reviews").status, 200);
}
