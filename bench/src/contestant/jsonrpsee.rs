//! jsonrpsee: JSON-RPC over a WebSocket. JSON has no bytes, so that bodies are base64 in strings. Its subscriptions are
//! no calls that stream, and are left out.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jsonrpsee::{
    RpcModule,
    core::{
        client::{Client, ClientT},
        params::ArrayParams,
    },
    server::{Server, ServerConfig, serve, stop_channel},
    ws_client::WsClientBuilder,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Contestant, Endpoint, Failure, Serving, connect_all};
use crate::{
    calls::{Callers, Calls},
    tls,
};

/// More calls than any load has in flight on a connection.
const IN_FLIGHT: u16 = 8192;
/// What a message may be long: base64 makes a third more of a body.
const LONGEST: u32 = 64 * 1024 * 1024;

pub struct Jsonrpsee;

impl Contestant for Jsonrpsee {
    type Caller = Callers<Arc<Client>>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let mut methods = RpcModule::new(());
        methods.register_method("echo", |params, (), _| params.one::<Body>())?;
        let config = ServerConfig::builder()
            .ws_only()
            .max_connections(u32::MAX)
            .max_request_body_size(LONGEST)
            .max_response_body_size(LONGEST)
            .set_message_buffer_capacity(IN_FLIGHT.into())
            .build();
        let services = Server::builder().set_config(config).to_service_builder();
        let (stop, running) = stop_channel();
        let endpoint = tls::serve(tls::server_config(&[])?, move |stream| {
            let service = services.clone().build(methods.clone(), stop.clone());
            // It stops when the last of these is dropped.
            let running = running.clone();
            async move {
                serve(stream, service).await?;
                drop(running);
                Ok(())
            }
        })
        .await?;
        Ok(Serving::without_callers(endpoint))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        let config = tls::client_config(&[])?;
        let clients = connect_all(connections, async |index| {
            let stream = tls::dial(&config, &server, index).await?;
            let client = WsClientBuilder::new()
                .max_concurrent_requests(IN_FLIGHT.into())
                .max_request_size(LONGEST)
                .max_response_size(LONGEST)
                .build_with_stream("ws://bench", stream);
            Ok(Arc::new(client.await?))
        });
        Ok(Callers(clients.await?))
    }
}

impl Calls for Arc<Client> {
    async fn unary(&mut self, body: Bytes) -> Result<Bytes, Failure> {
        let mut params = ArrayParams::new();
        params.insert(Body(body))?;
        let answer: Body = self.request("echo", params).await?;
        Ok(answer.0)
    }
}

/// A body, which is base64 in JSON.
#[derive(Clone)]
struct Body(Bytes);

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // jsonrpsee reads from text, and base64 has nothing that JSON escapes: the text can be borrowed.
        let text = <&str>::deserialize(deserializer)?;
        let body = STANDARD.decode(text).map_err(de::Error::custom)?;
        Ok(Self(body.into()))
    }
}
