//! Devices and batch sizes change how fast results come, not what they are.

use crate::support::{assert_same, calls, documents, run};

#[test]
fn workers_and_batch_sizes_change_no_result() {
    let reference = tempfile::tempdir().unwrap();
    run(&[&calls()], reference.path(), &["--devices", "cpu:1", "--worker-batch-size", "10"]).with_code(0);
    let reference = documents(reference.path());
    assert!(reference.len() >= 4);
    for (devices, batch, device_batch) in [("cpu:2", "10", "8"), ("cpu:1", "1", "1"), ("cpu:2", "1", "3")] {
        let out = tempfile::tempdir().unwrap();
        let args = ["--devices", devices, "-b", batch, "--device-batch-size", device_batch];
        run(&[&calls()], out.path(), &args).with_code(0);
        let documents = documents(out.path());
        assert_eq!(documents.len(), reference.len());
        for ((name, a), (other, b)) in documents.iter().zip(&reference) {
            assert_eq!(name, other);
            assert_same(a, b, &format!("{name} with {devices}, batch {batch}"));
        }
    }
}
