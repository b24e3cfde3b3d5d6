//! Measures of a channel. A measure is one module and one entry of [`MEASURES`]: its name, its settings with their
//! defaults, the type of its value with a unit for each number, and its computation. The record, its JSON schema, the
//! settings and the stage's fingerprint are derived from the list.

mod f0;
mod level;
mod quality;
mod run;
mod speech;
mod voice;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use stage_core::forensics::{ChannelRecord, ForensicRecord};
use stage_core::{PipelineError, Span};

pub(crate) use self::f0::F0Track;
pub(crate) use self::run::{MeasuredChannels, Stopwatch, measure_channels};
use crate::{ForensicInput, ForensicsError};

/// All measures, in the order in which they are computed.
const MEASURES: &[Definition] = &[
    Definition::of::<level::Level>(),
    Definition::of::<quality::Quality>(),
    Definition::of::<speech::Speech>(),
    Definition::of::<f0::F0>(),
    Definition::of::<voice::Voice>(),
];

fn names() -> impl Iterator<Item = &'static str> {
    MEASURES.iter().map(|measure| measure.name)
}

/// A measure of every channel of a recording. A value of an implementing type measures one channel.
pub(crate) trait Measure: Sized + 'static {
    /// Key of the value in the record, in snake case.
    const NAME: &'static str;
    /// Description for the schema.
    const DESCRIPTION: &'static str;
    /// Unit of the value; `None` if the value has fields with their own units.
    const UNIT: Option<&'static str> = None;
    /// Settings that the user can change. All fields have defaults.
    type Settings: Default + Serialize + DeserializeOwned + JsonSchema + fmt::Debug + Send + Sync;
    /// Value in the record. A number that cannot be measured is null with a reason: [`stage_core::Measured`].
    type Value: Serialize + JsonSchema;

    /// Checks the settings.
    ///
    /// # Errors
    /// An invalid setting.
    fn check(_settings: &Self::Settings) -> Result<(), ForensicsError> {
        Ok(())
    }

    /// Starts to measure a channel.
    fn begin(settings: &Self::Settings, channel: &Channel<'_>) -> Self;

    /// Adds the channel's next samples at the file's own rate, in order.
    fn add(&mut self, _samples: &[f32]) {}

    /// Returns the value, after all samples were added.
    ///
    /// # Errors
    /// A [`PipelineError`] if the samples at 16 kHz could not be read.
    fn finish(self, settings: &Self::Settings, channel: &Channel<'_>) -> Result<Self::Value, PipelineError>;
}

/// One channel of a recording, with the data that is known about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel<'a> {
    /// Number of the channel, from 0.
    pub(crate) number: u16,
    /// The recording: its artifacts, and its samples at 16 kHz.
    pub(crate) input: ForensicInput<'a>,
    /// Rate of the samples passed to [`Measure::add`], in Hz.
    pub(crate) native_rate_hz: u32,
    /// Speech of each channel, by time.
    pub(crate) speech: &'a [Vec<Span>],
    /// F0 of this channel, which measure `f0` sets for the measures after it in the list.
    pub(crate) f0: &'a OnceLock<f0::F0Track>,
}

impl<'a> Channel<'a> {
    /// Speech of this channel, by time.
    pub(crate) fn spans(&self) -> &'a [Span] {
        &self.speech[usize::from(self.number)]
    }

    /// Speech of the other channels, each by time.
    pub(crate) fn others(&self) -> impl Iterator<Item = &'a [Span]> + 'a {
        let own = usize::from(self.number);
        self.speech.iter().enumerate().filter(move |(number, _)| *number != own).map(|(_, spans)| spans.as_slice())
    }
}

/// Settings of a measure without settings.
#[derive(Debug, Default, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoSettings {}

/// An entry of [`MEASURES`].
struct Definition {
    name: &'static str,
    schema: fn(&mut SchemaGenerator) -> Schema,
    settings_schema: fn(&mut SchemaGenerator) -> Schema,
    configure: fn(Value) -> Result<Box<dyn run::Configured>, ForensicsError>,
}

impl Definition {
    const fn of<M: Measure>() -> Self {
        Self {
            name: M::NAME,
            schema: schema_of::<M>,
            settings_schema: SchemaGenerator::subschema_for::<M::Settings>,
            configure: configure::<M>,
        }
    }
}

/// The settings of all measures that have any, by the measure's name.
pub(crate) fn default_settings() -> BTreeMap<String, Value> {
    let all = Measures::new(&BTreeMap::new()).map(|measures| measures.settings());
    let all = all.ok().and_then(|all| serde_json::from_value::<BTreeMap<_, Value>>(all).ok()).unwrap_or_default();
    all.into_iter().filter(|(_, settings)| settings.as_object().is_some_and(|settings| !settings.is_empty())).collect()
}

/// Schema of the settings of all measures, by the measure's name.
pub(crate) fn settings_schema(generator: &mut SchemaGenerator) -> Schema {
    let of = |measure: &Definition| (measure.name.to_owned(), (measure.settings_schema)(generator).to_value());
    let properties: Map<_, _> = MEASURES.iter().map(of).collect();
    json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// The measures with their settings.
#[derive(Debug)]
pub(crate) struct Measures(Vec<Box<dyn run::Configured>>);

impl Measures {
    /// Creates the measures with `settings` by their names. Measures without an entry get their defaults.
    ///
    /// # Errors
    /// A measure does not exist, does not have a setting, or a setting is invalid.
    pub(crate) fn new(settings: &BTreeMap<String, Value>) -> Result<Self, ForensicsError> {
        if let Some(unknown) = settings.keys().find(|name| !names().any(|known| known == *name)) {
            let message = format!("one of {} is expected", names().collect::<Vec<_>>().join(", "));
            return Err(ForensicsError::Measure { measure: unknown.clone(), message });
        }
        let of = |measure: &Definition| settings.get(measure.name).cloned().unwrap_or_else(|| json!({}));
        MEASURES.iter().map(|measure| (measure.configure)(of(measure))).collect::<Result<_, _>>().map(Self)
    }

    /// All settings by measure, including defaults, for the fingerprint.
    pub(crate) fn settings(&self) -> Value {
        self.0.iter().map(|measure| (measure.name().to_owned(), measure.settings())).collect::<Map<_, _>>().into()
    }
}

/// Schema of a [`ForensicRecord`] with the values of all measures, for `#[schemars(schema_with = "...")]` in documents
/// that contain a record.
#[must_use]
pub fn record_schema(generator: &mut SchemaGenerator) -> Schema {
    let record = generator.subschema_for::<ForensicRecord>();
    let values: Vec<_> = MEASURES.iter().map(|measure| (measure.name, (measure.schema)(generator))).collect();
    let channel = generator.definitions_mut().get_mut(ChannelRecord::schema_name().as_ref());
    let Some(channel) = channel.and_then(Value::as_object_mut) else { return record };
    channel.remove("additionalProperties");
    for (name, schema) in values {
        if let Some(Value::Object(properties)) = channel.get_mut("properties") {
            properties.insert(name.to_owned(), schema.to_value());
        }
        if let Some(Value::Array(required)) = channel.get_mut("required") {
            required.push(name.into());
        }
    }
    record
}

fn schema_of<M: Measure>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<M::Value>();
    schema.insert("description".to_owned(), M::DESCRIPTION.into());
    if let Some(unit) = M::UNIT {
        schema.insert("unit".to_owned(), unit.into());
    }
    schema
}

fn configure<M: Measure>(settings: Value) -> Result<Box<dyn run::Configured>, ForensicsError> {
    let invalid =
        |error: serde_json::Error| ForensicsError::Measure { measure: M::NAME.to_owned(), message: error.to_string() };
    let settings: M::Settings = serde_json::from_value(settings).map_err(invalid)?;
    M::check(&settings)?;
    let json = serde_json::to_value(&settings).map_err(invalid)?;
    Ok(Box::new(run::WithSettings::<M> { settings, json }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Schema of a channel's record, and the definitions that it refers to.
    fn channel_schema() -> (Value, Map<String, Value>) {
        let mut generator = SchemaGenerator::default();
        let _ = record_schema(&mut generator);
        let definitions = generator.definitions().clone();
        (definitions["ChannelRecord"].clone(), definitions)
    }

    #[test]
    fn measures_have_names_of_their_own() {
        let names = names().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names.len(), MEASURES.len());
        assert!(!names.contains("channel"), "the record's own field");
    }

    #[test]
    fn measures_are_in_the_schema_with_a_unit_for_every_number() {
        let (channel, definitions) = channel_schema();
        for measure in MEASURES {
            let name = measure.name;
            assert!(channel["required"].as_array().unwrap().contains(&name.into()), "{name}");
            let value = &channel["properties"][name];
            assert!(value["description"].is_string(), "{name}");
            check_units(name, value, &definitions);
        }
    }

    /// Every field has a description, and a unit, unless it is a name or has fields with units.
    fn check_units(path: &str, schema: &Value, definitions: &Map<String, Value>) {
        if schema["unit"].is_string() || schema["type"] == "string" {
            return;
        }
        if schema["type"] == "array" {
            return check_units(&format!("{path}[]"), &schema["items"], definitions);
        }
        let definition = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let definition = definition.filter(|name| !name.starts_with("Measured"));
        let definition = definition.unwrap_or_else(|| panic!("{path} has no unit"));
        for (field, schema) in definitions[definition]["properties"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{path}.{field} has no description");
            check_units(&format!("{path}.{field}"), schema, definitions);
        }
    }

    #[test]
    fn measure_settings_are_checked_by_name() {
        let settings = |name: &str, value: Value| Measures::new(&BTreeMap::from([(name.to_owned(), value)]));
        for (name, value, named) in [
            ("loudness", json!({}), "measures.loudness: one of level,"),
            ("f0", json!({"lowest_hz": 60.0}), "lowest_hz"),
            ("f0", json!({"floor_hz": "low"}), "measures.f0"),
            ("f0", json!({"ceiling_hz": 60.0}), "measures.f0.ceiling_hz"),
            ("level", json!({"floor_hz": 60.0}), "floor_hz"),
        ] {
            let error = settings(name, value).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let changed = settings("f0", json!({"floor_hz": 60.0})).unwrap().settings();
        assert_eq!((&changed["f0"]["floor_hz"], &changed["f0"]["ceiling_hz"]), (&json!(60.0), &json!(500.0)));
    }
}
