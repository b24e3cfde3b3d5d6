//! The password file: lines `HOST:PORT:DATABASE:USER:PASSWORD`, of which the first that matches counts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use postgres::Config;
use postgres::config::Host;

use super::hosts;

/// The permissions that others must not have.
const OF_OTHERS: u32 = 0o077;

/// The password for a connection. `None` if the file has none or does not exist. As in `psql`, a file that others can read
/// is not used.
pub(super) fn password(file: &Path, config: &Config) -> Option<String> {
    let found = fs::metadata(file).ok()?;
    if found.permissions().mode() & OF_OTHERS != 0 {
        tracing::warn!(file = %file.display(), "the password file is not used, because others can read it: chmod 600");
        return None;
    }
    find(&fs::read_to_string(file).ok()?, config)
}

fn find(text: &str, config: &Config) -> Option<String> {
    let user = config.get_user()?;
    let database = config.get_dbname().unwrap_or(user);
    let places: Vec<_> = hosts(config).map(|(host, port)| (names(host), port.to_string())).collect();
    let matches = |field: &str, value: &str| field == "*" || field == value;
    text.lines().filter(|line| !line.starts_with('#')).map(fields).find_map(|fields| {
        let [host, port, of_database, of_user, password] = <[String; 5]>::try_from(fields).ok()?;
        let is_place = places
            .iter()
            .any(|(names, of_place)| names.iter().any(|name| matches(&host, name)) && matches(&port, of_place));
        (is_place && matches(&of_database, database) && matches(&of_user, user)).then_some(password)
    })
}

/// The names of a host in the file. A socket is also called `localhost`.
fn names(host: &Host) -> Vec<String> {
    match host {
        Host::Tcp(name) => vec![name.clone()],
        Host::Unix(path) => vec![path.display().to_string(), "localhost".to_owned()],
    }
}

/// The fields of a line. A backslash escapes a colon or a backslash. The last field may contain colons.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        let is_last = fields.len() == 5;
        let field = fields.len() - 1;
        match char {
            '\\' => fields[field].extend(chars.next()),
            ':' if !is_last => fields.push(String::new()),
            other => fields[field].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# comment\n\
        short:line\n\
        db.example:5432:cases:kim:first\n\
        *:*:cases:lee:with\\:colon and \\\\ and :\n\
        localhost:*:*:kim:local\n\
        *:*:*:*:last\n";

    fn found(config: &str) -> Option<String> {
        find(TEXT, &config.parse().unwrap())
    }

    #[test]
    fn password_is_that_of_the_first_line_that_matches() {
        assert_eq!(found("host=db.example user=kim dbname=cases").as_deref(), Some("first"));
        assert_eq!(found("host=db.example port=6432 user=kim dbname=cases").as_deref(), Some("last"));
        assert_eq!(found("host=a user=lee dbname=cases").as_deref(), Some("with:colon and \\ and :"));
        assert_eq!(found("host=/run/pg user=kim").as_deref(), Some("local"));
        assert_eq!(found("host=a"), None, "without a user");
    }

    #[test]
    fn password_file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        fs::write(&file, "*:*:*:*:hush\n").unwrap();
        let config: Config = "host=a user=kim".parse().unwrap();
        for (mode, expected) in [(0o644, None), (0o640, None), (0o600, Some("hush"))] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(password(&file, &config).as_deref(), expected, "{mode:o}");
        }
        assert_eq!(password(&folder.path().join("none"), &config), None);
    }
}
