//! A cluster that runs the workers of a pipeline.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use scheduler::coordinator::{ClusterOptions, WorkerCommand};
use scheduler::devices::DeviceRequest;
use stage_core::DeviceId;

/// A worker without work for this time gives its resources back.
const IDLE: Duration = Duration::from_secs(10);
/// The module of the driver, in `scheduler/ray`.
const DRIVER: &str = "earwitness_ray";

/// A Ray cluster that runs the workers of a [`crate::Pipeline`]. Recordings and models are read by the nodes under the
/// paths that they have here, so both are in folders that all machines share.
///
/// ```
/// use earwitness::{Cluster, Config, Pipeline};
///
/// let mut cluster = Cluster::ray("auto");
/// cluster.resources = Some("gpu=0.5,cpu=4".parse()?);
/// let pipeline = Pipeline::new(Config::default(), "case-17").cluster(cluster);
/// # Ok::<(), earwitness::ClusterError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The address of the cluster for Ray: `auto`, or the host and port of its head.
    pub address: String,
    /// Number of workers. Those without room wait, and an autoscaler adds nodes for them. `None`: as many as the nodes
    /// that are there have room for.
    pub slots: Option<NonZeroUsize>,
    /// What each worker reserves. `None`: a GPU and a CPU, or a CPU for CPU workers.
    pub resources: Option<Resources>,
    /// The program on the nodes. `None`: the path of this one.
    pub program: Option<PathBuf>,
    /// Environment variables of the workers, in addition to those of their nodes.
    pub environment: BTreeMap<String, String>,
    /// The Python on this machine that has the packages `ray` and `earwitness-ray`.
    pub python: PathBuf,
}

/// What each worker on a cluster reserves, as `gpu=0.5,cpu=4,NAME=1`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    gpus: f64,
    cpus: f64,
    custom: BTreeMap<String, f64>,
}

/// A flag or a field of a cluster is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The text names no engine that is supported.
    #[error("invalid cluster `{0}`: expected ray or ray:ADDRESS")]
    Name(String),
    /// The text is not a list of resources.
    #[error(
        "invalid resources `{0}`: expected NAME=AMOUNT, such as gpu=1,cpu=4, with amounts above 0; more than one GPU or CPU \
         must be a whole number"
    )]
    Resources(String),
    /// A variable that the workers should get is not set, or is not UTF-8.
    #[error("the environment variable {0} is not set to a text, so workers on the cluster cannot get it")]
    Variable(String),
    /// A setting of local devices has no meaning on a cluster.
    #[error("{0} has no meaning with --cluster: {1}")]
    Local(&'static str, &'static str),
}

/// The value of `--cluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterName {
    pub(crate) address: String,
}

impl FromStr for ClusterName {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = match text.split_once(':') {
            None if text == "ray" => "auto",
            Some(("ray", address)) if !address.is_empty() => address,
            _ => return Err(ClusterError::Name(text.to_owned())),
        };
        Ok(Self { address: address.to_owned() })
    }
}

impl FromStr for Resources {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ClusterError::Resources(text.to_owned());
        let mut resources = Self { gpus: 0.0, cpus: 0.0, custom: BTreeMap::new() };
        for part in text.split(',') {
            let (name, amount) = part.split_once('=').ok_or_else(invalid)?;
            let amount: f64 = amount.parse().map_err(|_| invalid())?;
            let is_valid = amount.is_finite() && amount > 0.0 && (amount <= 1.0 || amount.fract() == 0.0);
            let repeated = match name {
                "gpu" => std::mem::replace(&mut resources.gpus, amount) != 0.0,
                "cpu" => std::mem::replace(&mut resources.cpus, amount) != 0.0,
                _ => resources.custom.insert(name.to_owned(), amount).is_some(),
            };
            if !is_valid || repeated || name.is_empty() {
                return Err(invalid());
            }
        }
        Ok(resources)
    }
}

impl Cluster {
    /// The Ray cluster at an address, with the defaults of the command line.
    #[must_use]
    pub fn ray(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            slots: None,
            resources: None,
            program: None,
            environment: BTreeMap::new(),
            python: "python3".into(),
        }
    }

    /// The device of each worker. The nodes decide which one it is.
    pub(crate) fn device(
        &self,
        request: &DeviceRequest,
        num_gpus: Option<usize>,
        workers_per_device: usize,
    ) -> Result<DeviceId, ClusterError> {
        if num_gpus.is_some() {
            return Err(ClusterError::Local("--num-gpus", "use --cluster-slots"));
        }
        if workers_per_device > 1 {
            return Err(ClusterError::Local("--workers-per-device", "reserve a part: --cluster-resources gpu=0.5"));
        }
        let has_gpu = self.resources.as_ref().is_none_or(|resources| resources.gpus > 0.0);
        Ok(match request {
            DeviceRequest::Sim(_) => DeviceId::Sim(0),
            DeviceRequest::Cpu(_) => DeviceId::Cpu(0),
            DeviceRequest::Auto if !has_gpu => DeviceId::Cpu(0),
            DeviceRequest::Auto | DeviceRequest::Cuda(_) => DeviceId::Cuda("0".to_owned()),
        })
    }

    /// The options of the coordinator, for workers on this kind of device.
    pub(crate) fn options(&self, device: &DeviceId) -> ClusterOptions {
        let default = Resources { gpus: f64::from(u8::from(device.is_cuda())), cpus: 1.0, custom: BTreeMap::new() };
        let Resources { gpus, cpus, custom } = self.resources.clone().unwrap_or(default);
        let python = self.python.display();
        ClusterOptions {
            driver: WorkerCommand { program: self.python.clone(), args: vec!["-m".into(), DRIVER.into()] },
            remedy: format!(
                "--cluster needs Python 3.10 or later with Ray and the driver; install both with `{python} -m pip install \
                 scheduler/ray` from the source of this version, or name another Python with --cluster-python"
            ),
            address: self.address.clone(),
            workers: self.slots,
            gpus,
            cpus,
            resources: custom,
            threads: (cpus as usize).max(1),
            environment: self.environment.clone(),
            idle: IDLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(text: &str) -> Result<Resources, ClusterError> {
        text.parse()
    }

    #[test]
    fn cluster_name_is_ray_with_an_address() {
        let address = |text: &str| text.parse().map(|name: ClusterName| name.address);
        assert_eq!(address("ray"), Ok("auto".to_owned()));
        assert_eq!(address("ray:10.0.0.1:6379"), Ok("10.0.0.1:6379".to_owned()));
        for invalid in ["", "ray:", "slurm", "rays"] {
            assert_eq!(address(invalid), Err(ClusterError::Name(invalid.to_owned())));
        }
    }

    #[test]
    fn cluster_resources_are_amounts_by_name() {
        let expected = Resources { gpus: 0.5, cpus: 4.0, custom: [("slot".to_owned(), 1.0)].into() };
        assert_eq!(resources("gpu=0.5,cpu=4,slot=1"), Ok(expected));
        for invalid in ["", "gpu", "gpu=0", "gpu=-1", "gpu=1.5", "gpu=inf", "gpu=NaN", "gpu=1,gpu=1", "=1", "gpu=1,"] {
            assert!(resources(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn cluster_device_follows_the_request_and_the_resources() {
        let mut cluster = Cluster::ray("auto");
        let device = |cluster: &Cluster, request: DeviceRequest| cluster.device(&request, None, 1).unwrap();
        assert!(device(&cluster, DeviceRequest::Auto).is_cuda());
        assert_eq!(device(&cluster, DeviceRequest::Cpu(3)), DeviceId::Cpu(0));
        assert_eq!(cluster.options(&DeviceId::Cpu(0)).gpus, 0.0);
        assert_eq!(cluster.options(&DeviceId::Cuda("0".to_owned())).gpus, 1.0);
        cluster.resources = Some(resources("cpu=8").unwrap());
        assert_eq!(device(&cluster, DeviceRequest::Auto), DeviceId::Cpu(0));
        assert_eq!(cluster.options(&DeviceId::Cpu(0)).threads, 8);
        assert!(cluster.device(&DeviceRequest::Auto, Some(1), 1).is_err());
        assert!(cluster.device(&DeviceRequest::Auto, None, 2).is_err());
    }
}
