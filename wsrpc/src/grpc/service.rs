//! A service in a tonic server.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::request::Parts;
use tonic::{
    body::Body,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    server::Grpc,
};

use super::{answer::Answer, codec::Encoded, metadata, peers::Sessions, status::to_tonic};
use crate::{
    config::SessionConfig,
    identity::{PublicKey, SecretKey},
    layer::{BoxError, CallHead},
    service::{NamedService, Service},
    status::Status,
};

/// A generated service, as tonic serves it: over gRPC, with all kinds of methods.
///
/// It is cheap to clone; all clones are one service.
///
/// ```
/// use wsrpc::{NamedService, Service, grpc::GrpcService};
///
/// /// What `tonic::transport::Server::add_service` takes.
/// fn mounted(service: impl Service + NamedService) -> impl tonic::server::NamedService {
///     GrpcService::new(service) // PingServer::new(MyPing)
/// }
/// ```
///
/// # What a handler sees
///
/// | of the handler | over gRPC |
/// | --- | --- |
/// | [`Request::peer`](crate::Request::peer) | what [`with_peer`](Self::with_peer) says; else one key for all callers |
/// | [`Request::channel`](crate::Request::channel) | calls on it end with [`Code::UNIMPLEMENTED`](crate::Code::UNIMPLEMENTED): a gRPC client serves nothing |
/// | [`Request::metadata`](crate::Request::metadata) | the headers, without those of HTTP and gRPC |
/// | [`Request::deadline`](crate::Request::deadline) | `grpc-timeout`; the handler is stopped then |
/// | a caller that gives up, or goes away | the handler is stopped |
/// | [`Response::metadata`](crate::Response::metadata) | the headers of the response |
/// | a [`Status`] | code, text, `grpc-status-details-bin`, and its metadata as trailers |
///
/// # Limits
///
/// Calls pass through a session in memory, one for each key that calls. Its settings hold as they do over a connection,
/// [`max_concurrent_handlers`](SessionConfig::max_concurrent_handlers) for instance, and the largest message: all
/// callers of one key share them.
///
/// A session ends when the last clone of the service is gone and no call of it is under way.
pub struct GrpcService<S> {
    service: Arc<dyn Service>,
    sessions: Arc<Sessions>,
    peer: PeerOf,
    /// That the service goes by towards its callers.
    key: PublicKey,
    accept: EnabledCompressionEncodings,
    send: EnabledCompressionEncodings,
    name: PhantomData<fn() -> S>,
}

type PeerOf = Arc<dyn Fn(&Parts) -> Result<PublicKey, Status> + Send + Sync>;

impl<S: NamedService> GrpcService<S> {
    /// Serves `service`, for one anonymous peer: all callers have the same key, which is random and nobody's.
    pub fn new(service: S) -> Self
    where
        S: Service,
    {
        Self::of(service)
    }

    /// Serves `service` in the place of an `S`: one with layers around it, say.
    ///
    /// ```
    /// # use wsrpc::{NamedService, Service, grpc::GrpcService};
    /// # use tower::limit::ConcurrencyLimitLayer;
    /// fn modest<S: Service + NamedService>(service: S) -> GrpcService<S> {
    ///     GrpcService::of(service.layer(ConcurrencyLimitLayer::new(10)))
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// When `service` has another name than `S`.
    pub fn of(service: impl Service) -> Self {
        let name = service.descriptor().name();
        assert_eq!(name, S::NAME, "a service is served under its own name");
        let service: Arc<dyn Service> = Arc::new(service);
        let random = || SecretKey::generate().public_key();
        let (key, anonymous) = (random(), random());
        Self {
            sessions: Arc::new(Sessions::new(
                service.clone(),
                SessionConfig::default(),
                key,
            )),
            service,
            peer: Arc::new(move |_| Ok(anonymous)),
            key,
            accept: EnabledCompressionEncodings::default(),
            send: EnabledCompressionEncodings::default(),
            name: PhantomData,
        }
    }

    /// Decides which peer a caller is, by what came before the messages: headers, and the extensions in which tonic
    /// leaves the connection's address and certificates. A status refuses the call. Default: all callers are one
    /// anonymous peer.
    ///
    /// Nothing else proves that the caller has this key, so look at what only the caller can have sent.
    ///
    /// ```
    /// # use wsrpc::{NamedService, PublicKey, Service, Status, grpc::GrpcService};
    /// # fn example<S: Service + NamedService>(service: S, token: &'static str, alice: PublicKey) -> GrpcService<S> {
    /// GrpcService::new(service).with_peer(move |request| match request.headers.get("authorization") {
    ///     Some(value) if value == token => Ok(alice),
    ///     _ => Err(Status::unauthenticated("who are you?")),
    /// })
    /// # }
    /// ```
    pub fn with_peer<F>(mut self, peer: F) -> Self
    where
        F: Fn(&Parts) -> Result<PublicKey, Status> + Send + Sync + 'static,
    {
        self.peer = Arc::new(peer);
        self
    }

    /// How the sessions behave on which calls are made, and how large messages may be: as a
    /// [server's](crate::SessionConfig). Default: its default.
    pub fn session(mut self, config: SessionConfig) -> Self {
        self.sessions = Arc::new(Sessions::new(self.service.clone(), config, self.key));
        self
    }

    /// Takes requests that are compressed so, as far as tonic was built with it. Default: none.
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.accept.enable(encoding);
        self
    }

    /// Compresses responses so, for callers that take it and as far as tonic was built with it. Default: none.
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.send.enable(encoding);
        self
    }
}

impl<S> GrpcService<S> {
    /// What answers this call.
    fn start(&self, parts: &Parts) -> Result<Answer, Status> {
        let service = self.service.descriptor();
        let name = parts.uri.path().strip_prefix('/');
        let name = name.and_then(|path| path.strip_prefix(service.name())?.strip_prefix('/'));
        let mut methods = service.methods().iter();
        let method = methods
            .find(|method| Some(method.name()) == name)
            .ok_or_else(|| {
                Status::unimplemented(format!("{} has no such method", service.name()))
            })?;
        let metadata = metadata::from_headers(&parts.headers);
        let deadline = metadata::deadline(&parts.headers)?;
        let peer = (self.peer)(parts)?;
        Ok(Answer {
            head: CallHead::new(method, None, metadata, deadline),
            link: self.sessions.link(peer),
        })
    }

    async fn answer<B>(self, request: http::Request<B>) -> http::Response<Body>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError> + Send,
    {
        let (parts, body) = request.into_parts();
        let answer = match self.start(&parts) {
            Ok(answer) => answer,
            Err(status) => return to_tonic(&status).into_http(),
        };
        // What is sent is limited by the session.
        let limits = (Some(self.sessions.max_request()), Some(usize::MAX));
        Grpc::new(Encoded::<Bytes>::new())
            .apply_compression_config(self.accept, self.send)
            .apply_max_message_size_config(limits.0, limits.1)
            .streaming(answer, http::Request::from_parts(parts, body))
            .await
    }
}

impl<S: NamedService> tonic::server::NamedService for GrpcService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> tower_service::Service<http::Request<B>> for GrpcService<S>
where
    S: 'static,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError> + Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

impl<S> Clone for GrpcService<S> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            sessions: self.sessions.clone(),
            peer: self.peer.clone(),
            ..*self
        }
    }
}

impl<S> fmt::Debug for GrpcService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcService")
            .field("service", &self.service.descriptor().name())
            .finish_non_exhaustive()
    }
}
