//! The options of `serve`.

use std::ffi::OsString;
use std::net::{IpAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use scheduler::devices::DeviceRequest;
use serve::Listen;

use super::positive;
use super::settings::{StageSettingArgs, set};
use crate::config::{ConfigError, Loaded, PrecisionChoice};
use crate::export::ReportLanguage;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder of a case: its pages, audio, search and reviews, for browsers.
    #[arg(value_name = "CASE", required_unless_present = "transcribe")]
    pub(crate) case: Option<PathBuf>,
    /// The store of the case, if it is not in its folder.
    #[arg(long, value_name = "STORE", requires = "case")]
    pub(crate) store: Option<OsString>,
    /// Transcribe uploaded files, as OpenAI's API defines it: /v1/audio/transcriptions, /v1/audio/translations, /v1/models.
    #[arg(long)]
    pub(crate) transcribe: bool,
    /// Address and port, or unix:PATH for a socket that only you can connect to. Addresses of the network need a token or a
    /// reverse proxy, and TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub(crate) listen: Listen,
    /// File with the token that clients must show (at least 20 characters); only you may be able to read it. Without this
    /// option, the token is that of EARWITNESS_TOKEN, if it is set.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Header in which a reverse proxy names the user that it has identified.
    #[arg(long, value_name = "HEADER", conflicts_with = "token_file")]
    pub(crate) proxy_header: Option<String>,
    /// Address of the reverse proxy; can be given several times.
    #[arg(long, value_name = "ADDRESS", requires = "proxy_header")]
    pub(crate) proxy_address: Vec<IpAddr>,
    /// File with the certificate for TLS (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// File with its key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Name by which browsers call the server, such as case.office.lan; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) host_name: Vec<String>,
    /// Allow an address of the network without TLS, as behind a proxy on another machine.
    #[arg(long)]
    pub(crate) allow_plain_http: bool,
    /// Accept no reviews.
    #[arg(long, requires = "case")]
    pub(crate) read_only: bool,
    /// Language of the pages.
    #[arg(long, value_enum, value_name = "LANGUAGE", requires = "case")]
    pub(crate) page_language: Option<ReportLanguage>,
    /// Largest uploaded file, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 2048, requires = "transcribe")]
    pub(crate) upload_mib: u64,
    /// Transcriptions at once, which share the batches of the device.
    #[arg(long, value_name = "N", default_value_t = 16, requires = "transcribe")]
    pub(crate) running: usize,
    /// Further requests that wait.
    #[arg(long, value_name = "N", default_value_t = 256, requires = "transcribe")]
    pub(crate) queued: usize,
    /// Longest time for a transcription, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 360, requires = "transcribe")]
    pub(crate) minutes: u64,
    /// auto, cpu, or cuda:N: one device. Default: auto.
    #[arg(long, requires = "transcribe")]
    pub(crate) devices: Option<DeviceRequest>,
    /// Windows per device batch. Default: 8.
    #[arg(long, value_name = "N", value_parser = positive, requires = "transcribe")]
    pub(crate) device_batch_size: Option<NonZeroUsize>,
    /// Numeric type of the matrix products: f32, bf16, f16 (GPUs) or int8 (CPUs). Default: that of a new case.
    #[arg(long, value_name = "TYPE", requires = "transcribe")]
    pub(crate) precision: Option<PrecisionChoice>,
    #[command(flatten)]
    pub(crate) stages: StageSettingArgs,
}

impl ServeArgs {
    /// The configuration file with these flags over it.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = self.stages.load()?;
        let config = &mut loaded.config;
        set(&mut config.run.devices, self.devices.as_ref());
        set(&mut config.limits.device_batch_size, self.device_batch_size.as_ref());
        set(&mut config.models.precision, self.precision.as_ref());
        set(&mut config.export.report_language, self.page_language.as_ref());
        Ok(loaded)
    }
}

fn listen(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Listen::Unix(path.into()));
    }
    let addresses = text.to_socket_addrs();
    let first = addresses.ok().and_then(|mut addresses| addresses.next());
    first.map(Listen::Tcp).ok_or_else(|| "an address with a port (127.0.0.1:8080) or unix:PATH is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_reads_addresses_names_and_sockets() {
        for text in ["127.0.0.1:8080", "[::1]:8080", "localhost:8080"] {
            assert!(matches!(listen(text), Ok(Listen::Tcp(address)) if address.port() == 8080), "{text}");
        }
        assert_eq!(listen("unix:/run/case"), Ok(Listen::Unix("/run/case".into())));
        for text in ["", "8080", "127.0.0.1", "127.0.0.1:99999", "no.such.name.invalid:80"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
