//! A peer that is written with the Go library: the program in `tests/interop/go`, driven line by line.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::oneshot,
    time::timeout,
};

use crate::keys::Who;

/// A Go process, which is killed when this is dropped.
#[derive(Debug)]
pub struct Go {
    child: Child,
    stdin: tokio::sync::Mutex<ChildStdin>,
    answers: Arc<Mutex<Answers>>,
    next_id: AtomicU64,
    /// The line that it began with.
    pub greeting: String,
}

type Answer = Result<String, String>;

#[derive(Debug, Default)]
struct Answers {
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    ended: bool,
}

/// No command takes this long; a Go process that has deadlocked never answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);
/// From the start of a process to its first line: a client that connects first may take a while.
const GREETING_LIMIT: Duration = Duration::from_secs(30);

/// Set to anything, the logs of the Go processes are shown.
const SHOW_LOGS: &str = "WSRPC_SHOW_GO_LOGS";

/// Builds the Go program, once. Go leaves one that is up to date as it is.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/go");
        let program = Path::new(env!("OUT_DIR")).join("interop");
        let built = std::process::Command::new("go")
            .args(["build", "-buildvcs=false", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(source)
            .output()
            .expect("go runs");
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "go build: {errors}");
        program
    })
}

/// Runs the Go program to its end and returns what it printed.
pub async fn run(args: &[&str]) -> String {
    let output = Command::new(program())
        .args(args)
        .stderr(logs())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {text}");
    text
}

fn logs() -> Stdio {
    match std::env::var_os(SHOW_LOGS) {
        Some(_) => Stdio::inherit(),
        None => Stdio::null(),
    }
}

impl Go {
    /// A Go server on a free port, and the address that it listens on.
    pub async fn server(allowed: &[Who]) -> (Self, String) {
        Self::server_at("127.0.0.1:0", allowed, &[]).await
    }

    /// A Go server on `address`, with further flags.
    pub async fn server_at(address: &str, allowed: &[Who], more: &[&str]) -> (Self, String) {
        let (secret, allowed) = (Who::Server.go_secret(), key_list(allowed));
        let mut args = vec![
            "server", "--listen", address, "--secret", &secret, "--allow", &allowed,
        ];
        args.extend(more);
        let go = Self::start(&args).await;
        let address = go
            .greeting
            .strip_prefix("listening ")
            .expect(&go.greeting)
            .to_owned();
        (go, address)
    }

    /// A Go client, which is connecting and serves Gnip already.
    pub async fn client(who: Who, target: &str) -> Self {
        Self::peer("client", who, target, &[]).await
    }

    /// A Go client that waits until it is connected, for at most this long.
    pub async fn blocking_client(who: Who, target: &str, limit: Duration) -> Self {
        let limit = limit.as_millis().to_string();
        Self::peer("client", who, target, &["--block-ms", &limit]).await
    }

    /// A Go client that serves nothing, and crashes when it is called.
    pub async fn client_without_service(who: Who, target: &str) -> Self {
        Self::peer("client", who, target, &["--no-service"]).await
    }

    /// A Go client of the kind that makes one call at a time and answers none. It is connected.
    pub async fn uni(who: Who, target: &str) -> Self {
        Self::peer("uni", who, target, &[]).await
    }

    async fn peer(role: &str, who: Who, target: &str, more: &[&str]) -> Self {
        let (secret, server) = (who.go_secret(), Who::Server.public().to_string());
        let mut args = vec![
            role, "--target", target, "--secret", &secret, "--server", &server,
        ];
        args.extend(more);
        Self::start(&args).await
    }

    async fn start(args: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(logs())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting = timeout(GREETING_LIMIT, lines.next_line()).await;
        let greeting = greeting.expect("the process says something");
        let greeting = greeting.unwrap().unwrap_or_default();
        let answers = Arc::new(Mutex::new(Answers::default()));
        let told = answers.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut parts = line.splitn(3, ' ');
                let (Some(id), Some(verdict)) = (parts.next(), parts.next()) else {
                    continue;
                };
                let value = parts.next().unwrap_or_default().to_owned();
                let answer = if verdict == "ok" {
                    Ok(value)
                } else {
                    Err(value)
                };
                let waiting = id
                    .parse()
                    .ok()
                    .and_then(|id| told.lock().unwrap().waiting.remove(&id));
                if let Some(waiting) = waiting {
                    waiting.send(answer).ok();
                }
            }
            let mut answers = told.lock().unwrap();
            answers.ended = true;
            answers.waiting.clear();
        });
        Self {
            stdin: tokio::sync::Mutex::new(child.stdin.take().unwrap()),
            child,
            answers,
            next_id: AtomicU64::new(1),
            greeting,
        }
    }

    /// Runs a command and waits for its answer: a value, or a failure in the process's own words.
    pub async fn tell(&self, command: impl AsRef<str>) -> Answer {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        {
            let mut answers = self.answers.lock().unwrap();
            if answers.ended {
                return Err("the process has ended".into());
            }
            answers.waiting.insert(id, answer);
        }
        let line = format!("{id} {}\n", command.as_ref());
        let written = self.stdin.lock().await.write_all(line.as_bytes()).await;
        if let Err(error) = written {
            return Err(format!("the process has ended: {error}"));
        }
        match timeout(ANSWER_LIMIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the process has ended".into()),
            Err(_) => Err(format!("no answer within {ANSWER_LIMIT:?}")),
        }
    }

    /// Waits until a client of the ordinary kind is ready to call.
    pub async fn ready(&self) {
        self.tell("wait-state READY 20000").await.unwrap();
    }

    /// Waits until exactly so many peers are connected to this server.
    pub async fn wait_for_peers(&self, count: usize) {
        self.tell(format!("wait-peers {count} 20000"))
            .await
            .unwrap();
    }

    /// Allows these keys, and no others, to connect to this server.
    pub async fn allow(&self, allowed: &[Who]) {
        self.tell(format!("allow {}", key_list(allowed)))
            .await
            .unwrap();
    }

    /// Kills the process and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until the process has ended by itself, and returns whether it says that all went well.
    pub async fn ended(mut self) -> bool {
        let status = timeout(ANSWER_LIMIT, self.child.wait()).await;
        status.expect("the process ends").unwrap().success()
    }
}

/// Keys as the Go program takes them.
fn key_list(keys: &[Who]) -> String {
    if keys.is_empty() {
        return "-".into();
    }
    let keys: Vec<String> = keys.iter().map(|who| who.public().to_string()).collect();
    keys.join(",")
}
