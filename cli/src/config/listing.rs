//! Writes all settings as TOML: with descriptions and commented defaults, or with the origin of each value.
//!
//! Names and values come from the serialized configuration, descriptions and examples from its JSON schema, so that no
//! setting can be forgotten here.

use std::fmt;

use schemars::schema_for;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Config;

/// Width of description lines.
const WIDTH: usize = 118;
/// Column of the origins.
const ORIGIN_COLUMN: usize = 56;

const HEADER: &str = "\
# The settings of Earwitness. The values are the defaults; to change one, remove the `# ` in front of it.
# `run` and the other commands read the file that --config names, or else earwitness.toml in the current folder. Flags
# override it. Relative paths are relative to this file's folder. `earwitness config check` checks the file.
";

/// All settings with their descriptions and defaults. The values are comments, so that the text sets nothing.
///
/// # Examples
/// ```
/// let text = earwitness::config_template();
/// assert!(text.contains("\n# beam_size = 5\n"));
/// assert_eq!(text.parse::<earwitness::Config>()?, earwitness::Config::default());
/// # Ok::<(), earwitness::ConfigError>(())
/// ```
#[must_use]
pub fn config_template() -> String {
    let mut text = HEADER.to_owned();
    let definitions = Definitions::of_config();
    definitions.template(&mut text, "", &definitions.root, &entries(&Config::default()));
    text
}

/// The settings of `used` with the origin of each: `default`, `file` (whose settings are `in_file`), or the command line.
pub(crate) fn effective(used: &Config, in_file: &Config, file: &str) -> String {
    let (default, in_file) = (Node::Table(entries(&Config::default())), Node::Table(entries(in_file)));
    let mut text = String::new();
    list(&mut text, "", &entries(used), Some(&default), Some(&in_file), file);
    text
}

fn list(
    text: &mut String,
    path: &str,
    used: &[(String, Node)],
    default: Option<&Node>,
    in_file: Option<&Node>,
    file: &str,
) {
    let of = |tree: Option<&'_ Node>, name: &str| tree.and_then(|tree| tree.get(name)).cloned();
    for (name, node) in used {
        let Node::Leaf(value) = node else { continue };
        let (default, in_file) = (of(default, name), of(in_file, name));
        let origin = match () {
            () if in_file.as_ref() != Some(node) => "command line",
            () if default.as_ref() != Some(node) => file,
            () => "default",
        };
        let line = toml(value).map_or_else(|| format!("# {name} is not set"), |value| format!("{name} = {value}"));
        text.push_str(&format!("{line:ORIGIN_COLUMN$} # {origin}\n"));
    }
    for (name, node) in used {
        let Node::Table(entries) = node else { continue };
        let path = join(path, name);
        text.push_str(&format!("\n[{path}]\n"));
        list(text, &path, entries, of(default, name).as_ref(), of(in_file, name).as_ref(), file);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A value as TOML; arrays of tables have a line per table. `None` for null.
fn toml(value: &Value) -> Option<String> {
    let inline = |value: &Value| toml::Value::try_from(value).ok().map(|value| value.to_string());
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let lines: Vec<_> = items.iter().filter_map(inline).map(|item| format!("    {item},\n")).collect();
            Some(format!("[\n{}]", lines.concat()))
        }
        _ => inline(value),
    }
}

/// A configuration as a tree whose tables keep the order of their settings.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
enum Node {
    #[serde(deserialize_with = "in_order")]
    Table(Vec<(String, Self)>),
    Leaf(Value),
}

impl Node {
    fn get(&self, name: &str) -> Option<&Self> {
        let Self::Table(entries) = self else { return None };
        entries.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }
}

/// The settings of a configuration in the order of their declaration.
fn entries(config: &Config) -> Vec<(String, Node)> {
    // Through text, because values would sort the names and widen f32.
    let text = serde_json::to_string(config).expect("settings have a form in JSON");
    let tree = serde_json::from_str(&text).expect("JSON that was just written");
    let Node::Table(entries) = tree else { unreachable!("a struct is a table") };
    entries
}

fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Node)>, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, Node)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(InOrder)
}

/// The JSON schema of the configuration.
struct Definitions {
    root: Value,
    named: Map<String, Value>,
}

impl Definitions {
    fn of_config() -> Self {
        let root = schema_for!(Config).to_value();
        let named = root["$defs"].as_object().cloned().unwrap_or_default();
        Self { root, named }
    }

    /// The schema itself, if `schema` refers to one.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        name.and_then(|name| self.named.get(name)).unwrap_or(schema)
    }

    fn template(&self, text: &mut String, path: &str, schema: &Value, entries: &[(String, Node)]) {
        let properties = &self.resolve(schema)["properties"];
        for (name, node) in entries {
            let Node::Leaf(value) = node else { continue };
            text.push('\n');
            describe(text, &properties[name]);
            let example = properties[name]["examples"].get(0).and_then(toml);
            let (note, value) = match (toml(value).filter(|value| value != "[]"), example) {
                (Some(value), _) => (None, value),
                (None, Some(example)) => (Some("Not set by default. An example:\n"), example),
                (None, None) => (None, "[]".to_owned()),
            };
            comment(text, &format!("{}{name} = {value}", note.unwrap_or_default()));
        }
        for (name, node) in entries {
            let Node::Table(entries) = node else { continue };
            let path = join(path, name);
            text.push('\n');
            describe(text, &properties[name]);
            text.push_str(&format!("[{path}]\n"));
            self.template(text, &path, &properties[name], entries);
        }
    }
}

/// Adds the description of a setting as comment lines.
fn describe(text: &mut String, schema: &Value) {
    let description = schema["description"].as_str().unwrap_or_default().replace("`None`", "Not set");
    let mut line = String::new();
    for word in description.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            comment(text, &std::mem::take(&mut line));
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    comment(text, &line);
}

/// Adds lines as comments.
fn comment(text: &mut String, lines: &str) {
    lines.lines().for_each(|line| text.push_str(&format!("# {line}\n")));
}
