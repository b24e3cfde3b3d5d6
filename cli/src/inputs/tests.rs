use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"text").unwrap();
    }
    folder
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| name(path)).collect()
}

fn reasons(inputs: &Inputs) -> Vec<(String, SkipReason)> {
    inputs.skipped.iter().map(|skipped| (name(&skipped.path), skipped.reason)).collect()
}

fn rejection(input: impl AsRef<OsStr>) -> String {
    find(&[input]).unwrap_err().to_string()
}

#[test]
fn folders_are_searched_for_recordings_by_name() {
    let folder = folder_with(&["b.M4A", "a.wav", "notes.txt", "deeper/c.ogg", ".hidden.wav", ".hidden/d.mp3"]);
    let found = find(&[folder.path()]).unwrap();
    assert_eq!(names(&found.files), ["d.mp3", ".hidden.wav", "a.wav", "b.M4A", "c.ogg"]);
    assert_eq!(reasons(&found), [("notes.txt".to_owned(), SkipReason::NotAudioName)]);
}

#[test]
fn folder_named_twice_counts_once_and_an_empty_one_is_refused() {
    let folder = folder_with(&["a.wav"]);
    assert_eq!(find(&[folder.path(), folder.path()]).unwrap().files.len(), 1);
    let empty = tempfile::tempdir().unwrap();
    assert!(rejection(empty.path()).contains("contains no recordings"));
}

#[test]
fn files_that_are_not_recordings_are_skipped_with_their_reason() {
    use SkipReason::{AudioContent, Empty, MacMetadata, NotAudioName, OwnStore, SystemFile, Unfinished};
    let cases = [
        ("._call.wav", MacMetadata),
        (".DS_Store", MacMetadata),
        ("Thumbs.db", SystemFile),
        ("DESKTOP.INI", SystemFile),
        ("earwitness.db", OwnStore),
        ("earwitness.db-wal", OwnStore),
        ("photo.JPG", NotAudioName),
        ("call.m4a.part", Unfinished),
        ("call.mp3.crdownload", Unfinished),
        ("call.tmp", Unfinished),
        ("~$notes.docx", SystemFile),
        ("__MACOSX/._x.wav", MacMetadata),
    ];
    let folder = folder_with(&cases.map(|(name, _)| name));
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("a.wav", b"text");
    write("empty.bin", b"");
    write("recording", b"RIFF\0\0\0\0WAVEfmt ");
    write("picture", b"\0\0\0\x18ftypheic");
    write("._kept.wav", b"RIFF\0\0\0\0WAVEfmt ");
    let found = find(&[folder.path()]).unwrap();
    assert_eq!(names(&found.files), ["._kept.wav", "a.wav"], "a recording is a recording by its content");
    let more = [("empty.bin", Empty), ("recording", AudioContent), ("picture", NotAudioName)];
    let top = |name: &str| name.split('/').next().unwrap().to_owned();
    let mut expected: Vec<_> = cases.iter().chain(&more).map(|(name, reason)| (top(name), *reason)).collect();
    expected.sort();
    let mut reasons = reasons(&found);
    reasons.sort();
    assert_eq!(reasons, expected);
}

#[test]
fn links_count_as_their_file_and_links_to_folders_are_listed() {
    let folder = folder_with(&["calls/a.wav", "other/b.wav"]);
    let calls = folder.path().join("calls");
    symlink("a.wav", calls.join("again.wav")).unwrap();
    symlink("..", calls.join("up")).unwrap();
    symlink("../other", calls.join("other.wav")).unwrap();
    symlink("nothing", calls.join("lost.wav")).unwrap();
    symlink("nothing", calls.join("lost.txt")).unwrap();
    symlink("loop.wav", calls.join("loop.wav")).unwrap();
    let found = find(&[&calls]).unwrap();
    assert_eq!(names(&found.files), ["a.wav", "loop.wav", "lost.wav"], "broken links are reported as recordings");
    let expected = [
        ("lost.txt".to_owned(), SkipReason::BrokenLink),
        ("other.wav".to_owned(), SkipReason::LinkedFolder),
        ("up".to_owned(), SkipReason::LinkedFolder),
    ];
    assert_eq!(reasons(&found), expected);
    assert_eq!(names(&find(&[calls.join("other.wav")]).unwrap().files), ["b.wav"], "a link that is named is followed");
    assert!(rejection(calls.join("lost.wav")).contains("lost.wav: a broken link"));
}

#[test]
fn pipes_sockets_and_devices_are_skipped_in_folders_and_refused_as_inputs() {
    let folder = folder_with(&["a.wav"]);
    let pipe = folder.path().join("pipe.wav");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let socket = folder.path().join("socket.wav");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    symlink("/dev/zero", folder.path().join("zero.wav")).unwrap();
    let expected =
        [("pipe.wav", SkipReason::Pipe), ("socket.wav", SkipReason::Socket), ("zero.wav", SkipReason::Device)];
    assert_eq!(reasons(&find(&[folder.path()]).unwrap()), expected.map(|(name, reason)| (name.to_owned(), reason)));
    assert!(rejection(&pipe).ends_with(
        "pipe.wav: a pipe, not a file or folder: save the recording in a file, and name \
                                      that file"
    ));
    assert!(rejection(&socket).contains("a socket"));
    assert!(rejection("/dev/zero").contains("/dev/zero: a device"));
    assert!(rejection("-").contains("standard input is not read"));
}

#[test]
fn files_named_directly_may_have_any_name_and_count_once() {
    let folder = folder_with(&["call.bin"]);
    let path = folder.path().join("call.bin");
    assert_eq!(find(&[&path, &path]).unwrap().files.len(), 1);
}

#[test]
fn names_that_are_not_utf8_are_found_by_folder_and_by_name() {
    let folder = folder_with(&["a.wav"]);
    let path = folder.path().join(OsStr::from_bytes(b"\xB1\xE8\xB9\xCE.wav"));
    fs::write(&path, b"").unwrap();
    let path = path.canonicalize().unwrap();
    assert!(find(&[folder.path()]).unwrap().files.contains(&path));
    assert_eq!(find(&[&path]).unwrap().files, std::slice::from_ref(&path));
    fs::remove_file(&path).unwrap();
    assert!(rejection(&path).contains(r"\xB1\xE8\xB9\xCE.wav: no such file"));
}

#[test]
fn globs_expand_and_a_missing_file_is_named() {
    let folder = folder_with(&["a1.wav", "a2.wav", "b.wav"]);
    assert_eq!(names(&find(&[folder.path().join("a*.wav")]).unwrap().files), ["a1.wav", "a2.wav"]);
    let missing = folder.path().join("nothing.wav");
    assert!(rejection(&missing).starts_with(missing.to_str().unwrap()));
}

#[test]
fn folder_that_cannot_be_read_is_named_and_the_rest_is_found() {
    let folder = folder_with(&["a.wav", "z/b.wav"]);
    testkit::unreadable_folder(folder.path());
    let found = find(&[folder.path()]).unwrap();
    assert_eq!(names(&found.files), ["a.wav", "b.wav"]);
    assert_eq!(found.unreadable.len(), 1);
    assert_eq!(found.unreadable[0].error.code, ErrorCode::UnreadableFolder);
    let alone = folder.path().join("n".repeat(250));
    assert!(rejection(&alone).contains("cannot be searched"), "a folder that may hold recordings is not empty");
}
