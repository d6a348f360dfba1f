//! The service as a handler of wsrpc.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wsrpc::{
    Metadata, MetadataValue, Request, Response, Status, Streaming, error_details::ErrorInfo,
};

use crate::trial::{Ask, Tell, trial_client::TrialClient, trial_server::Trial};

/// Does what it is asked, and tells when a handler that waits begins and stops.
#[derive(Clone)]
pub struct Handler(UnboundedSender<&'static str>);

/// Hears of handlers that wait.
pub type News = UnboundedReceiver<&'static str>;

impl Handler {
    /// A handler, and what it tells.
    pub fn new() -> (Self, News) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    async fn wait(&self) -> Result<Response<Tell>, Status> {
        struct Waiting(UnboundedSender<&'static str>);
        impl Drop for Waiting {
            fn drop(&mut self) {
                let _ = self.0.send("stopped");
            }
        }
        let _ = self.0.send("waiting");
        let _waiting = Waiting(self.0.clone());
        std::future::pending().await
    }
}

/// What a status of this service has.
pub fn failure() -> Status {
    let mut metadata = Metadata::try_from([("x-why", "because")]).unwrap();
    metadata.append_bin("why-bin", vec![0xff, 0]).unwrap();
    Status::not_found("no such thing: ü 100%")
        .with_detail(&ErrorInfo {
            reason: "GONE".into(),
            domain: "trial".into(),
            ..Default::default()
        })
        .with_metadata(metadata)
}

/// The metadata of a request that are sent back.
fn echoed(metadata: &Metadata) -> Metadata {
    let mut echoed = Metadata::new();
    for (key, value) in metadata.iter().filter(|(key, _)| key.starts_with("x-")) {
        match value {
            MetadataValue::Ascii(text) => echoed.append(key, text).unwrap(),
            MetadataValue::Binary(bytes) => echoed.append_bin(key, bytes.clone()).unwrap(),
        }
    }
    echoed
}

impl Trial for Handler {
    async fn unary(&self, request: Request<Ask>) -> Result<Response<Tell>, Status> {
        let text = match request.text.as_str() {
            "fail" => return Err(failure()),
            "wait" => return self.wait().await,
            "peer" => request.peer().to_string(),
            "deadline" => request.deadline().is_some().to_string(),
            "back" => {
                let back = TrialClient::new(request.channel());
                let answer = back.unary(Ask::default()).await;
                answer.unwrap_err().code().to_string()
            }
            text => text.into(),
        };
        let metadata = echoed(request.metadata());
        let Ask { count, data, .. } = request.into_inner();
        Ok(Response::new(Tell { text, count, data }).with_metadata(metadata))
    }

    async fn list(
        &self,
        request: Request<Ask>,
    ) -> Result<Response<impl Stream<Item = Result<Tell, Status>> + Send>, Status> {
        let metadata = echoed(request.metadata());
        let Ask { text, count, data } = request.into_inner();
        let told = move |count| Tell {
            text: String::new(),
            count,
            data: data.clone(),
        };
        let handler = self.clone();
        let end = async move {
            match text.as_str() {
                "fail" => Some(Err(failure())),
                "wait" => Some(handler.wait().await.map(Response::into_inner)),
                _ => None,
            }
        };
        let end = stream::once(end).filter_map(std::future::ready);
        let list = stream::iter((0..count).map(told).map(Ok)).chain(end);
        Ok(Response::new(list).with_metadata(metadata))
    }

    async fn put(&self, request: Request<Streaming<Ask>>) -> Result<Response<Tell>, Status> {
        let metadata = echoed(request.metadata());
        let mut asked = request.into_inner();
        let mut told = Tell::default();
        while let Some(ask) = asked.message().await? {
            if ask.text == "fail" {
                return Err(failure());
            }
            told.count += ask.count;
            told.text += &ask.text;
        }
        Ok(Response::new(told).with_metadata(metadata))
    }

    async fn chat(
        &self,
        request: Request<Streaming<Ask>>,
    ) -> Result<Response<impl Stream<Item = Result<Tell, Status>> + Send>, Status> {
        let handler = Arc::new(self.clone());
        let told = request.into_inner().then(move |ask| {
            let handler = handler.clone();
            async move {
                let Ask { text, count, data } = ask?;
                match text.as_str() {
                    "fail" => Err(failure()),
                    "wait" => handler.wait().await.map(Response::into_inner),
                    _ => Ok(Tell { text, count, data }),
                }
            }
        });
        Ok(Response::new(told))
    }
}
