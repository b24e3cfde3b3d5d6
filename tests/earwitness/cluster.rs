//! Workers on a Ray cluster, set up as docs/scale.md says, in namespaces of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use testkit::{Postgres, Random, in_ray_namespace, ray_folder, ray_python, root, wait_until};

use crate::support::{
    Finished, artifact_count, assert_same, documents, finish, folder_of_calls, run, run_args, test_model,
};

/// Starts a cluster, and on it two runs that share a case. Arguments: the Python with Ray, the program, the store, the model,
/// and the arguments of the first run.
const SCRIPT: &str = r#"
set -eu
python=$1 earwitness=$2 store=$3 model=$4; shift 4
"$python" -m ray.scripts.scripts start --head --port=6379 --node-ip-address=127.0.0.1 --num-cpus=2 \
    --include-dashboard=false --object-store-memory=80000000 >&2
on_cluster="--devices cpu --cluster ray --cluster-slots 1 --cluster-python $python"
"$earwitness" "$@" --store "$store" $on_cluster & first=$!
until "$earwitness" run --join "$store" --model "$model" --progress json $on_cluster; do
    kill -0 "$first" || exit 1
    sleep 1
done
wait "$first"
"#;

/// The command of the two runs. `None` if Ray is not installed.
fn on_cluster(folder: &Path, inputs: &Path, out: &Path, store: &str) -> Option<Command> {
    let mut command = in_ray_namespace(folder)?;
    command.args(["sh", "-c", SCRIPT, "sh"]).arg(ray_python()).arg(env!("CARGO_BIN_EXE_earwitness"));
    command.arg(store).arg(test_model()).args(run_args(&[inputs], out, &["-b", "1", "--pause-at-commits", "50"]));
    // The package is not installed: the sources are used.
    command.env("PYTHONPATH", root().join("scheduler/ray/src"));
    Some(command)
}

/// Stops the server and starts it again when this number of artifacts are stored.
fn interrupt(server: &Postgres, schema: &str, artifacts: usize) {
    let exists = format!("SELECT to_regclass('{schema}.artifact') IS NOT NULL");
    let count = format!("SELECT count(*) >= {artifacts} FROM {schema}.artifact");
    wait_until("artifacts are stored", || server.sql(&exists) == "t" && server.sql(&count) == "t");
    server.stop();
    server.restart();
}

#[test]
fn two_clusters_with_one_case_whose_server_is_stopped_make_the_results_of_a_local_run() {
    const FILES: usize = 8;
    let Some(server) = Postgres::start() else { return };
    let (_folder, inputs, out) = folder_of_calls(FILES);
    let (case, of_ray) = (server.new_case(), ray_folder());
    let schema = case.rsplit_once('=').unwrap().1.to_owned();
    let Some(mut command) = on_cluster(of_ray.path(), &inputs, &out, &case) else { return };
    let runs = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs = thread::spawn(move || runs.wait_with_output().unwrap());
    let seed = std::process::id();
    let (mut random, expected) = (Random(seed), artifact_count() * FILES);
    let at = [1 + random.below(expected / 3), expected / 2 + random.below(expected / 3)];
    println!("seed {seed}: the server is stopped at {at:?} of {expected} artifacts");
    at.into_iter().for_each(|artifacts| interrupt(&server, &schema, artifacts));
    let finished = Finished::of(runs.join().unwrap()).with_code(0);
    let local = out.with_extension("local");
    run(&[&inputs], &local, &[]).with_code(0);
    let (ours, local) = (documents(&out), documents(&local));
    assert_eq!((ours.len(), local.len()), (FILES, FILES));
    ours.iter().zip(&local).for_each(|(ours, local)| assert_same(&ours.1, &local.1, &local.0));
    let counted = server.sql(&format!("SELECT count(*), sum(computations) FROM {schema}.artifact"));
    assert_eq!(counted, format!("{expected}|{expected}"), "each artifact once");
    finish(["verify", out.to_str().unwrap(), "--store", &case]).with_code(0);
    assert!(finished.stderr.contains('@'), "workers are named with their nodes: {}", finished.stderr);
}
