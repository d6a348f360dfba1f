//! The server: answers Ping, and calls Gnip on Alice and Bob.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use wsrpc::{Outcome, PeerEvents, PeerState, Request, Response, Server, Status};

use crate::{
    args::{Args, Parsed, unexpected},
    asked_to_end::asked_to_end,
    people::{ADDR, HEALTH_ADDR, Who, name},
    ping::{
        GnipRequest, PingRequest, PingResponse,
        gnip_client::GnipClient,
        ping_server::{Ping, PingServer},
    },
};

pub(crate) const USAGE: &str = "\
usage: server [--addr ADDR] [--health-addr ADDR|off] [--every SECONDS] [--until-eof]

  --addr ADDR         where to listen (127.0.0.1:1338); port 0 is any free one
  --health-addr ADDR  where to answer GET /healthz (127.0.0.1:1337), or `off`
  --every SECONDS     how often to call the clients (5)
  --until-eof         end when the standard input ends, as with Ctrl-C";

#[derive(Debug)]
pub(crate) struct Options {
    addr: String,
    health_addr: Option<String>,
    every: Duration,
    until_eof: bool,
}

impl Options {
    pub(crate) fn parse(mut args: Args) -> Parsed<Self> {
        let mut options = Self {
            addr: ADDR.into(),
            health_addr: Some(HEALTH_ADDR.into()),
            every: Duration::from_secs(5),
            until_eof: false,
        };
        while let Some(arg) = args.next()? {
            match arg.as_str() {
                "--addr" => options.addr = args.value("--addr")?,
                "--health-addr" => {
                    let addr = args.value("--health-addr")?;
                    options.health_addr = (addr != "off").then_some(addr);
                }
                "--every" => options.every = args.seconds("--every")?,
                "--until-eof" => options.until_eof = true,
                _ => return Err(unexpected(&arg)),
            }
        }
        Ok(options)
    }
}

/// Answers Ping.
struct Pong;

impl Ping for Pong {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        // The caller's key is proven by the connection that the call came in on.
        let caller = name(&request.peer());
        println!(
            "{caller} called Ping({:?}), answered \"pong\"",
            request.body
        );
        Ok(Response::new(PingResponse {
            body: "pong".into(),
        }))
    }
}

pub(crate) async fn run(options: Options) -> crate::Result<()> {
    let mut builder = Server::builder(Who::Server.secret_key()?)
        // Asked about keys that are not on the list. It could enrol them; this one only tells of them.
        .admit(|key| {
            println!("{} was refused: not on the allow list", name(key));
            false
        })
        .add_service(PingServer::new(Pong));
    for who in Who::ALLOWED {
        builder = builder.allow([who.public_key()?]);
    }
    if let Some(addr) = options.health_addr {
        builder = builder.health_check(addr);
    }
    let server = builder.bind(options.addr).await?;
    if let Some(addr) = server.health_addr() {
        println!("health check at http://{addr}/healthz");
    }
    println!("listening on {}", server.local_addr()?);

    let peers = server.peers();
    tokio::spawn(tell_who_is_there(peers.events()));
    for who in Who::ALLOWED {
        // A channel is always given. Who is behind it, if anybody, is found out at each call.
        let gnip = GnipClient::new(peers.channel(who.public_key()?));
        tokio::spawn(call_gnip(gnip, who, options.every));
    }

    let asked = async {
        asked_to_end(options.until_eof).await;
        println!("shutting down");
    };
    server.serve_until(asked, Duration::from_secs(2)).await;
    Ok(())
}

async fn tell_who_is_there(mut events: PeerEvents) {
    while let Some(event) = events.next().await {
        let peer = name(&event.key);
        match event.state {
            PeerState::Connected => println!("{peer} is connected"),
            PeerState::Disconnected(end) => println!("{peer} is gone: {end}"),
        }
    }
}

/// Calls on an interval and not as soon as a client is connected: one that is written in Go crashes when it is called
/// before it has registered its service.
async fn call_gnip(gnip: GnipClient, who: Who, every: Duration) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let request = GnipRequest {
            body: "Gnip".into(),
        };
        match gnip.gnip(request).timeout(Duration::from_secs(2)).await {
            Ok(response) => println!("called Gnip on {who}: {:?}", response.body),
            Err(error) if error.outcome() == Outcome::NotSent => {
                println!("{who} is not here to be called");
            }
            Err(error) => println!("called Gnip on {who}, which failed: {error}"),
        }
    }
}
