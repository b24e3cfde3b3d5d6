//! Times that disagree.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use stage_core::container::ContainerFacts;

use super::{NameClaims, Statements};

/// Headers of one file are written within this time.
const SAME_S: i64 = 60;
/// A recorder names and stamps a file within this time of the start or the end of the call.
const STAMP_S: i64 = 120;
/// Time zones are whole quarters of an hour from UTC, from -12 to +14 hours.
const ZONE_S: i64 = 900;
const ZONES_S: std::ops::RangeInclusive<i64> = -12 * 3600..=14 * 3600;

/// Tags that state when a recording was made, in lower case: common names, and those of ID3, RIFF and broadcast wave files.
const TIME_TAGS: [&str; 8] =
    ["creation_time", "originationtime", "date", "icrd", "tdrc", "tden", "tdtg", "recorded_date"];

pub(super) fn disagreements(file: &Statements<'_>, name: &NameClaims<'_>) -> Vec<String> {
    let length_s = file.sound_s.clamp(0.0, 1e7).ceil() as i64;
    let mut found = between_headers(file.facts);
    if let Some(movie) = file.facts.movie
        && let (Some(created), Some(modified)) = (movie.created_s, movie.modified_s)
        && !(-SAME_S..=length_s.saturating_add(STAMP_S)).contains(&modified.saturating_sub(created))
    {
        found.push(format!("mvhd was created at {} and changed at {}", text(created), text(modified)));
    }
    let Some((iso, named_s)) = name.recorded_at.and_then(|iso| Some((iso, local_second(iso)?))) else { return found };
    for (source, created) in created(file) {
        if !is_in_some_zone(named_s.saturating_sub(created), length_s) {
            let created = text(created);
            found.push(format!("the file name has {iso}, and {source} has {created}: no time zone has both"));
        }
    }
    found
}

/// Whether the file states a time.
pub(super) fn has_time(file: &Statements<'_>) -> bool {
    !created(file).is_empty()
}

/// When the file states that it was created: by its movie header, or else by its tags.
fn created(file: &Statements<'_>) -> Vec<(String, i64)> {
    if let Some(movie) = file.facts.movie {
        return movie.created_s.map(|second| ("mvhd".to_owned(), second)).into_iter().collect();
    }
    let of_tag = |(tag, value): (&String, &String)| {
        let is_time = TIME_TAGS.contains(&tag.to_lowercase().as_str());
        let second = value.parse().map(Timestamp::as_second).ok().or_else(|| local_second(value));
        second.filter(|_| is_time).map(|second| (format!("the tag {tag}"), second))
    };
    file.tags.iter().filter_map(of_tag).collect()
}

/// A date with a time of day without a zone, in seconds since 1970 as if it were UTC.
fn local_second(text: &str) -> Option<i64> {
    let has_time = text.contains(':');
    let time: DateTime = text.parse().ok().filter(|_| has_time)?;
    TimeZone::UTC.to_timestamp(time).ok().map(Timestamp::as_second)
}

/// Headers of tracks that were created at another time than the movie.
fn between_headers(facts: &ContainerFacts) -> Vec<String> {
    let Some(movie) = facts.movie.and_then(|movie| movie.created_s) else { return Vec::new() };
    let mut found = Vec::new();
    for (number, track) in (1..).zip(&facts.tracks) {
        for (header, times) in [("tkhd", track.header), ("mdhd", track.media)] {
            if let Some(created) = times.created_s.filter(|created| created.abs_diff(movie) > SAME_S as u64) {
                let (track, movie) = (text(created), text(movie));
                found.push(format!("{header} of track {number} was created at {track}, and mvhd at {movie}"));
            }
        }
    }
    found
}

/// Whether a local time and a time in UTC, `difference_s` apart, can be those of one call of some length.
fn is_in_some_zone(difference_s: i64, length_s: i64) -> bool {
    // The name may have the start and the container the end, or the reverse.
    let reach = length_s.saturating_add(STAMP_S);
    let nearest = difference_s.saturating_add(ZONE_S / 2).div_euclid(ZONE_S).saturating_mul(ZONE_S);
    let nearest = nearest.clamp(*ZONES_S.start(), *ZONES_S.end());
    difference_s.abs_diff(nearest) <= reach.unsigned_abs()
}

fn text(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| format!("{second} s after 1970"), |time| time.to_string())
}
