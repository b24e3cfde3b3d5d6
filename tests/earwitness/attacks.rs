//! Attacks on a case by somebody who may change everything in its folder and the recordings, with sqlite3 and with
//! Earwitness itself, but who has neither the signing key nor the head that was written down. Each is found by `verify`:
//! alone, with the public key, or with the head. The README lists them; a test compares the list.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use scheduler::store::{Access, OutputFile, StoreUrl, open};
use stage_core::sha256_hex;

use crate::support::{Finished, calls, custody_log, finish, run};

/// The weakest strength of `verify` that finds an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundBy {
    Alone,
    PublicKey,
    Head,
}

impl FoundBy {
    const fn in_readme(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::PublicKey => "`--public-key`",
            Self::Head => "`--head`",
        }
    }
}

/// A signed case of three calls and two runs, with what its owner keeps elsewhere.
struct Original {
    folder: tempfile::TempDir,
    head: String,
}

/// A copy of it that is attacked.
struct Case {
    folder: tempfile::TempDir,
    head: String,
}

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let at = |name: &str| made.join(name);
        fs::create_dir_all(at("calls")).unwrap();
        for (call, name) in [("reading.wav", "a.wav"), ("synthetic-threat.flac", "b.flac"), ("address.mp3", "c.mp3")] {
            fs::copy(calls().join(call), at("calls").join(name)).unwrap();
        }
        run(&[&at("calls")], &at("out"), &["--format", "json,srt"]).with_code(0);
        fs::copy(at("out/earwitness.db"), at("older.db")).unwrap();
        fs::rename(at("calls/c.mp3"), at("calls/d.mp3")).unwrap();
        run(&[&at("calls")], &at("out"), &["--format", "json,srt"]).with_code(0);
        let out = at("out");
        let out = out.to_str().unwrap();
        finish(["review", "confirm", out, "b", "segment:0", "--author", "kim"]).with_code(0);
        finish(["export", out, "--format", "json,srt"]).with_code(0);
        for key in ["owner", "attacker"] {
            finish(["key", "new", at(key).to_str().unwrap()]).with_code(0);
        }
        sign(&made, "owner").with_code(0);
        let head = head_of(&made);
        // So that copies of the case do not find the recordings of the original one.
        fs::rename(made, folder.path().join("kept")).unwrap();
        Original { folder, head }
    })
}

fn sign(folder: &Path, key: &str) -> Finished {
    let key = folder.join(key);
    finish(["manifest", folder.join("out").to_str().unwrap(), "--sign", key.to_str().unwrap()])
}

/// The head that `verify` prints.
fn head_of(folder: &Path) -> String {
    let verified = finish(["verify", folder.join("out").to_str().unwrap()]).stdout;
    let (_, head) = verified.split_once("head of the custody log: ").unwrap_or_else(|| panic!("{verified}"));
    head.lines().next().unwrap().to_owned()
}

impl Case {
    fn new() -> Self {
        let Original { folder: original, head } = original();
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&original.path().join("kept"), folder.path());
        Self { folder, head: head.clone() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn out(&self) -> PathBuf {
        self.at("out")
    }

    /// Runs `verify` with more arguments.
    fn verify(&self, more: &[&str]) -> Finished {
        let out = self.out();
        finish(["verify", out.to_str().unwrap()].into_iter().chain(more.iter().copied()))
    }

    fn verify_with(&self, strength: FoundBy) -> Finished {
        let key = self.at("owner.pub");
        match strength {
            FoundBy::Alone => self.verify(&[]),
            FoundBy::PublicKey => self.verify(&["--public-key", key.to_str().unwrap()]),
            FoundBy::Head => self.verify(&["--head", &self.head]),
        }
    }

    /// Runs SQL with the sqlite3 program.
    fn sql(&self, sql: &str) -> String {
        let output = Command::new("sqlite3").arg(self.out().join("earwitness.db")).arg(sql).output();
        let output = output.expect("sqlite3 is installed (apt-get install sqlite3)");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Runs the whole pipeline as the case's owner did.
    fn run_again(&self) {
        let (calls, out) = (self.at("calls"), self.out());
        let finished = run(&[&calls], &out, &["--format", "json,srt"]);
        assert!(matches!(finished.code, Some(0 | 7)), "{}{}", finished.stdout, finished.stderr);
    }

    /// The file of the custody log.
    fn log(&self) -> PathBuf {
        custody_log(&self.out())
    }

    fn log_lines(&self) -> Vec<String> {
        fs::read_to_string(self.log()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Writes a log whose chain is whole again, into its file and into the store.
    fn write_chain(&self, lines: &[String]) {
        let (mut text, mut sql) = (String::new(), "BEGIN; DELETE FROM custody;".to_owned());
        let mut before = "0".repeat(64);
        for (seq, line) in lines.iter().enumerate() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let (old_seq, old_prev) = (value["seq"].clone(), value["prev"].as_str().unwrap().to_owned());
            let line = line.replacen(&format!("\"seq\":{old_seq}"), &format!("\"seq\":{seq}"), 1);
            let line = line.replacen(&old_prev, &before, 1);
            let line = line.replacen(&format!("\"group\":{}", value["group"]), &format!("\"group\":{seq}"), 1);
            before = sha256_hex(line.as_bytes());
            let quoted = line.replace('\'', "''");
            sql += &format!("INSERT INTO custody VALUES ({seq}, '{quoted}');");
            text += &(line + "\n");
        }
        fs::write(self.log(), text).unwrap();
        self.sql(&(sql + "COMMIT;"));
    }

    /// Replaces a text in all lines of the log, and makes the chain whole again.
    fn change_log(&self, from: &str, to: &str) {
        let lines = self.log_lines();
        assert!(lines.iter().any(|line| line.contains(from)), "{from} is not in the log");
        self.write_chain(&lines.iter().map(|line| line.replace(from, to)).collect::<Vec<_>>());
    }

    /// Removes a word from the JSON of the first call, and updates the hash in the store. Returns both hashes.
    fn remove_word_from_json(&self) -> (String, String) {
        let path = self.out().join("a.json");
        let text = fs::read_to_string(&path).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        document["words"].as_array_mut().unwrap().remove(0);
        let changed = serde_json::to_string_pretty(&document).unwrap();
        fs::write(&path, &changed).unwrap();
        let (before, after) = (sha256_hex(text.as_bytes()), sha256_hex(changed.as_bytes()));
        assert_eq!(
            self.sql(&format!("UPDATE output SET sha256 = '{after}' WHERE sha256 = '{before}' RETURNING 1")),
            "1"
        );
        (before, after)
    }

    /// Fingerprint, hash and text of the transcript of a recording, by the name of its results.
    fn transcript(&self, name: &str) -> [String; 3] {
        let sql = format!(
            "SELECT a.fingerprint || '|' || a.body_sha256 || '|' || a.body FROM artifact a JOIN recording r
             ON json_extract(a.key, '$.file_sha256') = r.file_sha256
             WHERE r.name = '{name}' AND json_extract(a.key, '$.stage') = 'transcribe' AND json_extract(a.key, '$.output') IS NULL"
        );
        let row = self.sql(&sql);
        let mut parts = row.splitn(3, '|').map(str::to_owned);
        [parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap()]
    }

    /// Replaces the text of an artifact, with its hash.
    fn set_artifact(&self, fingerprint: &str, body: &str) -> String {
        let (sha256, quoted) = (sha256_hex(body.as_bytes()), body.replace('\'', "''"));
        let sql =
            "UPDATE artifact SET body = '{quoted}', body_sha256 = '{sha256}' WHERE fingerprint = '{fp}' RETURNING 1";
        let sql = sql.replace("{sha256}", &sha256).replace("{fp}", fingerprint).replace("{quoted}", &quoted);
        assert_eq!(self.sql(&sql), "1");
        sha256
    }

    /// Deletes the results of the second call from its transcript on, and plants a forged checkpoint from which the next
    /// run would make it. Returns the fingerprint and the hash of the checkpoint.
    fn plant_checkpoint(&self) -> (String, String) {
        let [fingerprint, ..] = self.transcript("b");
        let boundaries: Vec<f64> = (0..11).map(|index| f64::from(index) * 0.3 + 0.1).collect();
        let window = serde_json::json!({
            "boundaries_s": boundaries, "compression_ratio": 1.1, "end_logprob": -0.1, "language": "en",
            "language_probability": 0.999, "logprobs": vec![-0.05; 10], "looping": false, "loudest_dbfs": -12.0,
            "low_confidence": null, "no_speech_prob": 0.0001, "rejected": [], "temperature": 0.0,
            "tokens": [1627, 680, 2544, 2544, 3540, 3369, 1210, 2739, 2395, 1210]
        })
        .to_string();
        self.sql(
            "DELETE FROM artifact WHERE json_extract(key, '$.stage') IN ('transcribe', 'align', 'forensics') AND
             json_extract(key, '$.file_sha256') = (SELECT file_sha256 FROM recording WHERE name = 'b')",
        );
        let (sha256, quoted) = (sha256_hex(window.as_bytes()), window.replace('\'', "''"));
        self.sql(&format!("INSERT INTO part VALUES ('{fingerprint}', 0, '{quoted}', '{sha256}', 1, 0.5, 'cpu:0', 1)"));
        (fingerprint, sha256)
    }

    /// Deletes everything about the second call from the store and the folder. Returns the lines of the log that are not
    /// about it.
    fn delete_call(&self) -> Vec<String> {
        let sha256 = self.sql("SELECT file_sha256 FROM recording WHERE name = 'b'");
        let of_call = format!("SELECT fingerprint FROM artifact WHERE json_extract(key, '$.file_sha256') = '{sha256}'");
        let ids = self.sql(&of_call) + "\n" + &sha256;
        let is_about = |line: &String| ids.lines().any(|id| line.contains(id));
        let others = self.log_lines().into_iter().filter(|line| !is_about(line)).collect();
        self.sql(&format!(
            "PRAGMA foreign_keys = OFF; DELETE FROM artifact WHERE json_extract(key, '$.file_sha256') = '{sha256}';
             DELETE FROM recording WHERE file_sha256 = '{sha256}'; DELETE FROM place WHERE file_sha256 = '{sha256}';
             DELETE FROM output WHERE recording = '{sha256}'; DELETE FROM review WHERE recording = '{sha256}';
             DELETE FROM input WHERE sha256 = '{sha256}';"
        ));
        for file in ["calls/b.flac", "out/b.json", "out/b.srt"] {
            fs::remove_file(self.at(file)).unwrap();
        }
        others
    }
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn attacks_none_is_reported_for_an_untouched_copy() {
    let case = Case::new();
    for strength in [FoundBy::Alone, FoundBy::PublicKey, FoundBy::Head] {
        case.verify_with(strength).with_code(0);
    }
}

/// Defines attacks: each is a test, and a row of the README's table.
macro_rules! attacks {
    ($($name:ident: $about:literal, $found_by:ident, $attack:expr;)+) => {
        /// All attacks, with what finds them.
        const ATTACKS: &[(&str, FoundBy)] = &[$(($about, FoundBy::$found_by)),+];

        $(
            #[test]
            fn $name() {
                let case = Case::new();
                let attack: fn(&Case) = $attack;
                attack(&case);
                assert_found(&case, FoundBy::$found_by);
            }
        )+
    };
}

/// Asserts that this strength finds the attack, and that no weaker one does.
fn assert_found(case: &Case, found_by: FoundBy) {
    for weaker in [FoundBy::Alone, FoundBy::PublicKey].into_iter().take_while(|weaker| *weaker != found_by) {
        let verified = case.verify_with(weaker);
        assert_eq!(verified.code, Some(0), "{weaker:?} finds it too: {}", verified.stdout);
    }
    let verified = case.verify_with(found_by);
    assert_eq!(verified.code, Some(5), "not found: {}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("BROKEN"), "{}", verified.stdout);
}

attacks! {
    attack_recording_changed:
        "one byte of a recording is changed", Alone, |case| {
            let call = case.at("calls/a.wav");
            let mut bytes = fs::read(&call).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(call, bytes).unwrap();
        };
    attack_recording_changed_and_run_again:
        "a recording is changed, and the same command is run again", Alone, |case| {
            let call = case.at("calls/a.wav");
            let mut bytes = fs::read(&call).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(call, bytes).unwrap();
            case.run_again();
        };
    attack_recording_removed:
        "a recording is removed", Alone, |case| fs::remove_file(case.at("calls/a.wav")).unwrap();
    attack_copy_changed:
        "a copy of a recording is changed that the case has seen", Alone, |case| {
            fs::copy(case.at("calls/a.wav"), case.at("calls/copy.wav")).unwrap();
            case.run_again();
            let mut bytes = fs::read(case.at("calls/copy.wav")).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(case.at("calls/copy.wav"), bytes).unwrap();
        };
    attack_recordings_swapped:
        "two recordings are swapped", Alone, |case| {
            fs::rename(case.at("calls/a.wav"), case.at("calls/x")).unwrap();
            fs::rename(case.at("calls/b.flac"), case.at("calls/a.wav")).unwrap();
            fs::rename(case.at("calls/x"), case.at("calls/b.flac")).unwrap();
        };
    attack_hash_of_a_forged_recording_accepted:
        "a recording is forged, and its hash is changed in the store (sqlite3)", Alone, |case| {
            let call = case.at("calls/a.wav");
            let mut bytes = fs::read(&call).unwrap();
            let before = sha256_hex(&bytes);
            *bytes.last_mut().unwrap() ^= 1;
            let after = sha256_hex(&bytes);
            fs::write(call, bytes).unwrap();
            for table in ["recording", "place"] {
                case.sql(&format!("UPDATE {table} SET file_sha256 = '{after}' WHERE file_sha256 = '{before}'"));
            }
        };
    attack_word_removed_from_json:
        "a word is removed from a JSON, and its hash is changed in the store (sqlite3)", Alone, |case| {
            case.remove_word_from_json();
        };
    attack_word_removed_from_json_and_log:
        "the same, and the log is made whole again with the new hashes (sqlite3)", Alone, |case| {
            let (before, after) = case.remove_word_from_json();
            case.change_log(&before, &after);
        };
    attack_export_swapped:
        "the subtitles of two calls are swapped", Alone, |case| {
            let out = case.out();
            fs::rename(out.join("a.srt"), out.join("x")).unwrap();
            fs::rename(out.join("b.srt"), out.join("a.srt")).unwrap();
            fs::rename(out.join("x"), out.join("b.srt")).unwrap();
        };
    attack_export_removed:
        "a written file is removed", Alone, |case| fs::remove_file(case.out().join("b.json")).unwrap();
    attack_export_and_its_record_removed:
        "a written file is removed, with its record (sqlite3)", Alone, |case| {
            fs::remove_file(case.out().join("b.json")).unwrap();
            case.sql("DELETE FROM output WHERE CAST(path AS TEXT) = 'b.json'");
        };
    attack_foreign_result_added:
        "a result of another case is added", Alone, |case| {
            fs::copy(case.out().join("a.json"), case.out().join("call-99.json")).unwrap();
        };
    attack_foreign_results_in_a_subfolder:
        "forged results are added in a folder of the case", Alone, |case| {
            fs::create_dir(case.out().join("final")).unwrap();
            let text = fs::read_to_string(case.out().join("a.json")).unwrap();
            fs::write(case.out().join("final/a.json"), text.replacen("\"text\": \"", "\"text\": \"not ", 1)).unwrap();
        };
    attack_report_removed:
        "the report of a run is removed", Alone, |case| fs::remove_file(case.out().join("report.html")).unwrap();
    attack_manifest_removed:
        "the manifest and its signature are removed", Alone, |case| {
            fs::remove_file(case.out().join("manifest.json")).unwrap();
            fs::remove_file(case.out().join("manifest.sig")).unwrap();
        };
    attack_transcript_changed:
        "a word of a transcript is changed, with its hash (sqlite3)", Alone, |case| {
            let [fingerprint, _, body] = case.transcript("b");
            case.set_artifact(&fingerprint, &body.replacen("\"text\":\"", "\"text\":\"not ", 1));
        };
    attack_transcripts_swapped:
        "the transcripts of two calls are swapped, with their hashes (sqlite3)", Alone, |case| {
            let ([a, _, body_a], [b, _, body_b]) = (case.transcript("a"), case.transcript("b"));
            case.set_artifact(&a, &body_b);
            case.set_artifact(&b, &body_a);
        };
    attack_names_swapped:
        "the names of two calls are swapped (sqlite3)", Alone, |case| {
            case.sql("UPDATE recording SET name = 'x' WHERE name = 'a'; UPDATE recording SET name = 'a' WHERE name = 'b';
                      UPDATE recording SET name = 'b' WHERE name = 'x'");
        };
    attack_log_replaced_by_a_link:
        "the log file is replaced by a link to another file", Alone, |case| {
            let log = case.log();
            fs::rename(&log, case.at("elsewhere")).unwrap();
            std::os::unix::fs::symlink(case.at("elsewhere"), log).unwrap();
        };
    attack_artifact_deleted:
        "a stage's result is deleted (sqlite3)", Alone, |case| {
            let [fingerprint, ..] = case.transcript("a");
            case.sql(&format!("DELETE FROM artifact WHERE fingerprint = '{fingerprint}'"));
        };
    attack_forged_checkpoint_planted:
        "a call's results are deleted, a forged checkpoint is planted, and the same command is run again (sqlite3)",
        Alone, |case| {
            case.plant_checkpoint();
            let refused = run(&[&case.at("calls")], &case.out(), &["--format", "json,srt"]).with_code(6);
            assert!(refused.stderr.contains("custody-broken") && refused.stderr.contains("checkpoint 0"), "{}", refused.stderr);
        };
    attack_forged_checkpoint_planted_and_logged:
        "the same, and the log states the checkpoint (sqlite3)", Alone, |case| {
            let (fingerprint, sha256) = case.plant_checkpoint();
            let mut lines = case.log_lines();
            let last = lines.last().unwrap().clone();
            let (head, _) = last.split_once("\"entry\":").unwrap();
            let kind = serde_json::json!({"kind": "checkpoint", "fingerprint": fingerprint, "index": 0, "sha256": sha256});
            lines.push(format!("{head}\"entry\":{kind}}}"));
            case.write_chain(&lines);
            case.run_again();
        };
    attack_artifact_added:
        "a stage's result is added that was never computed (sqlite3)", Alone, |case| {
            case.sql("INSERT INTO artifact SELECT 'f' || substr(fingerprint, 2), key, body, body_sha256, started_at_ms,
                      duration_s, tool_version, device, computations, environment FROM artifact LIMIT 1");
        };
    attack_call_deleted:
        "a call is deleted everywhere but in the log (sqlite3)", Alone, |case| {
            case.delete_call();
        };
    attack_call_deleted_with_its_log_lines:
        "a call is deleted, with its lines of the log (sqlite3)", Alone, |case| {
            let before = case.log_lines();
            let lines = case.delete_call();
            fs::write(case.log(), lines.join("\n") + "\n").unwrap();
            for (seq, _) in before.iter().enumerate().filter(|(_, line)| !lines.contains(line)) {
                case.sql(&format!("DELETE FROM custody WHERE seq = {seq}"));
            }
        };
    attack_call_deleted_and_log_made_whole:
        "the same, and the log is made whole again (sqlite3)", PublicKey, |case| {
            let lines = case.delete_call();
            case.write_chain(&lines);
        };
    attack_times_rewritten:
        "the times of a run are rewritten (sqlite3)", Alone, |case| {
            case.sql("UPDATE run SET started_at_ms = started_at_ms - 86400000, ended_at_ms = ended_at_ms - 86400000");
        };
    attack_provenance_rewritten:
        "time and device of a stage's result are rewritten (sqlite3)", Alone, |case| {
            case.sql("UPDATE artifact SET started_at_ms = 0, device = 'cuda:0'");
        };
    attack_clock_of_the_log_rewritten:
        "the times in the log are rewritten (sqlite3)", Alone, |case| {
            let lines = case.log_lines();
            let earlier: Vec<_> = lines.iter().map(|line| line.replacen("\"at_ms\":1", "\"at_ms\":0", 1)).collect();
            fs::write(case.log(), earlier.join("\n") + "\n").unwrap();
            case.sql("UPDATE custody SET line = replace(line, '\"at_ms\":1', '\"at_ms\":0')");
        };
    attack_run_deleted:
        "a run is deleted (sqlite3)", Alone, |case| {
            case.sql("PRAGMA foreign_keys = OFF; DELETE FROM run WHERE id = 1");
        };
    attack_command_rewritten:
        "the command line of a run is rewritten (sqlite3)", Alone, |case| {
            case.sql("UPDATE run SET command = 'earwitness run other-calls'");
        };
    attack_incident_deleted:
        "an incident is deleted (sqlite3)", Alone, |case| {
            assert_eq!(case.sql("SELECT count(*) FROM incident"), "1");
            case.sql("DELETE FROM incident");
        };
    attack_run_replaced:
        "the last run is deleted, and another takes its number (sqlite3)", Alone, |case| {
            let last = case.sql("SELECT max(id) FROM run");
            let deleted = ["failure WHERE run", "incident WHERE run", "batch WHERE run", "run WHERE id"];
            let sql: String = deleted.iter().map(|table| format!("DELETE FROM {table} = {last};")).collect();
            case.sql(&format!(
                "PRAGMA foreign_keys = OFF; {sql} UPDATE recording SET run = {last} - 1;
                 UPDATE sqlite_sequence SET seq = {last} - 1 WHERE name = 'run';"
            ));
            case.run_again();
        };
    attack_trigger_added:
        "a trigger is added that drops later statements of reviewers (sqlite3)", Alone, |case| {
            case.sql("CREATE TRIGGER t AFTER INSERT ON review BEGIN DELETE FROM review WHERE id = new.id; END");
        };
    attack_length_rewritten:
        "the length of a recording is rewritten (sqlite3)", Alone, |case| {
            case.sql("UPDATE recording SET bytes = 1 WHERE name = 'a'");
        };
    attack_place_deleted:
        "the store forgets where a recording was first seen (sqlite3)", Alone, |case| {
            assert_eq!(case.sql("DELETE FROM place WHERE CAST(path AS TEXT) LIKE '%a.wav' RETURNING 1"), "1");
        };
    attack_failure_added:
        "a failure is added that never happened (sqlite3)", Alone, |case| {
            case.sql("INSERT INTO failure VALUES (1, CAST('x.wav' AS BLOB),
                      '{\"origin\":\"decode\",\"class\":\"bad_input\",\"code\":\"empty-file\",\"message\":\"no audio\"}')");
        };
    attack_rename_hidden:
        "the record of a renamed file is deleted (sqlite3)", Alone, |case| {
            assert_eq!(case.sql("DELETE FROM place WHERE CAST(path AS TEXT) LIKE '%c.mp3' RETURNING 1"), "1");
        };
    attack_review_changed:
        "a reviewer's correction is changed (sqlite3)", Alone, |case| {
            assert_eq!(case.sql("UPDATE review SET body = replace(body, 'confirm', 'reject') RETURNING 1"), "1");
        };
    attack_review_deleted:
        "a reviewer's statement is deleted (sqlite3)", Alone, |case| {
            case.sql("DELETE FROM review");
        };
    attack_review_replaced:
        "a reviewer's statement is deleted, and imported again with another one (sqlite3)", Alone, |case| {
            let (out, file) = (case.out(), case.at("reviews.json"));
            let (out, name) = (out.to_str().unwrap(), file.to_str().unwrap());
            finish(["review", "export", out, name]).with_code(0);
            case.sql("DELETE FROM review");
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains("\"confirm\""));
            fs::write(&file, text.replace("\"confirm\"", "\"reject\"")).unwrap();
            finish(["review", "import", out, name]).with_code(0);
            finish(["export", out, "--format", "json,srt"]).with_code(0);
        };
    attack_forgotten_recording_taken_up_again:
        "a forgotten recording is taken up again (sqlite3)", Alone, |case| {
            finish(["forget", case.out().to_str().unwrap(), "b", "--yes"]).with_code(0);
            case.run_again();
            case.verify(&[]).with_code(0);
            case.sql("DELETE FROM forgotten");
            case.run_again();
        };
    attack_log_line_changed:
        "a line of the log file is changed", Alone, |case| {
            let text = fs::read_to_string(case.log()).unwrap();
            fs::write(case.log(), text.replacen("\"stage\":\"decode\"", "\"stage\":\"encode\"", 1)).unwrap();
        };
    attack_log_cut:
        "the log file is cut", Alone, |case| {
            let lines = case.log_lines();
            fs::write(case.log(), lines[..lines.len() / 2].join("\n") + "\n").unwrap();
        };
    attack_log_emptied:
        "the log file is emptied", Alone, |case| fs::write(case.log(), "").unwrap();
    attack_log_removed:
        "the log file is removed", Alone, |case| fs::remove_file(case.log()).unwrap();
    attack_log_of_another_case:
        "the log file of another case takes its place", Alone, |case| {
            let other = case.at("other");
            run(&[&case.at("calls")], &other, &[]).with_code(0);
            fs::copy(custody_log(&other), case.log()).unwrap();
        };
    attack_store_replaced_by_an_older_copy:
        "the store is replaced by an older copy", Alone, |case| {
            fs::copy(case.at("older.db"), case.out().join("earwitness.db")).unwrap();
        };
    attack_identity_of_the_case_changed:
        "the ID of the case is changed (sqlite3)", Alone, |case| {
            case.sql("UPDATE setting SET value = '0123456789abcdef0123456789abcdef' WHERE key = 'case'");
        };
    attack_manifest_edited:
        "the manifest is edited", Alone, |case| {
            let path = case.out().join("manifest.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replacen("\"b\"", "\"x\"", 1)).unwrap();
        };
    attack_everything_made_consistent:
        "a transcript is changed, the log is made whole again, and all files are written anew (sqlite3)",
        PublicKey, |case| {
            let [fingerprint, before, body] = case.transcript("b");
            let after = case.set_artifact(&fingerprint, &body.replacen("\"text\":\"", "\"text\":\"not ", 1));
            case.change_log(&before, &after);
            finish(["export", case.out().to_str().unwrap(), "--format", "json,srt"]).with_code(0);
        };
    attack_renderer_forged:
        "a JSON is changed, and the library records it as written by a later version",
        PublicKey, |case| {
            let (before, after) = case.remove_word_from_json();
            case.sql(&format!("UPDATE output SET sha256 = '{before}' WHERE sha256 = '{after}'"));
            let url = StoreUrl::file(case.out().join("earwitness.db"));
            let mut store = open(&url, Access::Write).unwrap();
            let is_changed = |file: &OutputFile| file.sha256.as_ref() == Some(&before);
            let file = store.outputs().unwrap().into_iter().find(is_changed).unwrap();
            store.put_outputs(&[OutputFile { sha256: Some(after), renderer: 99, ..file }]).unwrap();
        };
    attack_manifest_signed_with_another_key:
        "a call is deleted, the log is made whole again, and the manifest is signed with another key (sqlite3)",
        PublicKey, |case| {
            let lines = case.delete_call();
            case.write_chain(&lines);
            sign(case.folder.path(), "attacker").with_code(0);
        };
    attack_call_added_after_the_signature:
        "a further call is added with Earwitness, after the signature", PublicKey, |case| {
            fs::copy(calls().join("silence.mp3"), case.at("calls/e.mp3")).unwrap();
            case.run_again();
        };
    attack_case_made_anew:
        "the whole case is made anew without one call, and signed with another key", PublicKey, |case| {
            make_anew(case);
            sign(case.folder.path(), "attacker").with_code(0);
        };
    attack_unsigned_case_made_anew:
        "the whole case is made anew with other settings, and the owner is made to sign it", Head, |case| {
            make_anew(case);
            sign(case.folder.path(), "owner").with_code(0);
        };
}

/// Makes the case anew without one call.
fn make_anew(case: &Case) {
    fs::remove_dir_all(case.out()).unwrap();
    fs::remove_file(case.at("calls/b.flac")).unwrap();
    case.run_again();
}

#[test]
fn attacks_are_those_of_the_readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let rows: Vec<String> = ATTACKS.iter().map(|(about, by)| format!("| {about} | {} |", by.in_readme())).collect();
    let missing: Vec<_> = rows.iter().filter(|row| !readme.contains(*row)).collect();
    assert!(missing.is_empty(), "not in the README:\n{}", rows.join("\n"));
    assert!(ATTACKS.len() >= 20 && ATTACKS.iter().filter(|(about, _)| about.contains("sqlite3")).count() >= 15);
}
