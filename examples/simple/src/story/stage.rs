//! The processes of the story, and what they say.

use std::{env, fmt, io, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, timeout, timeout_at},
};

use super::print::Printer;
use crate::people::Who;

/// Why a step of the story did not happen.
#[derive(Debug)]
pub(super) struct Failed(String);

impl Failed {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Where the story happens, a step at a time.
pub(super) struct Stage {
    program: PathBuf,
    actors: Vec<Actor>,
    voice: UnboundedSender<(Who, Option<String>)>,
    voices: UnboundedReceiver<(Who, Option<String>)>,
    /// What was said since the step began.
    heard: Vec<(Who, String)>,
    deadline: Instant,
    limit: Duration,
    /// The steps so far, and whether they happened.
    steps: Vec<(&'static str, bool)>,
    printer: Printer,
}

/// A process: killed when it is dropped, and by itself at the end of its input, should this program be killed.
struct Actor {
    who: Who,
    child: Child,
    /// Streams that have not ended.
    open_streams: usize,
}

/// What the processes do every second, they do every five when nobody is in a hurry.
const EVERY: &str = "1";

impl Stage {
    pub(super) fn new() -> io::Result<Self> {
        let (voice, voices) = unbounded_channel();
        Ok(Self {
            program: env::current_exe()?,
            actors: Vec::new(),
            voice,
            voices,
            heard: Vec::new(),
            deadline: Instant::now(),
            limit: Duration::ZERO,
            steps: Vec::new(),
            printer: Printer::new(),
        })
    }

    /// Begins a step, which may take as long as `limit`.
    pub(super) fn begin(&mut self, title: &'static str, text: &str, limit: Duration) {
        self.heard.clear();
        self.limit = limit;
        self.deadline = Instant::now() + limit;
        self.steps.push((title, false));
        self.printer.heading(self.steps.len(), title, text);
    }

    /// The step has happened.
    pub(super) fn done(&mut self) {
        if let Some((_, happened)) = self.steps.last_mut() {
            *happened = true;
        }
    }

    /// Starts a process.
    pub(super) fn start(&mut self, who: Who, args: &[&str]) -> Result<(), Failed> {
        let mut command = Command::new(&self.program);
        match who {
            Who::Server => command.arg("server"),
            client => command.args(["client", &client.to_string()]),
        };
        let child = command
            .args(["--every", EVERY, "--until-eof"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child =
            child.map_err(|error| Failed(format!("{who} could not be started: {error}")))?;
        let mut open_streams = 0;
        if let Some(stdout) = child.stdout.take() {
            open_streams += 1;
            listen(who, stdout, self.voice.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            open_streams += 1;
            listen(who, stderr, self.voice.clone());
        }
        self.actors.push(Actor {
            who,
            child,
            open_streams,
        });
        Ok(())
    }

    /// Waits until `who` has said `text` in this step, and returns what came after it.
    pub(super) async fn hear(&mut self, who: Who, text: &str) -> Result<String, Failed> {
        self.hear_times(who, text, 1).await
    }

    /// Waits until `who` has said `text` this often in this step.
    pub(super) async fn hear_times(
        &mut self,
        who: Who,
        text: &str,
        times: usize,
    ) -> Result<String, Failed> {
        loop {
            let said = self.heard.iter().filter(|(speaker, _)| *speaker == who);
            let mut found = said.filter_map(|(_, line)| Some(line.split_once(text)?.1));
            if let Some(rest) = found.nth(times - 1) {
                return Ok(rest.to_owned());
            }
            if !self.is_on(who) {
                return Err(Failed(format!("{who} ended by itself")));
            }
            self.listen_on(|| format!("{who} did not say `{text}`"))
                .await?;
        }
    }

    /// Waits until `who` has ended of its own accord, with this exit code.
    pub(super) async fn ended(&mut self, who: Who, code: i32) -> Result<(), Failed> {
        while self.is_on(who) {
            self.listen_on(|| format!("{who} did not end")).await?;
        }
        let Some(at) = self.actors.iter().position(|actor| actor.who == who) else {
            return Err(Failed(format!("{who} was never started")));
        };
        let mut actor = self.actors.swap_remove(at);
        let status = timeout_at(self.deadline, actor.child.wait()).await;
        match status {
            Ok(Ok(status)) if status.code() == Some(code) => Ok(()),
            Ok(Ok(status)) => Err(Failed(format!("{who} ended with {status}"))),
            Ok(Err(error)) => Err(Failed(format!("{who} cannot be waited for: {error}"))),
            Err(_) => Err(Failed(format!("{who} did not end within {:?}", self.limit))),
        }
    }

    /// Ends a process at once, and waits until nothing is left of it.
    pub(super) async fn kill(&mut self, who: Who) -> Result<(), Failed> {
        for actor in self.actors.iter_mut().filter(|actor| actor.who == who) {
            let killed = actor.child.kill().await;
            killed.map_err(|error| Failed(format!("{who} could not be killed: {error}")))?;
        }
        while self.is_on(who) {
            self.listen_on(|| format!("{who} outlived its end")).await?;
        }
        self.actors.retain(|actor| actor.who != who);
        Ok(())
    }

    /// Asks a process to end.
    pub(super) fn dismiss(&mut self, who: Who) {
        for actor in self.actors.iter_mut().filter(|actor| actor.who == who) {
            drop(actor.child.stdin.take());
        }
    }

    /// Ends whoever is left.
    pub(super) async fn clear(&mut self) {
        for mut actor in std::mem::take(&mut self.actors) {
            // One that cannot be killed has ended.
            let _ = timeout(Duration::from_secs(5), actor.child.kill()).await;
        }
    }

    /// Tells which steps happened, and fails if one did not.
    pub(super) fn sum_up(&self, told: Result<(), Failed>, took: Duration) -> Result<(), String> {
        let took = took.as_secs_f32();
        self.printer
            .line(&format!("\nThe story in short, told in {took:.1} s:\n"));
        for (index, (title, happened)) in self.steps.iter().enumerate() {
            self.printer.step(*happened, index + 1, title);
        }
        self.printer.line("");
        told.map_err(|failed| format!("the story has no happy end: {failed}"))
    }

    fn is_on(&self, who: Who) -> bool {
        self.actors
            .iter()
            .any(|actor| actor.who == who && actor.open_streams > 0)
    }

    /// Takes in what is said next, within the step's time.
    async fn listen_on(&mut self, failure: impl FnOnce() -> String) -> Result<(), Failed> {
        // The stage holds a sender, so that the channel never ends.
        let Ok(Some((who, said))) = timeout_at(self.deadline, self.voices.recv()).await else {
            return Err(Failed(format!("{} within {:?}", failure(), self.limit)));
        };
        match said {
            Some(line) => {
                self.printer.said(who, &line);
                self.heard.push((who, line));
            }
            None => {
                for actor in self.actors.iter_mut().filter(|actor| actor.who == who) {
                    actor.open_streams = actor.open_streams.saturating_sub(1);
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Passes lines on, and in the end, that there are no more.
fn listen(
    who: Who,
    stream: impl AsyncRead + Unpin + Send + 'static,
    voice: UnboundedSender<(Who, Option<String>)>,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if voice.send((who, Some(line))).is_err() {
                return;
            }
        }
        let _ = voice.send((who, None));
    });
}
