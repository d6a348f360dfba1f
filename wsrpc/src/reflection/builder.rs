//! What reflection is told of, before it answers.

use std::sync::Arc;

use bytes::Bytes;
use prost::DecodeError;

use super::{Reflection, index::Index, v1::server_reflection_server::ServerReflectionServer};
use crate::service::{NamedService, ServiceDescriptor};

/// What was given as descriptors is none.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("these are no descriptors, an encoded FileDescriptorSet: {0}")]
pub struct InvalidDescriptors(String);

impl InvalidDescriptors {
    pub(super) fn without_name() -> Self {
        Self("a file has no name".into())
    }
}

impl From<DecodeError> for InvalidDescriptors {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

debug_as_display!(InvalidDescriptors);

/// Sets up reflection by hand: for services whose generated code does not have their descriptors, or to tell of some
/// services and not of others. Where all are to be told of, `reflection()` of the builders needs none of this.
///
/// ```
/// use wsrpc::{reflection::ReflectionBuilder, testing::Services};
/// # fn example(descriptors: &'static [u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let reflection = ReflectionBuilder::new()
///     .list("jobs.Runner")
///     .file_descriptor_set(descriptors)? // include_bytes!("jobs.binpb"), which protoc -o made
///     .build();
/// let services = Services::new().add(reflection);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "it answers nothing until it is built and added"]
pub struct ReflectionBuilder {
    index: Index,
}

impl ReflectionBuilder {
    /// Knows of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists the service of this full name, `ping.Ping`.
    pub fn list(mut self, service: impl Into<String>) -> Self {
        self.index.list(service.into());
        self
    }

    /// Lists a service, and tells what its generated code has of its descriptors.
    ///
    /// # Errors
    ///
    /// The descriptors are none.
    pub fn service(
        self,
        descriptor: &'static ServiceDescriptor,
    ) -> Result<Self, InvalidDescriptors> {
        let this = self.list(descriptor.name());
        match descriptor.file_descriptor_set() {
            Some(encoded) => this.file_descriptor_set(encoded),
            None => Ok(this),
        }
    }

    /// Tells what is in these files: an encoded `FileDescriptorSet`, best with all imports, as `protoc -o
    /// --include_imports` writes it. Of two files with one name, the first is told of.
    ///
    /// # Errors
    ///
    /// This is no such set. Files that it imports and does not have are no error, here.
    pub fn file_descriptor_set(
        mut self,
        encoded: impl Into<Bytes>,
    ) -> Result<Self, InvalidDescriptors> {
        self.index.add_set(encoded.into())?;
        Ok(self)
    }

    /// The service, for `add_service`. It lists itself too.
    pub fn build(self) -> ServerReflectionServer<Reflection> {
        let own = ServerReflectionServer::<Reflection>::NAME;
        let mut this = self.list(own);
        // Generated code has sound descriptors; if it had not, it would only not be told of.
        this.index
            .add_set(Bytes::from_static(super::v1::FILE_DESCRIPTOR_SET))
            .ok();
        ServerReflectionServer::new(Reflection::new(Arc::new(this.index)))
    }
}
