//! `serve`: the server of a case, and of transcription.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serve::{
    Access, CaseSource, Limits, Listen, ServeError, ServerConfig, Services, Stop, TlsFiles, Token, Transcriber,
    serve as run,
};
use stage_core::{printable, shown};

use super::started::announce;
use crate::args::ServeArgs;
use crate::config::{Config, Loaded};
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::export::Formats;
use crate::file_name::NameParser;
use crate::open_store;
use crate::serving::{ServedCase, transcriber};
use crate::signals;

/// The environment variable with the token.
const TOKEN: &str = "EARWITNESS_TOKEN";

pub(crate) fn serve(args: &ServeArgs) -> Result<Exit, Error> {
    let Loaded { config, file } = args.load().map_err(Error::usage)?;
    let server = server_config(args)?;
    server.check().map_err(Error::usage)?;
    let case = args.case.as_deref().map(|folder| case(args, &config, folder)).transpose()?;
    let transcribing = if args.transcribe {
        announce(file.as_deref());
        Some(Arc::new(transcriber(&config, &config.run.devices)?) as Arc<dyn Transcriber>)
    } else {
        None
    };
    let services = Services { case, transcriber: transcribing };
    let stop = Stop::new();
    let stopping = stop.clone();
    signals::on_first(move || stopping.stop()).context("the signal handlers cannot be installed")?;
    let stopped = run(&server, services, &stop, |address| started(args, address.map(|address| address.to_string())));
    let stopped = stopped.map_err(|error| match error {
        ServeError::System(_) | ServeError::Uploads(_) => Error::unexpected(error),
        _ => Error::usage(error),
    })?;
    if stopped.cut > 0 {
        println!("{} requests took too long and were cut off", stopped.cut);
    }
    Ok(Exit::Done)
}

/// Says where the server is.
fn started(args: &ServeArgs, address: Option<String>) {
    let scheme = if args.tls_certificate.is_some() { "https" } else { "http" };
    let place = match (&args.listen, address) {
        (Listen::Unix(path), _) => format!("at the socket {}: http://localhost", shown(path)),
        (Listen::Tcp(_), Some(address)) => format!("at {scheme}://{address}"),
        (Listen::Tcp(address), None) => format!("at {scheme}://{address}"),
    };
    if let Some(case) = &args.case {
        println!("the case {} is {place}/case/", shown(case));
    }
    if args.transcribe {
        println!("transcription is {place}/v1/audio/transcriptions");
    }
    println!("Ctrl-C stops the server");
    // Nobody may read it.
    let _flushed = io::stdout().flush();
}

fn server_config(args: &ServeArgs) -> Result<ServerConfig, Error> {
    let tls = args.tls_certificate.clone().zip(args.tls_key.clone());
    let limits = Limits {
        upload_bytes: args.upload_mib << 20,
        running: args.running,
        queued: args.queued,
        transcription: Duration::from_secs(60 * args.minutes),
        ..Limits::default()
    };
    Ok(ServerConfig {
        access: access(args)?,
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        host_names: args.host_name.clone(),
        allow_plain_http: args.allow_plain_http,
        read_only: args.read_only,
        limits,
        ..ServerConfig::new(args.listen.clone())
    })
}

fn access(args: &ServeArgs) -> Result<Access, Error> {
    if let Some(header) = &args.proxy_header {
        let name =
            header.parse().map_err(|_| Error::usage(format!("--proxy-header {}: not a header", printable(header))))?;
        return Ok(Access::Proxy { header: name, addresses: args.proxy_address.clone() });
    }
    if let Some(file) = &args.token_file {
        return Token::from_file(file)
            .map(Access::Token)
            .context(format!("--token-file {}", shown(file)))
            .map_err(Error::usage);
    }
    if std::env::var_os(TOKEN).is_some() {
        return Token::from_environment(TOKEN).map(Access::Token).context(TOKEN).map_err(Error::usage);
    }
    Ok(Access::Local)
}

fn case(args: &ServeArgs, config: &Config, folder: &Path) -> Result<Arc<dyn CaseSource>, Error> {
    let url = open_store::url(args.store.as_deref(), folder)?;
    let names = NameParser::new(&config.run.name_patterns).map_err(Error::usage)?;
    let (formats, language) = (Formats::with_settings(&config.export), config.export.report_language);
    let case = ServedCase::new(folder.to_owned(), url, names, (formats, language), args.read_only);
    // A folder without a case is an error before anything starts.
    case.ready().map_err(Error::usage)?;
    Ok(Arc::new(case))
}
