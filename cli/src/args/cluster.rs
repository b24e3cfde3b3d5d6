//! The flags of a run on a cluster.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::positive;
use crate::cluster::{Cluster, ClusterError, ClusterName, Resources};

/// Where the workers run, if not on this machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for clusters (docs/scale.md)")]
pub(crate) struct ClusterArgs {
    /// Run the workers on a Ray cluster: ray (the cluster of this machine), or ray:ADDRESS.
    #[arg(long, value_name = "ray[:ADDRESS]")]
    pub(crate) cluster: Option<ClusterName>,
    /// Number of workers. Those without room wait, and an autoscaler adds nodes for them. Default: as many as the
    /// nodes that are there have room for.
    #[arg(long, value_name = "N", requires = "cluster", value_parser = positive)]
    pub(crate) cluster_slots: Option<NonZeroUsize>,
    /// What each worker reserves, such as gpu=0.5,cpu=4 or a custom resource. Default: gpu=1,cpu=1; with --devices cpu
    /// cpu=1.
    #[arg(long, value_name = "LIST", requires = "cluster")]
    pub(crate) cluster_resources: Option<Resources>,
    /// The program on the nodes. Default: the path of this one.
    #[arg(long, value_name = "PATH", requires = "cluster")]
    pub(crate) cluster_program: Option<PathBuf>,
    /// Environment variable of this process that the workers get; can be given several times. They have no other one of
    /// this machine.
    #[arg(long, value_name = "NAME", requires = "cluster")]
    pub(crate) cluster_env: Vec<String>,
    /// The Python on this machine that has the packages ray and earwitness-ray.
    #[arg(long, value_name = "PATH", requires = "cluster", default_value = "python3")]
    pub(crate) cluster_python: PathBuf,
}

impl ClusterArgs {
    /// The cluster of the flags, if they name one.
    pub(crate) fn cluster(&self) -> Result<Option<Cluster>, ClusterError> {
        let Some(ClusterName { address }) = &self.cluster else { return Ok(None) };
        let mut cluster = Cluster::ray(address.clone());
        cluster.slots = self.cluster_slots;
        cluster.resources = self.cluster_resources.clone();
        cluster.program.clone_from(&self.cluster_program);
        cluster.python.clone_from(&self.cluster_python);
        for name in &self.cluster_env {
            let value = std::env::var(name).map_err(|_| ClusterError::Variable(name.clone()))?;
            cluster.environment.insert(name.clone(), value);
        }
        Ok(Some(cluster))
    }
}
