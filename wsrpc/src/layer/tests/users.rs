//! Layers and interceptors as users write them.

use super::*;
use crate::{
    CallError, Request, Response,
    layer::{Intercepted, Layered},
};

#[derive(Clone, Debug, PartialEq)]
struct User(String);

/// Tells who it takes the caller for.
fn who() -> Echo {
    Echo::new(|request: Request<Text>| async move {
        let user = request.extensions().get::<User>().cloned();
        Ok(Response::new(Text::new(
            user.map_or("nobody".into(), |user| user.0),
        )))
    })
}

async fn authenticate(mut request: CallRequest, next: Next) -> Result<CallResponse, BoxError> {
    let user = match request.metadata().get("authorization") {
        Some("Bearer 7") => User("seven".into()),
        _ => return Err(Status::unauthenticated("a token, please").into()),
    };
    request.extensions_mut().insert(user);
    Ok(next.run(request).await?)
}

#[tokio::test(start_paused = true)]
async fn a_layer_leaves_values_for_the_handler() {
    let (channel, _sides) = to(Services::new().add(who()).layer(from_fn(authenticate)));
    let known = echo(&channel, "x").metadata(metadata("authorization", "Bearer 7"));
    assert_eq!(known.await.unwrap().body, "seven");

    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAUTHENTICATED);
    assert_eq!(error.outcome(), Outcome::Refused);
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_leaves_values_for_the_handler_or_refuses() {
    let admit = |call: &mut CallHead| match call.metadata().get("authorization") {
        Some("Bearer 7") => {
            call.extensions_mut().insert(User("seven".into()));
            Ok(())
        }
        _ => Err(Status::unauthenticated("a token, please")),
    };
    for services in [
        Services::new().intercept(admit).add(who()),
        Services::new().add(who().intercept(admit)),
        Services::new().add(Intercepted::new(who(), admit)),
    ] {
        let (channel, _sides) = to(services);
        let with_token = channel.clone().intercept(|call| {
            *call.metadata_mut() = metadata("authorization", "Bearer 7");
            Ok(())
        });
        assert_eq!(echo(&with_token, "x").await.unwrap().body, "seven");
        let error = echo(&channel, "x").await.unwrap_err();
        assert_eq!(error.code(), Code::UNAUTHENTICATED);
        assert_eq!(error.outcome(), Outcome::Refused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_around_one_service_leaves_others_alone() {
    let guarded = Layered::new(who(), from_fn(authenticate));
    let services = Services::new().add(guarded).add(Echo::plain().other());
    let (channel, _sides) = to(services);
    assert!(echo(&channel, "x").await.is_err());
    let other = &crate::service::test_support::OTHER.methods()[0];
    let call = crate::Call::<Text>::unary(&channel, other, &Text::new("x"));
    assert_eq!(call.await.unwrap().body, "x");
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_of_a_channel_refuses_before_anything_is_sent() {
    let (echo_service, watched) = Echo::watched();
    let (channel, _sides) = to(Services::new().add(echo_service));
    let channel = channel.intercept(|_| Err(Status::failed_precondition("no token yet")));
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.status(), &Status::failed_precondition("no token yet"));
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(watched.starts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tracing_layer_sees_method_peer_code_and_duration_on_either_side() {
    let log = Log::default();
    let tracing = |side: &'static str| {
        let log = log.clone();
        from_fn(move |request: CallRequest, next: Next| {
            let log = log.clone();
            async move {
                let began = tokio::time::Instant::now();
                let (method, peer) = (request.method(), request.peer());
                let size = request.body().size();
                let answer = next.run(request).await;
                let code = answer.as_ref().err().map(CallError::code);
                let peer = peer.is_some();
                log.push(format!(
                    "{side} {method} {peer} {size:?} {code:?} {:?}",
                    began.elapsed()
                ));
                Ok(answer?)
            }
        })
    };
    let slow = Echo::new(|request: Request<Text>| async move {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        match request.body.as_str() {
            "fail" => Err(Status::aborted("failed")),
            _ => Ok(Response::new(request.into_inner())),
        }
    });
    let (channel, _sides) = to(Services::new().add(slow).layer(tracing("server")));
    let channel = channel.layer(tracing("client"));
    echo(&channel, "good").await.unwrap();
    echo(&channel, "fail").await.unwrap_err();
    assert_eq!(
        log.lines(),
        [
            "server test.Echo/Echo true Some(6) None 3s",
            "client test.Echo/Echo true Some(6) None 3s",
            "server test.Echo/Echo true Some(6) Some(aborted) 3s",
            "client test.Echo/Echo true Some(6) Some(aborted) 3s",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn layers_change_metadata_both_ways() {
    let telling = Echo::new(|request: Request<Text>| async move {
        let seen = request
            .metadata()
            .get_all("way")
            .collect::<Vec<_>>()
            .join(",");
        Ok(Response::new(Text::new(seen)).with_metadata(metadata("way", "handler")))
    });
    let stamp = |name: &'static str| {
        from_fn(move |mut request: CallRequest, next: Next| async move {
            request.metadata_mut().append("way", name)?;
            let mut answer = next.run(request).await?;
            answer.metadata_mut().append("way", name)?;
            Ok(answer)
        })
    };
    let (channel, _sides) = to(Services::new().add(telling).layer(stamp("server")));
    let answer = echo(&channel.layer(stamp("client")), "x").await.unwrap();
    assert_eq!(answer.body, "client,server");
    let way: Vec<_> = answer.metadata().get_all("way").collect();
    assert_eq!(way, ["handler", "server", "client"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_added_last_sees_a_call_first() {
    let log = Log::default();
    let intercept = |name: &'static str| {
        let log = log.clone();
        move |_: &mut CallHead| {
            log.push(name);
            Ok(())
        }
    };
    let services = Services::new()
        .layer(named("all-1", &log))
        .layer(named("all-2", &log))
        .intercept(intercept("all-3"))
        .layer(named("all-4", &log))
        .add(
            Echo::plain()
                .layer(named("one-1", &log))
                .intercept(intercept("one-2")),
        );
    let (channel, _sides) = to(services);
    let channel = channel
        .intercept(intercept("channel-1"))
        .layer(named("channel-2", &log))
        .layer(named("channel-3", &log))
        .intercept(intercept("channel-4"))
        .intercept(intercept("channel-5"));
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
    assert_eq!(
        log.lines(),
        [
            "channel-5",
            "channel-4",
            "channel-3 in",
            "channel-2 in",
            "channel-1",
            "all-4 in",
            "all-3",
            "all-2 in",
            "all-1 in",
            "one-2",
            "one-1 in",
            "one-1 out",
            "all-1 out",
            "all-2 out",
            "all-4 out",
            "channel-2 out",
            "channel-3 out",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_tower_is_read_from_the_outside() {
    let log = Log::default();
    let stack = tower::ServiceBuilder::new()
        .layer(named("outer", &log))
        .map_request(|request: CallRequest| request)
        .service(Next::new(tower::service_fn(
            |request: CallRequest| async move {
                Ok::<_, CallError>(CallResponse::new(request.into_parts().1))
            },
        )));
    let channel = Channel::from_service(stack);
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
    assert_eq!(log.lines(), ["outer in", "outer out"]);
}

#[tokio::test(start_paused = true)]
async fn layers_do_their_work_on_version_1_too() {
    let log = Log::default();
    let services = Services::new()
        .max_version(crate::ProtocolVersion::V1)
        .add(Echo::plain().intercept(|call| match call.deadline() {
            None => Ok(()),
            Some(_) => Err(Status::internal("version 1 has no deadlines")),
        }))
        .layer(named("server", &log));
    let (channel, _sides) = to(services);
    let channel = channel.layer(named("client", &log));
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
    let lines = ["client in", "server in", "server out", "client out"];
    assert_eq!(log.lines(), lines);
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[tokio::test]
async fn builders_put_layers_and_interceptors_around_their_services() {
    use crate::{SecretKey, service::test_support::Served};

    let log = Log::default();
    let note = |name: &'static str| {
        let log = log.clone();
        move |call: &mut CallHead| {
            log.push(format!("{name} {}", call.peer().unwrap().short()));
            Ok(())
        }
    };
    let key = SecretKey::generate();
    let alice = key.public_key();
    let server = Served::start(|server| {
        let server = server.allow([alice]).intercept(note("server"));
        server
            .layer(named("server", &log))
            .add_service(Echo::plain())
    })
    .await;
    let client = server.client(&key).add_service(Echo::plain());
    let client = client
        .intercept(note("client"))
        .layer(named("client", &log));
    let client = client.connect(&server.address).await.unwrap();

    echo(&client.channel(), "x").await.unwrap();
    let to_alice = server.peers.channel(alice).intercept(note("to"));
    echo(&to_alice, "x").await.unwrap();
    let (alice, server_key) = (alice.short(), server.key.short());
    assert_eq!(
        log.lines(),
        [
            "server in".into(),
            format!("server {alice}"),
            "server out".into(),
            format!("to {alice}"),
            "client in".into(),
            format!("client {server_key}"),
            "client out".into(),
        ]
    );
    client.close().await;
    server.stop().await;
}
