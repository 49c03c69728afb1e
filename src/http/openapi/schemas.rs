//! Schemas of bodies, from the types that read and write them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// Where definitions of types stand in the document.
const COMPONENTS: &str = "/components/schemas";

/// Schemas of types, which are named once and referred to. What a type reads
/// and what it writes may differ, so that each has a generator of its own.
pub(in crate::http) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = COMPONENTS.into();
        Self {
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
        }
    }

    /// What requests may hold where this type reads them.
    pub fn read<T: JsonSchema + ?Sized>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    /// What answers hold where this type writes them.
    pub fn written<T: JsonSchema + ?Sized>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// The definitions of all types, by name.
    ///
    /// # Errors
    /// With the name of a type that is read in another form than it is written:
    /// one of the two needs a name of its own.
    pub(super) fn into_definitions(mut self) -> Result<Map<String, Value>, String> {
        let mut all = self.read.take_definitions(true);
        for (name, schema) in self.written.take_definitions(true) {
            match all.get(&name) {
                Some(read) if *read != schema => return Err(name),
                _ => all.insert(name, schema),
            };
        }
        all.sort_keys();
        Ok(all)
    }
}
