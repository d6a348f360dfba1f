//! A peer that is written with the Go library: the program in `tests/interop/go`, driven line by line.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::oneshot,
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

/// Builds the Go program, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/go");
        let program = std::env::temp_dir().join(format!("wsrpc-interop-{}", std::process::id()));
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
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {text}");
    text
}

impl Go {
    /// A Go server on a free port, or on `address`, and the address that it listens on.
    pub async fn server(address: Option<&str>, allowed: &[Who]) -> (Self, String) {
        let allowed: Vec<String> = allowed.iter().map(|who| who.public().to_string()).collect();
        let allowed = if allowed.is_empty() {
            "-".into()
        } else {
            allowed.join(",")
        };
        let listen = address.unwrap_or("127.0.0.1:0");
        let secret = Who::Server.go_secret();
        let args = [
            "server", "--listen", listen, "--secret", &secret, "--allow", &allowed,
        ];
        let go = Self::start(&args).await;
        let address = go
            .greeting
            .strip_prefix("listening ")
            .expect(&go.greeting)
            .to_owned();
        (go, address)
    }

    /// A Go client, which is still connecting.
    pub async fn client(who: Who, target: &str) -> Self {
        Self::peer("client", who, target, &[]).await
    }

    /// A Go client that waits until it is connected, for at most this long.
    pub async fn blocking_client(who: Who, target: &str, limit_ms: u32) -> Self {
        Self::peer(
            "client",
            who,
            target,
            &["--block-ms", &limit_ms.to_string()],
        )
        .await
    }

    /// A Go client of the kind that makes one call at a time and answers none.
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
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting = lines.next_line().await.unwrap().unwrap_or_default();
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
        answered
            .await
            .unwrap_or_else(|_| Err("the process has ended".into()))
    }

    /// Kills the process and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until the process has ended by itself, and returns whether it says that all went well.
    pub async fn ended(mut self) -> bool {
        self.child.wait().await.unwrap().success()
    }
}
