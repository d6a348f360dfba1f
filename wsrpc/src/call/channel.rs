//! The handle that stubs call through.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{CallOptions, RetryBudget, RetryPolicy, layered::Wrapped};
use crate::{
    call_error::{CallError, Outcome},
    compression::Compression,
    identity::PublicKey,
    layer::{CallHead, CallService, Next},
    proto::peer_leaves,
    service::MethodDescriptor,
    session::Session,
    status::Status,
};

/// The handle that stubs call through: to a client's server, to the peer of a key, or back to a caller. Cheap to clone.
///
/// It finds the session at each call, so that it outlives reconnects. A channel of a client keeps that client's
/// session open, and so does a call until its last response; the last of them that is dropped closes it.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(client: wsrpc::Client) {
/// let patient = client.channel().wait_for_ready(true).timeout(Duration::from_secs(30));
/// # }
/// ```
#[derive(Clone)]
pub struct Channel {
    connector: Arc<dyn Connector>,
    options: CallOptions,
    /// Of methods for which calls are made otherwise, by their full names.
    methods: Option<Arc<Methods>>,
    /// What is around its calls, if anything is.
    wrapped: Option<Arc<Wrapped>>,
}

type Methods = Vec<(String, CallOptions)>;

/// Finds the session that a call goes out on.
pub(crate) trait Connector: Send + Sync {
    /// The session now, without waiting.
    fn lookup(&self, wait_for_ready: bool) -> Lookup;

    /// Waits for what [`lookup`](Self::lookup) said to wait for.
    fn wait(self: Arc<Self>, wait_for_ready: bool) -> WaitForSession;

    /// Whether there will never be a session again.
    fn is_over(&self) -> bool;

    /// What calls may be made again.
    fn retry_budget(&self) -> &RetryBudget;

    /// The key of the peer that it leads to, if that is always the same.
    fn peer(&self) -> Option<PublicKey> {
        None
    }

    /// For `Debug`: where it leads.
    fn describe(&self) -> String;
}

/// Resolves to a session that was ready a moment ago, or to why there will be none.
pub(crate) type WaitForSession = Pin<Box<dyn Future<Output = Result<Session, CallError>> + Send>>;

/// What a connector finds.
pub(crate) enum Lookup {
    /// This session.
    Ready(Session),
    /// None yet: it is worth waiting.
    Wait,
    /// None, and none to wait for.
    Failed(CallError),
}

impl Channel {
    pub(crate) fn new(connector: Arc<dyn Connector>) -> Self {
        Self::with_options(connector, CallOptions::default())
    }

    pub(crate) fn with_options(connector: Arc<dyn Connector>, options: CallOptions) -> Self {
        Self {
            connector,
            options,
            methods: None,
            wrapped: None,
        }
    }

    /// A channel that is bound to one session.
    pub(crate) fn of_session(session: Session) -> Self {
        Self::new(Arc::new(SessionConnector(session)))
    }

    /// The same channel, on which calls that set no time-out have this one, in all: waiting for a session included.
    ///
    /// Default: none; towards a peer that speaks version 1 of the protocol, the session's
    /// [`default_timeout`](crate::SessionConfig::default_timeout), from when there is a session.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// The same channel, on which calls wait for a session, within their time-out, and are made again as long as
    /// nothing of them was sent. Default: false, they fail at once while there is no session and none is being made.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.options.set_wait_for_ready(wait);
        self
    }

    /// The same channel, on which calls that fail are made again as `policy` says; `None` is not at all. Default:
    /// `None`, or what the client was [built](crate::ClientBuilder::retry) with.
    pub fn retry(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.options.set_retry(policy.into());
        self
    }

    /// The same channel, on which requests are compressed like this, for peers that can undo it. Default: they are not.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// The same channel, on which calls of one method are made otherwise. The method is given by its full name,
    /// `"ping.Ping/Ping"`, or by its [`MethodDescriptor`]; `set` begins with what this channel has, so what holds for
    /// the other methods as well is set before. Layers and interceptors are always the whole channel's: those that `set`
    /// adds are left out.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use wsrpc::RetryPolicy;
    /// # fn example(client: wsrpc::Client) {
    /// let channel = client
    ///     .channel()
    ///     .timeout(Duration::from_secs(2))
    ///     .for_method("ping.Ping/Ping", |ping| ping.retry(RetryPolicy::default()));
    /// # }
    /// ```
    pub fn for_method(mut self, method: impl ToString, set: impl FnOnce(Self) -> Self) -> Self {
        let method = method.to_string();
        let options = set(self.clone()).options;
        let methods = Arc::make_mut(self.methods.get_or_insert_default());
        methods.retain(|(name, _)| *name != method);
        methods.push((method, options));
        self
    }

    /// The same channel with a layer around its calls, which sees them before the layers and interceptors that the
    /// channel has. See [`layer`](crate::layer).
    ///
    /// ```
    /// # use wsrpc::Channel;
    /// # use tower::limit::ConcurrencyLimitLayer;
    /// # fn example(channel: Channel) {
    /// let modest = channel.layer(ConcurrencyLimitLayer::new(10));
    /// # }
    /// ```
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: tower_layer::Layer<Next, Service: CallService>,
    {
        let next = Next::new(layer.layer(self.next()));
        Self {
            wrapped: Some(Arc::new(Wrapped::in_layers(next))),
            ..self
        }
    }

    /// The same channel, each of whose calls is shown to `interceptor` first, before the layers and interceptors that
    /// the channel has. It may change the metadata or the deadline, or fail the call with a status, which is then
    /// [`Outcome::NotSent`]. It must answer at once, and costs a call no more than itself.
    ///
    /// ```
    /// # use wsrpc::{Channel, Status};
    /// # fn example(channel: Channel, token: String) {
    /// let known = channel.intercept(move |call| {
    ///     let metadata = call.metadata_mut();
    ///     metadata.insert("authorization", &token).map_err(|error| Status::internal(error.to_string()))
    /// });
    /// # }
    /// ```
    pub fn intercept<F>(self, interceptor: F) -> Self
    where
        F: Fn(&mut CallHead) -> Result<(), Status> + Send + Sync + 'static,
    {
        let wrapped = Wrapped::intercepted(self.wrapped.as_deref(), Arc::new(interceptor));
        Self {
            wrapped: Some(Arc::new(wrapped)),
            ..self
        }
    }

    /// A channel whose calls `service` answers, instead of a session: over another protocol, or in a test.
    ///
    /// A [`Status`] that it fails with is the callee's own. The channel watches over a call's time-out until the service
    /// has answered; a stream of responses is the service's to end in time.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use wsrpc::{Channel, layer::{Body, CallRequest, CallResponse}};
    ///
    /// let echo = tower::service_fn(|request: CallRequest| async move {
    ///     Ok::<_, Infallible>(CallResponse::new(request.into_parts().1))
    /// });
    /// let channel = Channel::from_service(echo);
    /// # let _ = channel;
    /// ```
    pub fn from_service(service: impl CallService) -> Self {
        let next = super::layered::answering(service);
        Self {
            wrapped: Some(Arc::new(Wrapped::in_layers(next))),
            ..Self::new(Arc::new(ServiceConnector::default()))
        }
    }

    /// As [`new`](Self::new): the same channel with nothing around it.
    pub(super) fn bare(&self) -> Self {
        Self {
            wrapped: None,
            ..self.clone()
        }
    }

    pub(super) fn wrapped(&self) -> Option<&Arc<Wrapped>> {
        self.wrapped.as_ref()
    }

    pub(super) fn connector(&self) -> &Arc<dyn Connector> {
        &self.connector
    }

    /// How calls of `method` are made.
    pub(super) fn options(&self, method: &MethodDescriptor) -> CallOptions {
        let methods = self.methods.iter().flat_map(|methods| methods.iter());
        let own = methods
            .filter(|(name, _)| method.is_named(name))
            .map(|(_, options)| options)
            .next();
        own.unwrap_or(&self.options).clone()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("to", &format_args!("{}", self.connector.describe()))
            .field("options", &self.options)
            .field("methods", &self.methods)
            .finish()
    }
}

/// Leads to one session and never to another.
struct SessionConnector(Session);

impl SessionConnector {
    fn session(&self) -> Result<Session, CallError> {
        if self.0.takes_calls() {
            return Ok(self.0.clone());
        }
        Err(match self.0.ended() {
            Some(end) => end.call_error(Outcome::NotSent),
            None => peer_leaves(Outcome::NotSent),
        })
    }
}

impl Connector for SessionConnector {
    fn lookup(&self, _: bool) -> Lookup {
        match self.session() {
            Ok(session) => Lookup::Ready(session),
            Err(error) => Lookup::Failed(error),
        }
    }

    fn wait(self: Arc<Self>, _: bool) -> WaitForSession {
        Box::pin(std::future::ready(self.session()))
    }

    fn is_over(&self) -> bool {
        self.0.ended().is_some()
    }

    fn retry_budget(&self) -> &RetryBudget {
        self.0.retry_budget()
    }

    fn peer(&self) -> Option<PublicKey> {
        Some(self.0.peer())
    }

    fn describe(&self) -> String {
        let peer: PublicKey = self.0.peer();
        format!("the session {} with {peer}", self.0.id())
    }
}

/// Of a channel whose calls go to a service: it is asked for nothing.
#[derive(Default)]
struct ServiceConnector {
    retry_budget: RetryBudget,
}

impl Connector for ServiceConnector {
    fn lookup(&self, _: bool) -> Lookup {
        Lookup::Failed(no_session())
    }

    fn wait(self: Arc<Self>, _: bool) -> WaitForSession {
        Box::pin(std::future::ready(Err(no_session())))
    }

    fn is_over(&self) -> bool {
        true
    }

    fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    fn describe(&self) -> String {
        "a service".into()
    }
}

fn no_session() -> CallError {
    CallError::not_sent(Status::internal("a service has no session"))
}
