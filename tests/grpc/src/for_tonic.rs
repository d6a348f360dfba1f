//! The service as tonic's users write it, as far as our stubs are tried on it.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use tonic::{Code, Request, Response, Status, Streaming, metadata::MetadataMap};

use crate::{
    handler::failure,
    tonic_trial::trial_server::Trial,
    trial::{Ask, Tell},
};

/// Does what it is asked.
#[derive(Clone, Copy, Debug)]
pub struct TonicHandler;

type Answer<T> = Result<Response<T>, Status>;
type Tells = Pin<Box<dyn Stream<Item = Result<Tell, Status>> + Send>>;

/// The same as the other handler's.
fn tonic_failure() -> Status {
    let ours = failure();
    let mut metadata = MetadataMap::new();
    metadata.insert("x-why", "because".parse().unwrap());
    metadata.insert_bin(
        "why-bin",
        tonic::metadata::MetadataValue::from_bytes(&[0xff, 0]),
    );
    let details = ours.details().clone();
    Status::with_details_and_metadata(Code::NotFound, ours.message(), details, metadata)
}

fn echoed(metadata: &MetadataMap) -> MetadataMap {
    let mut headers = metadata.clone().into_headers();
    let others: Vec<_> = headers.keys().cloned().collect();
    for key in others.iter().filter(|key| !key.as_str().starts_with("x-")) {
        headers.remove(key);
    }
    MetadataMap::from_headers(headers)
}

#[tonic::async_trait]
impl Trial for TonicHandler {
    type ListStream = Tells;
    type ChatStream = Tells;

    async fn unary(&self, request: Request<Ask>) -> Answer<Tell> {
        let metadata = echoed(request.metadata());
        let has_deadline = request.metadata().contains_key("grpc-timeout");
        let Ask { text, count, data } = request.into_inner();
        let text = match text.as_str() {
            "fail" => return Err(tonic_failure()),
            "wait" => std::future::pending().await,
            "deadline" => has_deadline.to_string(),
            _ => text,
        };
        let mut response = Response::new(Tell { text, count, data });
        *response.metadata_mut() = metadata;
        Ok(response)
    }

    async fn list(&self, request: Request<Ask>) -> Answer<Tells> {
        let metadata = echoed(request.metadata());
        let Ask { text, count, data } = request.into_inner();
        let told = move |count| {
            Ok(Tell {
                text: String::new(),
                count,
                data: data.clone(),
            })
        };
        let told = stream::iter(0..count).map(told);
        let told: Tells = match text.as_str() {
            "fail" => Box::pin(told.chain(stream::iter([Err(tonic_failure())]))),
            "wait" => Box::pin(told.chain(stream::pending())),
            _ => Box::pin(told),
        };
        let mut response = Response::new(told);
        *response.metadata_mut() = metadata;
        Ok(response)
    }

    async fn put(&self, request: Request<Streaming<Ask>>) -> Answer<Tell> {
        let metadata = echoed(request.metadata());
        let mut asked = request.into_inner();
        let mut told = Tell::default();
        while let Some(ask) = asked.message().await? {
            if ask.text == "fail" {
                return Err(tonic_failure());
            }
            told.count += ask.count;
            told.text += &ask.text;
        }
        let mut response = Response::new(told);
        *response.metadata_mut() = metadata;
        Ok(response)
    }

    async fn chat(&self, request: Request<Streaming<Ask>>) -> Answer<Tells> {
        let told = request.into_inner().map(|ask| {
            let Ask { text, count, data } = ask?;
            match text.as_str() {
                "fail" => Err(tonic_failure()),
                _ => Ok(Tell { text, count, data }),
            }
        });
        Ok(Response::new(Box::pin(told)))
    }
}
