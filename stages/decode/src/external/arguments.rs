//! The arguments of ffmpeg. Tests of this module's users check what they do.

use super::messages::FILE;
use super::stream::PlannedTrack;

/// Demuxers that may read a file: those that read only its bytes. Playlists, scripts and image sequences name other
/// files, whose sound is not that of the recording.
const DEMUXERS: &str = "aac,ac3,act,aea,aiff,amr,amrnb,amrwb,ape,apc,asf,asf_o,au,avi,bit,caf,codec2,codec2raw,dff,dsf,\
    dss,dts,dtshd,eac3,ea,epaf,flac,flv,g722,g723_1,g726,g726le,g729,gsm,iff,ilbc,ircam,iss,kux,live_flv,loas,matroska,\
    mlp,mmf,mov,mp3,mpc,mpc8,mpeg,mpegts,msf,mxf,nistsphere,nsp,nut,ogg,oma,osq,paf,pvf,qcp,qoa,r3d,rm,rso,s16be,s16le,\
    sbc,sds,shn,sln,sol,sox,svs,tak,truehd,tta,vag,voc,vqf,w64,wav,wavarc,wsaud,wsd,wtv,wv,wve,\
    xa,xwma";

/// Options of every run. SIMD code is off, so that the samples do not depend on the CPU.
const COMMON: [&str; 9] =
    ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-cpuflags", "0", "-threads", "1"];

fn common() -> Vec<String> {
    COMMON.map(ToOwned::to_owned).to_vec()
}

/// The input: the open file, read as `format` if its bytes do not show the format. There is no network.
fn input(format: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["-protocol_whitelist", "file,fd,pipe", "-format_whitelist", DEMUXERS];
    arguments.extend(format.into_iter().flat_map(|format| ["-f", format]));
    arguments.extend(["-i", FILE]);
    arguments.into_iter().map(ToOwned::to_owned).collect()
}

/// Describes the file and ends, with an error because there is no output.
pub(super) fn describe(format: Option<&str>) -> Vec<String> {
    [common(), input(format)].concat()
}

/// Describes the file and lists all packets of its audio tracks, without decoding them.
pub(super) fn list(format: Option<&str>) -> Vec<String> {
    let output = ["-map", "0:a", "-c", "copy", "-f", "framecrc", "pipe:1"];
    [common(), input(format), output.map(ToOwned::to_owned).to_vec()].concat()
}

/// Decodes one audio track to an AU stream of f32, whose header states rate and channels, and prints the time stamps of
/// its frames. It is converted to `rate_hz`, if that is given.
pub(super) fn decode(format: Option<&str>, track: &PlannedTrack, rate_hz: Option<u32>) -> Vec<String> {
    let decoder = track.decoder.map(|decoder| (format!("-c:a:{}", track.index), decoder.to_owned()));
    let mut arguments = common();
    arguments.extend(decoder.into_iter().flat_map(|(option, decoder)| [option, decoder]));
    arguments.extend(input(format));
    let filter = rate_hz.map_or_else(|| "ashowinfo".to_owned(), |rate_hz| format!("aresample={rate_hz},ashowinfo"));
    let map = format!("0:a:{}", track.index);
    // The share of damaged packets is judged later, because a decoder without DTX fails in every pause.
    let output = ["-map", &map, "-map_metadata", "-1", "-max_error_rate", "1", "-af", &filter];
    arguments.extend(output.map(ToOwned::to_owned));
    arguments.extend(["-c:a", "pcm_f32be", "-f", "au", "pipe:1"].map(ToOwned::to_owned));
    arguments
}
