//! A process of a contestant, as its conductor sees it.

use std::{env, fs, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    contestant::{Endpoint, Failure, Name, Program, Side, go},
    order::{Counted, Load, Order, Report},
    peer::Role,
    results::Runtime,
};

/// The variable in which the C library takes its settings.
const TUNABLES: &str = "GLIBC_TUNABLES";

/// Makes glibc copy what is large with vectors, as 2.41 does by itself on the processors in question, up to this size.
///
/// 2.36 copies over two kilobytes with an instruction that AMD's Zen 3 and 4 do at a thirtieth of its speed where the
/// address to copy to is 1 to 15 bytes above that to copy from, modulo the 4,096 of a page. Whether it is depends on where a
/// process's buffers happen to lie, and stays so for as long as it runs: it would be measured instead of the contestants.
const COPY_BY_VECTORS: &str = "glibc.cpu.x86_rep_movsb_threshold=0x1800000";

/// It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    /// For errors.
    who: String,
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts one side of a contestant.
    pub fn start(name: &Name, role: &Role, runtime: Runtime) -> Result<Self, Failure> {
        let who = match role.side() {
            Side::Server => format!("the server of {}", name.name),
            Side::Client => format!("the client of {}", name.name),
        };
        let mut command = command(name.program)?;
        command.args(arguments(name.name, role, runtime));
        Self::start_as(who, command)
    }

    /// Starts this program with other arguments.
    pub fn start_itself(who: &str, arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments);
        Self::start_as(who.to_owned(), command)
    }

    fn start_as(who: String, mut command: Command) -> Result<Self, Failure> {
        let mut child = command
            .env(TUNABLES, tunables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{who} cannot be started: {error}"))?;
        let piped = "its input and its output are piped";
        let orders = child.stdin.take().ok_or(piped)?;
        let reports = BufReader::new(child.stdout.take().ok_or(piped)?).lines();
        Ok(Self {
            who,
            child,
            orders,
            reports,
        })
    }

    /// Where the server listens, once it does.
    pub async fn listening(&mut self) -> Result<Endpoint, Failure> {
        match self.next().await? {
            Report::Listening { address, key } => {
                let address = address.parse();
                let address = address.map_err(|e| format!("the address of {}: {e}", self.who))?;
                Ok(Endpoint { address, key })
            }
            other => Err(self.unexpected("that it listens", &other)),
        }
    }

    /// Waits until it has all its connections.
    pub async fn connected(&mut self) -> Result<(), Failure> {
        match self.next().await? {
            Report::Connected => Ok(()),
            other => Err(self.unexpected("that it is connected", &other)),
        }
    }

    /// Lets it carry a load.
    pub async fn run(&mut self, load: Load) -> Result<(), Failure> {
        self.order(&Order::Run(load)).await
    }

    /// Tells it what to do.
    pub async fn order(&mut self, order: &Order) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        let written = self.orders.write_all(&line).await;
        written.map_err(|e| format!("{} takes no orders: {e}", self.who).into())
    }

    /// Waits until the warm-up is over.
    pub async fn began(&mut self) -> Result<(), Failure> {
        match self.next().await? {
            Report::Began => Ok(()),
            other => Err(self.unexpected("that it began to count", &other)),
        }
    }

    /// What it counted, once it has.
    pub async fn ran(&mut self) -> Result<Counted, Failure> {
        match self.next().await? {
            Report::Ran(counted) => Ok(counted),
            other => Err(self.unexpected("what it counted", &other)),
        }
    }

    /// Waits until its connections are idle again.
    pub async fn rests(&mut self) -> Result<(), Failure> {
        match self.next().await? {
            Report::Rests => Ok(()),
            other => Err(self.unexpected("that it rests", &other)),
        }
    }

    /// Ends it without a warning, and waits until it has ended.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> Result<u64, Failure> {
        let rollup = format!("/proc/{}/smaps_rollup", self.id()?);
        let text = fs::read_to_string(&rollup)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib = kib.ok_or_else(|| format!("{rollup} has no line `Rss: .. kB`"))?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// The CPU time of its threads so far.
    pub fn cpu_seconds(&self) -> Result<f64, Failure> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id()?))? {
            // A thread that has just ended has no file.
            let Ok(times) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let running = times.split_whitespace().next();
            nanos += running.ok_or("schedstat is empty")?.parse::<u64>()?;
        }
        Ok(nanos as f64 / 1e9)
    }

    /// Its process id.
    pub fn id(&self) -> Result<u32, Failure> {
        let id = self.child.id();
        id.ok_or_else(|| format!("{} has ended", self.who).into())
    }

    /// Waits until it has ended, which the end of its input makes it do.
    pub async fn end(mut self) -> Result<(), Failure> {
        drop(self.orders);
        let status = self.child.wait().await?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{} ended with {status}", self.who).into())
    }

    async fn next(&mut self) -> Result<Report, Failure> {
        if let Some(line) = self.reports.next_line().await? {
            return serde_json::from_str(&line)
                .map_err(|e| format!("{} said {line:?}: {e}", self.who).into());
        }
        let status = self.child.wait().await?;
        Err(format!("{} ended too early, with {status}", self.who).into())
    }

    fn unexpected(&self, wanted: &str, said: &Report) -> Failure {
        format!("{} was to say {wanted}, and said {said:?}", self.who).into()
    }
}

fn command(program: Program) -> Result<Command, Failure> {
    match program {
        Program::Itself(_) => Ok(Command::new(env::current_exe()?)),
        Program::Go => Ok(Command::new(go::program()?)),
    }
}

/// What each process is started with of glibc's settings.
pub fn tunables() -> String {
    tunables_with(env::var(TUNABLES).ok())
}

/// What the benchmark was itself started with comes last: of two settings of one thing, glibc takes the later one.
fn tunables_with(own: Option<String>) -> String {
    own.map_or_else(
        || COPY_BY_VECTORS.to_owned(),
        |own| format!("{COPY_BY_VECTORS}:{own}"),
    )
}

/// As `cli.rs` and `bench/go` read them.
fn arguments(name: &str, role: &Role, runtime: Runtime) -> Vec<String> {
    let runtime = match runtime {
        Runtime::Pinned => "pinned",
        Runtime::Multi => "multi",
    };
    let (side, connections, server) = match role {
        Role::Server { connections } => ("server", connections, None),
        Role::Client {
            connections,
            server,
        } => ("client", connections, Some(server)),
    };
    let mut arguments = vec!["peer".to_owned(), side.to_owned()];
    let mut flag = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    flag("--contestant", name.to_owned());
    flag("--connections", connections.to_string());
    flag("--runtime", runtime.to_owned());
    if let Some(server) = server {
        flag("--address", server.address.to_string());
        if let Some(key) = &server.key {
            flag("--key", key.clone());
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_the_users_own_comes_after_ours() {
        assert_eq!(tunables_with(None), COPY_BY_VECTORS);
        let own = "glibc.malloc.hugetlb=1";
        assert_eq!(
            tunables_with(Some(own.to_owned())),
            format!("{COPY_BY_VECTORS}:{own}")
        );
    }
}
