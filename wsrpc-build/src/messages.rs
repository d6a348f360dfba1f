//! The settings that prost takes care of.

use prost_build::Config;

use crate::attributes::Attributes;
use crate::{Error, names};

/// What a user wants of prost, besides what their own [`Config`] says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages {
    pub(crate) type_attributes: Attributes,
    pub(crate) message_attributes: Attributes,
    pub(crate) enum_attributes: Attributes,
    pub(crate) field_attributes: Attributes,
    /// Paths of protobuf and of Rust.
    pub(crate) extern_paths: Vec<(String, String)>,
    pub(crate) bytes: Vec<String>,
    pub(crate) btree_map: Vec<String>,
    pub(crate) prost_path: Option<String>,
    pub(crate) prost_types_path: Option<String>,
    pub(crate) compile_well_known_types: bool,
}

impl Messages {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let attributes = [
            &self.type_attributes,
            &self.message_attributes,
            &self.enum_attributes,
            &self.field_attributes,
        ];
        for attributes in attributes {
            attributes.check()?;
        }
        let externs = self.extern_paths.iter().map(|(_, rust)| rust);
        let paths = externs
            .chain(&self.prost_path)
            .chain(&self.prost_types_path);
        for path in paths {
            if !names::is_path(path) {
                return Err(Error::new(format!(
                    "`{path}` is no path of Rust: write it like `::messages::shop`"
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn apply(&self, config: &mut Config) {
        for (path, attribute) in self.type_attributes.iter() {
            config.type_attribute(path, attribute);
        }
        for (path, attribute) in self.message_attributes.iter() {
            config.message_attribute(path, attribute);
        }
        for (path, attribute) in self.enum_attributes.iter() {
            config.enum_attribute(path, attribute);
        }
        for (path, attribute) in self.field_attributes.iter() {
            config.field_attribute(path, attribute);
        }
        for (proto, rust) in &self.extern_paths {
            config.extern_path(proto, rust);
        }
        // These two forget what they were told before.
        if !self.bytes.is_empty() {
            config.bytes(&self.bytes);
        }
        if !self.btree_map.is_empty() {
            config.btree_map(&self.btree_map);
        }
        if let Some(path) = &self.prost_path {
            config.prost_path(path);
        }
        if let Some(path) = &self.prost_types_path {
            config.prost_types_path(path);
        }
        if self.compile_well_known_types {
            config.compile_well_known_types();
        }
    }
}
