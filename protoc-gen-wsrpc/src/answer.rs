//! From an encoded request to an encoded answer.

use std::io;

use prost::Message;
use prost_types::compiler::code_generator_response::{Feature, File};
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};
use wsrpc_build::{Error, configure};

/// `FEATURE_SUPPORTS_EDITIONS`, which `prost-types` does not know yet.
const SUPPORTS_EDITIONS: u64 = 2;

/// The fields of a `CodeGeneratorResponse` that `prost-types` does not know yet.
#[derive(Clone, PartialEq, Message)]
struct Editions {
    #[prost(int32, optional, tag = "3")]
    minimum: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    maximum: Option<i32>,
}

/// Every edition of which a service is what it has always been. Messages are for prost to generate, which knows none.
const EDITIONS: Editions = Editions {
    minimum: Some(1000), // 2023
    maximum: Some(1001), // 2024
};

/// Answers a request. What is wrong with the `.proto` files or the options is part of the answer, and a request that
/// cannot be read is an error.
pub(crate) fn answer(request: &[u8]) -> io::Result<Vec<u8>> {
    let request = CodeGeneratorRequest::decode(request)?;
    // Of an edition's messages the user is told to do without them, in our own words.
    let mut response = CodeGeneratorResponse {
        supported_features: Some(Feature::Proto3Optional as u64 | SUPPORTS_EDITIONS),
        ..Default::default()
    };
    match generate(request) {
        Ok(files) => response.file = files,
        Err(error) => response.error = Some(error.to_string()),
    }
    let mut bytes = response.encode_to_vec();
    bytes.extend(EDITIONS.encode_to_vec());
    Ok(bytes)
}

fn generate(request: CodeGeneratorRequest) -> Result<Vec<File>, Error> {
    let builder = configure().options(request.parameter())?;
    let generated = builder.generate(request.proto_file, &request.file_to_generate)?;
    let files = generated.into_iter().map(|(name, content)| File {
        name: Some(name),
        content: Some(content),
        ..Default::default()
    });
    Ok(files.collect())
}
