//! From a question to its answer.

use std::collections::{HashSet, VecDeque};

use super::{
    index::{FileId, Index},
    v1::{
        ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
        ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
};
use crate::status::Status;

/// Bytes of files in an answer from which on no more imports are put beside what was asked for: whoever misses one asks
/// for it.
const ENOUGH: usize = 1024 * 1024;

/// What one stream of questions was told.
#[derive(Default)]
pub(super) struct Answers {
    sent: HashSet<FileId>,
}

impl Answers {
    pub(super) fn answer(
        &mut self,
        index: &Index,
        request: ServerReflectionRequest,
    ) -> ServerReflectionResponse {
        let answer = match &request.message_request {
            Some(asked) => self.look_up(index, asked),
            None => Err(Status::invalid_argument(
                "nothing is asked, or what this side knows nothing of",
            )),
        };
        let answer = answer.unwrap_or_else(|status| {
            MessageResponse::ErrorResponse(ErrorResponse {
                error_code: u32::from(status.code()).try_into().unwrap_or_default(),
                error_message: status.message().to_owned(),
            })
        });
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(answer),
        }
    }

    fn look_up(
        &mut self,
        index: &Index,
        asked: &MessageRequest,
    ) -> Result<MessageResponse, Status> {
        match asked {
            MessageRequest::FileByFilename(name) => match index.named(name) {
                Some(file) => Ok(self.files(index, file)),
                None => Err(Status::not_found(format!("no file {name:?}"))),
            },
            MessageRequest::FileContainingSymbol(name) => match index.declaring(name) {
                Some(file) => Ok(self.files(index, file)),
                None if index.has_service(name) => Err(Status::not_found(format!(
                    "the descriptors of {name} are not known: its code was generated without embed_descriptors"
                ))),
                None => Err(Status::not_found(format!("no symbol {name:?}"))),
            },
            MessageRequest::FileContainingExtension(asked) => {
                let (extended, number) = (&asked.containing_type, asked.extension_number);
                match index.extending(extended, number) {
                    Some(file) => Ok(self.files(index, file)),
                    None => Err(Status::not_found(format!(
                        "no extension {number} of {extended:?}"
                    ))),
                }
            }
            MessageRequest::AllExtensionNumbersOfType(name) => match index.extensions_of(name) {
                Some(numbers) => Ok(MessageResponse::AllExtensionNumbersResponse(
                    ExtensionNumberResponse {
                        base_type_name: name.clone(),
                        extension_number: numbers,
                    },
                )),
                None => Err(Status::not_found(format!("no type {name:?}"))),
            },
            MessageRequest::ListServices(_) => {
                let names = index.services().map(str::to_owned);
                Ok(MessageResponse::ListServicesResponse(ListServiceResponse {
                    service: names.map(|name| ServiceResponse { name }).collect(),
                }))
            }
        }
    }

    /// The file, and behind it what it imports, nearest first, as far as this stream does not have it yet.
    fn files(&mut self, index: &Index, asked: FileId) -> MessageResponse {
        let mut files = Vec::new();
        let mut size = 0;
        let mut seen = HashSet::from([asked]);
        let mut next = VecDeque::from([asked]);
        while let Some(id) = next.pop_front() {
            let Some(file) = index.file(id) else {
                continue;
            };
            if id == asked || !self.sent.contains(&id) {
                if id != asked && size >= ENOUGH {
                    break;
                }
                self.sent.insert(id);
                size += file.encoded.len();
                files.push(file.encoded.clone());
            }
            let imports = file.imports.iter().filter_map(|name| index.named(name));
            next.extend(imports.filter(|import| seen.insert(*import)));
        }
        MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: files,
        })
    }
}
