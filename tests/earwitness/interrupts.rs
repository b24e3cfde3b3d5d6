//! A signal ends the program soon at any point, and what was done is kept.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use testkit::{send_signal, wait_until};

use crate::support::{Finished, calls, earwitness, finish, folder_of_calls, run_args};

/// Hashing this many bytes takes minutes.
const HUGE_BYTES: u64 = 1 << 40;
/// Longest time until the program ends, on a busy machine. Hashing the huge file takes much longer.
const SOON: Duration = Duration::from_secs(30);

/// Adds a recording whose hashing never ends in a test: a call with a hole after it.
fn add_huge_call(folder: &Path) {
    let huge = folder.join("huge.wav");
    fs::copy(calls().join("reading.wav"), &huge).unwrap();
    fs::OpenOptions::new().write(true).open(&huge).unwrap().set_len(HUGE_BYTES).unwrap();
}

/// Whether the process reads far into the huge file, so that it is hashing it.
fn hashes_huge_call(pid: u32) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let at = |number: &str| {
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
        info.lines().next()?.strip_prefix("pos:")?.trim().parse::<u64>().ok()
    };
    open.flatten().any(|entry| {
        let is_huge = fs::read_link(entry.path()).is_ok_and(|path| path.ends_with("huge.wav"));
        is_huge && at(&entry.file_name().to_string_lossy()).is_some_and(|at| at > 64 << 20 && at < HUGE_BYTES / 2)
    })
}

fn start(args: &[String]) -> Child {
    earwitness(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal to a program that hashes the huge file, and waits for its end.
fn interrupt(args: &[String], signal: &str) -> Finished {
    let child = start(args);
    wait_until("the program hashes the huge file", || hashes_huge_call(child.id()));
    let began = Instant::now();
    send_signal(child.id(), signal);
    let finished = Finished::of(child.wait_with_output().unwrap());
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    finished
}

#[test]
fn hashing_ends_with_a_signal_and_keeps_the_hashes() {
    let (_folder, inputs, out) = folder_of_calls(2);
    add_huge_call(&inputs);
    let args = run_args(&[&inputs], &out, &[]);
    let interrupted = interrupt(&args, "INT").with_code(130);
    assert!(interrupted.stderr.contains("interrupted before any recording was processed"), "{}", interrupted.stderr);
    interrupt(&args, "TERM").with_code(143);
    let mut stage = args.clone();
    stage[0] = "stage".to_owned();
    stage.insert(1, "decode".to_owned());
    interrupt(&stage, "TERM").with_code(143);

    fs::remove_file(inputs.join("huge.wav")).unwrap();
    let mut plan = args.clone();
    plan[0] = "plan".to_owned();
    plan.push("--json".to_owned());
    let plan: serde_json::Value = serde_json::from_str(&finish(&plan).with_code(0).stdout).unwrap();
    assert_eq!(plan["files"]["hashes_cached"], 2, "{}", plan["files"]);
    let done = finish(&args).with_code(0).summary();
    assert_eq!(done["files_done"], 2);
}

#[test]
fn plan_and_verify_end_with_a_signal() {
    let (_folder, inputs, out) = folder_of_calls(1);
    finish(run_args(&[&inputs], &out, &[])).with_code(0);
    // The stored call grows without an end, so that verify hashes it.
    fs::rename(inputs.join("call-0.wav"), inputs.join("huge.wav")).unwrap();
    add_huge_call(&inputs);
    let mut plan = run_args(&[&inputs], &out, &[]);
    plan[0] = "plan".to_owned();
    interrupt(&plan, "INT").with_code(130);
    interrupt(&plan, "TERM").with_code(143);
    fs::rename(inputs.join("huge.wav"), inputs.join("call-0.wav")).unwrap();
    let child = start(&["verify".to_owned(), out.to_string_lossy().into_owned()]);
    wait_until("verify hashes the call", || {
        let open = fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().flatten();
        open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|path| path.ends_with("call-0.wav")))
    });
    send_signal(child.id(), "TERM");
    Finished::of(child.wait_with_output().unwrap()).with_code(143);
}
