//! The service of gRPC's interop tests, as its descriptions say, and what else the tests want to know of it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use wsrpc::{
    Code, Compression, Metadata, MetadataError, Request, Response, Status, Stream, Streaming,
    Trailers,
};

use crate::{
    grpc_testing::{
        BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
        StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
        StreamingOutputCallResponse, test_service_server,
    },
    scene::soon,
    streams::generated,
};

/// A caller's metadata of this key come back at the beginning of the answer.
pub const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";

/// A caller's metadata of this key come back at the end of the answer.
pub const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// A caller that wants this status makes the handler panic.
pub const PANIC: i32 = -1;

type Answer<T> = Result<Response<T>, Status>;
type Out = StreamingOutputCallResponse;

/// Answers TestService.
#[derive(Debug, Default)]
pub struct TestService {
    running: watch::Sender<usize>,
    started: AtomicUsize,
}

/// A payload of so many zeros.
pub fn zeros(size: usize) -> Payload {
    Payload {
        body: vec![0; size],
        ..Payload::default()
    }
}

/// How a caller wants its responses.
fn wanted(compressed: Option<BoolValue>) -> Compression {
    match compressed {
        Some(BoolValue { value: true }) => Compression::Zstd,
        _ => Compression::Off,
    }
}

impl TestService {
    /// How many calls were started so far.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    /// Waits until so many handlers, or their streams, run.
    #[track_caller]
    pub fn running(&self, count: usize) -> impl Future<Output = ()> {
        let mut running = self.running.subscribe();
        soon(async move {
            running.wait_for(|running| *running == count).await.unwrap();
        })
    }

    fn start(&self) -> Running<'_> {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.running.send_modify(|running| *running += 1);
        Running(self)
    }
}

/// Counts a handler until it is dropped, however it ends.
struct Running<'a>(&'a TestService);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| *running -= 1);
    }
}

impl test_service_server::TestService for TestService {
    async fn empty_call(&self, _: Request<Empty>) -> Answer<Empty> {
        let _running = self.start();
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Answer<SimpleResponse> {
        let _running = self.start();
        let (initial, echo) = echoed(request.metadata())?;
        let trailers = Trailers::new();
        trailers.set(echo);
        check(request.response_status.as_ref())?;
        let response = SimpleResponse {
            payload: Some(zeros(size(request.response_size)?)),
        };
        Ok(Response::new(response)
            .compress(wanted(request.response_compressed))
            .with_metadata(initial)
            .with_trailers(&trailers))
    }

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Answer<impl Stream<Item = Result<Out, Status>> + Send> {
        let running = self.start();
        let mut parameters = request.response_parameters.iter();
        let compressed = parameters.any(|one| one.compressed.is_some_and(|it| it.value));
        let compression = wanted(Some(BoolValue { value: compressed }));
        let responses = generated(|responses| async move {
            let _running = running;
            check(request.response_status.as_ref())?;
            for parameters in &request.response_parameters {
                responses.send(output(parameters).await?).await.ok();
            }
            Ok(())
        });
        Ok(Response::new(responses).compress(compression))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Answer<StreamingInputCallResponse> {
        let _running = self.start();
        let mut requests = request.into_inner();
        let mut aggregated_payload_size = 0;
        while let Some(request) = requests.message().await? {
            let body = request.payload.unwrap_or_default().body;
            aggregated_payload_size += i32::try_from(body.len()).unwrap();
        }
        Ok(Response::new(StreamingInputCallResponse {
            aggregated_payload_size,
        }))
    }

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Answer<impl Stream<Item = Result<Out, Status>> + Send> {
        let running = self.start();
        let (initial, echo) = echoed(request.metadata())?;
        let trailers = Trailers::new();
        let at_the_end = trailers.clone();
        let responses = generated(|responses| async move {
            let _running = running;
            let result = serve_each(request.into_inner(), responses).await;
            at_the_end.set(echo);
            result
        });
        Ok(Response::new(responses)
            .with_metadata(initial)
            .with_trailers(&trailers))
    }

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Answer<impl Stream<Item = Result<Out, Status>> + Send> {
        let running = self.start();
        Ok(Response::new(generated(|responses| async move {
            let _running = running;
            let mut requests = request.into_inner();
            let mut wanted = Vec::new();
            while let Some(request) = requests.message().await? {
                check(request.response_status.as_ref())?;
                wanted.extend(request.response_parameters);
            }
            for parameters in &wanted {
                responses.send(output(parameters).await?).await.ok();
            }
            Ok(())
        })))
    }
}

/// Sends what each request asks for.
async fn serve_each(
    mut requests: Streaming<StreamingOutputCallRequest>,
    responses: mpsc::Sender<Out>,
) -> Result<(), Status> {
    while let Some(request) = requests.message().await? {
        check(request.response_status.as_ref())?;
        for parameters in &request.response_parameters {
            responses.send(output(parameters).await?).await.ok();
        }
    }
    Ok(())
}

/// What of the caller's metadata comes back: at the beginning, and at the end.
fn echoed(metadata: &Metadata) -> Result<(Metadata, Metadata), Status> {
    let (mut initial, mut trailing) = (Metadata::new(), Metadata::new());
    for value in metadata.get_all(ECHO_INITIAL) {
        initial.append(ECHO_INITIAL, value).map_err(internal)?;
    }
    for value in metadata.get_all_bin(ECHO_TRAILING) {
        let appended = trailing.append_bin(ECHO_TRAILING, value.clone());
        appended.map_err(internal)?;
    }
    Ok((initial, trailing))
}

fn internal(error: MetadataError) -> Status {
    Status::internal(error.to_string())
}

/// Fails if the caller asks for that.
fn check(wanted: Option<&EchoStatus>) -> Result<(), Status> {
    match wanted {
        Some(status) if status.code == PANIC => panic!("as the caller wants"),
        Some(status) if status.code != 0 => {
            let code = u32::try_from(status.code).unwrap();
            Err(Status::new(Code::from(code), &status.message))
        }
        _ => Ok(()),
    }
}

async fn output(parameters: &ResponseParameters) -> Result<Out, Status> {
    if let Ok(pause @ 1..) = u64::try_from(parameters.interval_us) {
        sleep(Duration::from_micros(pause)).await;
    }
    Ok(Out {
        payload: Some(zeros(size(parameters.size)?)),
    })
}

fn size(asked_for: i32) -> Result<usize, Status> {
    usize::try_from(asked_for).map_err(|_| Status::invalid_argument("a size below nothing"))
}
