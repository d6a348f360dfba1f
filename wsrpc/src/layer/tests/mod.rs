//! Layers and interceptors around calls in memory.

mod ends;
mod kinds;
mod streams;
mod towers;
mod users;

use std::sync::{Arc, Mutex};

use super::{CallHead, CallService, from_fn};
use crate::{
    Code, Metadata, Outcome, Service, Status,
    call::Channel,
    layer::{BoxError, CallRequest, CallResponse, Next},
    service::test_support::{Echo, Text, echo},
    testing::{Services, Side, pair},
};

/// What was seen, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A layer that logs its name before and after the call.
fn named<S: CallService>(
    name: &'static str,
    log: &Log,
) -> impl tower_layer::Layer<S, Service: CallService> + use<S> {
    let log = log.clone();
    from_fn(move |request, next: Next| {
        let log = log.clone();
        async move {
            log.push(format!("{name} in"));
            let answer = next.run(request).await;
            log.push(format!("{name} out"));
            Ok(answer?)
        }
    })
}

/// A channel to what `services` answers, for as long as the sides are kept.
fn to(services: Services) -> (Channel, [Side; 2]) {
    let (client, server) = pair(Services::new(), services);
    (client.channel(), [client, server])
}

fn metadata(key: &str, value: &str) -> Metadata {
    Metadata::try_from([(key, value)]).unwrap()
}
