//! The whole story, told by one program: it starts itself again as the server and as each client, each a process of its
//! own, and tells what they do. It goes on when they have said what it waits for, and never by the clock.

mod print;
mod stage;

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    select,
};

use self::stage::{Failed, Stage};
use crate::{
    args::{Args, Parsed, unexpected},
    asked_to_end::asked_to_end,
    people::Who,
};

pub(crate) const USAGE: &str = "\
usage: simple [--addr ADDR]           tell the whole story
       simple server [OPTIONS]        be the server; --help tells the options
       simple client NAME [OPTIONS]   be a client

  --addr ADDR  where the story's server listens (a free port of 127.0.0.1)";

#[derive(Debug)]
pub(crate) struct Options {
    addr: String,
}

impl Options {
    pub(crate) fn parse(mut args: Args) -> Parsed<Self> {
        let mut addr = "127.0.0.1:0".to_owned();
        while let Some(arg) = args.next()? {
            match arg.as_str() {
                "--addr" => addr = args.value("--addr")?,
                _ => return Err(unexpected(&arg)),
            }
        }
        Ok(Self { addr })
    }
}

pub(crate) async fn run(options: Options) -> crate::Result<()> {
    let began = Instant::now();
    let mut stage = Stage::new()?;
    let told = select! {
        told = tell(&mut stage, options.addr) => told,
        () = asked_to_end(false) => Err(Failed::new("it was interrupted")),
    };
    stage.clear().await;
    stage.sum_up(told, began.elapsed()).map_err(Into::into)
}

/// How long a step may take that takes no time to speak of, even on a machine that is busy.
const SOON: Duration = Duration::from_secs(10);

async fn tell(stage: &mut Stage, addr: String) -> Result<(), Failed> {
    use Who::{Alice, Bob, Charlie, Server};

    stage.begin(
        "the server starts, and its health check answers",
        "It knows two keys, Alice's and Bob's. Nobody else may connect.",
        SOON,
    );
    stage.start(Server, &["--addr", &addr, "--health-addr", "127.0.0.1:0"])?;
    let health_addr = stage.hear(Server, "health check at http://").await?;
    let addr = stage.hear(Server, "listening on ").await?;
    check_health(health_addr.trim_end_matches("/healthz")).await?;
    stage.done();

    stage.begin(
        "Alice and Bob connect",
        "Each dials out once, proves its key, and keeps that one connection.",
        SOON,
    );
    for who in [Alice, Bob] {
        stage.start(who, &["--addr", &addr])?;
    }
    for who in [Alice, Bob] {
        stage.hear(who, "ready: ").await?;
        stage.hear(Server, &format!("{who} is connected")).await?;
    }
    stage.done();

    stage.begin(
        "calls go both ways",
        "The clients call Ping on the server, and the server calls Gnip on each of them, by its key.",
        SOON,
    );
    both_ways(stage).await?;
    stage.done();

    stage.begin(
        "Charlie is refused",
        "His key is not on the server's list. He is told what to do, and ends.",
        SOON,
    );
    stage.start(Charlie, &["--addr", &addr])?;
    stage.hear(Server, "Charlie was refused").await?;
    stage
        .hear(Charlie, "have it added to the server's allow list")
        .await?;
    stage.ended(Charlie, 1).await?;
    stage.done();

    stage.begin(
        "the server is killed, and the clients notice",
        "It has no time to say goodbye.",
        SOON,
    );
    stage.kill(Server).await?;
    for who in [Alice, Bob] {
        stage.hear(who, "the connection is lost").await?;
    }
    stage.done();

    stage.begin(
        "the clients back off",
        "They dial again after a pause of random length, so that a thousand clients would not come back as one. The \
         longest\n   it can be grows with each failure. Calls fail at once meanwhile, and say that nothing was sent.",
        Duration::from_secs(20),
    );
    for who in [Alice, Bob] {
        stage.hear_times(who, "transient failure: ", 2).await?;
    }
    stage.done();

    stage.begin(
        "the server is back, and so are the clients",
        "It starts at the same address. Nobody tells the clients: they find out at their next attempt.",
        Duration::from_secs(20),
    );
    stage.start(Server, &["--addr", &addr, "--health-addr", "off"])?;
    for who in [Alice, Bob] {
        stage.hear(who, "ready: ").await?;
    }
    both_ways(stage).await?;
    stage.done();

    stage.begin(
        "everybody leaves in good order",
        "As with Ctrl-C: the clients close their connections, then the server shuts down.",
        SOON,
    );
    for who in [Alice, Bob] {
        stage.dismiss(who);
        stage.hear(Server, &format!("{who} is gone: ")).await?;
        stage.ended(who, 0).await?;
    }
    stage.dismiss(Server);
    stage.ended(Server, 0).await?;
    stage.done();
    Ok(())
}

/// Each side calls the other, and has its answer.
async fn both_ways(stage: &mut Stage) -> Result<(), Failed> {
    for who in [Who::Alice, Who::Bob] {
        stage
            .hear(Who::Server, &format!("{who} called Ping(\"ping\")"))
            .await?;
        stage.hear(who, "called Ping: \"pong\"").await?;
        stage.hear(who, "the server called Gnip(\"Gnip\")").await?;
        stage
            .hear(Who::Server, &format!("called Gnip on {who}: \"gnop\""))
            .await?;
    }
    Ok(())
}

async fn check_health(addr: &str) -> Result<(), Failed> {
    let mut answer = String::new();
    let asked = async {
        let mut stream = TcpStream::connect(addr).await?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await?;
        stream.read_to_string(&mut answer).await
    };
    match tokio::time::timeout(SOON, asked).await {
        Ok(Ok(_)) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(_)) => Err(Failed::new(format!("the health check answered {answer:?}"))),
        Ok(Err(error)) => Err(Failed::new(format!("the health check failed: {error}"))),
        Err(_) => Err(Failed::new("the health check did not answer")),
    }
}
