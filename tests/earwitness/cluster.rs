//! Workers on a Ray cluster, set up as docs/scale.md says, in namespaces of its own.

use std::path::Path;
use std::process::Command;

use testkit::{Postgres, in_ray_namespace, ray_folder, ray_python, root};

use crate::support::{
    Finished, assert_same, documents, finish, folder_of_calls, run, run_args, stage_count, test_model,
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

/// The two runs. `None` if PostgreSQL or Ray is not installed.
fn on_cluster(inputs: &Path, out: &Path, store: &str) -> Option<Finished> {
    let folder = ray_folder();
    let mut command: Command = in_ray_namespace(folder.path())?;
    command.args(["sh", "-c", SCRIPT, "sh"]).arg(ray_python()).arg(env!("CARGO_BIN_EXE_earwitness"));
    command.arg(store).arg(test_model()).args(run_args(&[inputs], out, &["-b", "1", "--pause-at-commits", "50"]));
    // The package is not installed: the sources are used.
    command.env("PYTHONPATH", root().join("scheduler/ray/src"));
    Some(Finished::of(command.output().unwrap()))
}

#[test]
fn two_clusters_with_one_case_in_postgresql_make_the_results_of_a_local_run() {
    const FILES: usize = 8;
    let Some(server) = Postgres::shared() else { return };
    let (_folder, inputs, out) = folder_of_calls(FILES);
    let case = server.new_case();
    let Some(finished) = on_cluster(&inputs, &out, &case) else { return };
    let finished = finished.with_code(0);
    let local = out.with_extension("local");
    run(&[&inputs], &local, &[]).with_code(0);
    let (ours, local) = (documents(&out), documents(&local));
    assert_eq!(ours.len(), FILES);
    assert_eq!(local.len(), FILES);
    ours.iter().zip(&local).for_each(|(ours, local)| assert_same(&ours.1, &local.1, &local.0));
    let schema = case.rsplit_once('=').unwrap().1;
    let counted = server.sql(&format!("SELECT count(*), sum(computations) FROM {schema}.artifact"));
    let expected = stage_count() * FILES;
    assert_eq!(counted, format!("{expected}|{expected}"), "each artifact once");
    finish(["verify", out.to_str().unwrap(), "--store", &case]).with_code(0);
    assert!(finished.stderr.contains("@"), "workers are named with their nodes: {}", finished.stderr);
}
