//! Audio in ranges, compared with its bytes.

use crate::support::{Client, Reply, Running, config};

fn fetch(client: &Client, server: &Running, range: &str) -> Reply {
    client.with("Range", range).get(&format!("/audio/{}", server.case.recording))
}

#[test]
fn audio_is_sent_whole_and_in_ranges() {
    let server = Running::start(config());
    let (client, audio) = (server.client(), &server.case.audio);
    let whole = client.get(&format!("/audio/{}", server.case.recording));
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("audio/wav")));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("etag"), Some(format!("\"{}\"", server.case.recording).as_str()));
    assert!(whole.body == *audio && whole.complete);
    let last = audio.len() - 1;
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, audio.len()),
        ("bytes=65535-65536", 65535, 65537),
        ("bytes=100000-199999", 100_000, 200_000),
        ("bytes=299999-", last, audio.len()),
        ("bytes=299990-999999999999999999999999", 299_990, audio.len()),
        ("bytes=-1", last, audio.len()),
        ("bytes=-70000", audio.len() - 70_000, audio.len()),
        ("bytes=-999999999", 0, audio.len()),
    ] {
        let reply = fetch(&client, &server, range);
        assert_eq!(reply.status, 206, "{range}");
        let expected = format!("bytes {start}-{}/{}", end - 1, audio.len());
        assert_eq!(reply.header("content-range"), Some(expected.as_str()), "{range}");
        assert!(reply.body == audio[start..end] && reply.complete, "{range}");
    }
}

#[test]
fn audio_of_invalid_or_several_ranges_is_sent_whole() {
    let server = Running::start(config());
    for range in ["bytes=5-4", "bytes=a-b", "lines=0-1", "bytes=0-0,5-6", "bytes=0-0, -1", "bytes", "bytes=--1"] {
        let reply = fetch(&server.client(), &server, range);
        assert_eq!((reply.status, reply.header("content-range")), (200, None), "{range}");
        assert!(reply.body == server.case.audio, "{range}");
    }
    let twice = server.client().with("Range", "bytes=0-0");
    assert_eq!(fetch(&twice, &server, "bytes=1-1").status, 200);
}

#[test]
fn audio_beyond_its_end_is_refused() {
    let server = Running::start(config());
    for range in ["bytes=300000-", "bytes=300000-300001", "bytes=-0"] {
        let reply = fetch(&server.client(), &server, range);
        reply.error(416);
        assert_eq!(reply.header("content-range"), Some("bytes */300000"), "{range}");
    }
}

#[test]
fn audio_under_a_condition() {
    let server = Running::start(config());
    let tag = format!("\"{}\"", server.case.recording);
    let weak = format!("W/{tag}");
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    for (condition, status) in [(tag.as_str(), 206), ("\"other\"", 200), (&weak, 200), (date, 200)] {
        let reply = fetch(&server.client().with("If-Range", condition), &server, "bytes=0-9");
        assert_eq!(reply.status, status, "{condition}");
    }
    let path = format!("/audio/{}", server.case.recording);
    for (name, value, status) in [
        ("If-None-Match", tag.as_str(), 304),
        ("If-None-Match", weak.as_str(), 304),
        ("If-None-Match", "\"a\", *", 304),
        ("If-None-Match", "\"a\", \"b\"", 200),
        ("If-Match", tag.as_str(), 200),
        ("If-Match", weak.as_str(), 412),
        ("If-Match", "*", 200),
        ("If-Match", "\"a\"", 412),
    ] {
        assert_eq!(server.client().with(name, value).get(&path).status, status, "{name}: {value}");
    }
}

#[test]
fn audio_head_has_the_length_and_no_body() {
    let server = Running::start(config());
    let path = format!("/audio/{}", server.case.recording);
    let head = server.client().request("HEAD", &path);
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("300000"), 0));
    let part = server.client().with("Range", "bytes=10-19").request("HEAD", &path);
    assert_eq!((part.status, part.header("content-length"), part.body.len()), (200, Some("300000"), 0));
}

#[test]
fn audio_ranges_join_to_the_whole() {
    let server = Running::start(config());
    let audio = &server.case.audio;
    // Sizes that do not divide a block.
    let (mut at, mut joined) = (0, Vec::new());
    for size in [1, 70_001, 65_536, 33, 131_072].into_iter().cycle() {
        if at >= audio.len() {
            break;
        }
        let reply = fetch(&server.client(), &server, &format!("bytes={at}-{}", at + size - 1));
        joined.extend_from_slice(&reply.body);
        at += size;
    }
    assert!(joined == *audio);
}
