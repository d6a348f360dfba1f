//! A client: calls Ping on the server, and answers Gnip.

use std::time::{Duration, Instant};

use tokio::{
    select,
    time::{MissedTickBehavior, interval},
};
use wsrpc::{Client, Outcome, Request, Response, State, Status};

use crate::{
    args::{Args, Parsed, Stop, unexpected},
    asked_to_end::asked_to_end,
    people::{ADDR, Who},
    ping::{
        GnipRequest, GnipResponse, PingRequest,
        gnip_server::{Gnip, GnipServer},
        ping_client::PingClient,
    },
};

pub(crate) const USAGE: &str = "\
usage: client NAME [--addr ADDR] [--every SECONDS] [--until-eof]

  NAME             alice, bob or charlie; or 0, 1 or 2
  --addr ADDR      where the server is (127.0.0.1:1338)
  --every SECONDS  how often to call the server (5)
  --until-eof      end when the standard input ends, as with Ctrl-C";

#[derive(Debug)]
pub(crate) struct Options {
    who: Who,
    addr: String,
    every: Duration,
    until_eof: bool,
}

impl Options {
    pub(crate) fn parse(mut args: Args) -> Parsed<Self> {
        let mut name = None;
        let mut addr = ADDR.to_owned();
        let mut every = Duration::from_secs(5);
        let mut until_eof = false;
        while let Some(arg) = args.next()? {
            match arg.as_str() {
                "--addr" => addr = args.value("--addr")?,
                "--every" => every = args.seconds("--every")?,
                "--until-eof" => until_eof = true,
                _ if name.is_some() || arg.starts_with('-') => return Err(unexpected(&arg)),
                _ => name = Some(arg),
            }
        }
        let name = name.ok_or_else(|| Stop::Wrong("who are you? give a NAME".into()))?;
        let who = Who::client(&name).ok_or_else(|| Stop::Wrong(format!("`{name}` is nobody")))?;
        Ok(Self {
            who,
            addr,
            every,
            until_eof,
        })
    }
}

/// Answers Gnip.
struct Gnop;

impl Gnip for Gnop {
    async fn gnip(&self, request: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        println!(
            "the server called Gnip({:?}), answered \"gnop\"",
            request.body
        );
        Ok(Response::new(GnipResponse {
            body: "gnop".into(),
        }))
    }
}

pub(crate) async fn run(options: Options) -> crate::Result<()> {
    // `connect` would wait until the connection stands. This way, every state can be shown.
    let client = Client::builder(options.who.secret_key()?, Who::Server.public_key()?)
        .add_service(GnipServer::new(Gnop))
        .connect_lazy(&options.addr)?;
    let ping = PingClient::new(client.channel());
    let calls = tokio::spawn(call_ping(ping, options.every));
    let done = select! {
        () = asked_to_end(options.until_eof) => {
            println!("closing");
            Ok(())
        }
        refused = tell_states(&client, &options) => Err(refused.into()),
    };
    calls.abort();
    client.close().await;
    done
}

async fn call_ping(ping: PingClient, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let request = PingRequest {
            body: "ping".into(),
        };
        match ping.ping(request).timeout(Duration::from_secs(2)).await {
            Ok(response) => println!("called Ping: {:?}", response.body),
            Err(error) if error.outcome() == Outcome::NotSent => {
                println!("could not call Ping: {}, nothing was sent", error.code());
            }
            Err(error) => println!("called Ping, which failed: {error}"),
        }
    }
}

/// Returns only when the server refuses this client's key, or has another key than expected. A client that is lazy goes
/// on trying even then, for the server's list may change; this one gives up, and says why.
async fn tell_states(client: &Client, options: &Options) -> String {
    println!("connecting to {}", options.addr);
    let mut states = client.watch_state();
    let mut next = Some(states.current());
    let mut connected = false;
    let mut pause_began = None;
    while let Some(state) = next {
        let error = client.last_error();
        if let Some(refusal) = error.as_ref().filter(|error| error.is_refusal()) {
            return match options.who {
                Who::Charlie => format!(
                    "{refusal}\nin this example Charlie is left out on purpose: add him to Who::ALLOWED in people.rs, \
                     or be alice or bob"
                ),
                _ => refusal.to_string(),
            };
        }
        // A state that lasts for an instant may not be seen, so that these do not rely on the one before.
        if connected && state != State::Ready {
            println!("the connection is lost");
            connected = false;
        } else if let Some(pause) = pause_began.take().map(|began: Instant| began.elapsed()) {
            println!("connecting: again, after a pause of {pause:.1?}");
        }
        match (state, error) {
            (State::Ready, _) => {
                println!("ready: connected to {}", options.addr);
                connected = true;
            }
            (State::Idle | State::TransientFailure, Some(error)) => {
                println!("{state}: {error}");
                pause_began = Some(Instant::now());
            }
            _ => {}
        }
        next = states.changed().await;
    }
    String::from("the connection was closed")
}
