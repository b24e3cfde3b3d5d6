//! The service file: sections with the parameters of a connection.

use std::fs;
use std::path::PathBuf;

use super::Parameters;

/// The parameters of a service, from the first of these files that has it.
///
/// # Errors
/// No file has it, or a line of its section is not an assignment.
pub(super) fn section(name: &str, files: &[PathBuf]) -> Result<Parameters, String> {
    for file in files {
        let Ok(text) = fs::read_to_string(file) else { continue };
        if let Some(found) = find(name, &text) {
            return found.map_err(|line| format!("{}: `{line}` is not NAME=VALUE", file.display()));
        }
    }
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    Err(format!(
        "it is not defined in {}",
        if files.is_empty() { "a service file".to_owned() } else { files.join(", ") }
    ))
}

fn find(name: &str, text: &str) -> Option<Result<Parameters, String>> {
    let header = format!("[{name}]");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut section = lines.skip_while(|line| *line != header);
    section.next()?;
    let assignment = |line: &str| {
        let (name, value) = line.split_once('=').ok_or_else(|| name_of(line))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    Some(section.take_while(|line| !line.starts_with('[')).map(assignment).collect())
}

/// The first word of a line, since the line may contain a password.
fn name_of(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().chars().take(20).collect()
}
