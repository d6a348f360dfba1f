//! Runs the programs as a user does.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    io::{BufRead, BufReader, ErrorKind, Read},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::Duration,
};

const SIMPLE: &str = env!("CARGO_BIN_EXE_simple");
const SERVER: &str = env!("CARGO_BIN_EXE_server");
const CLIENT: &str = env!("CARGO_BIN_EXE_client");

fn output(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program whose output is read while it runs; killed in the end.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &str, args: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Reads on until the program has said this, and returns what came after it.
    fn hear(&mut self, said: &str) -> String {
        let mut lines = (&mut self.stdout).lines();
        let heard = lines.find_map(|line| Some(line.unwrap().split_once(said)?.1.to_owned()));
        heard.unwrap_or_else(|| panic!("it did not say `{said}`"))
    }

    /// Closes the program's input, and waits until it has ended well.
    fn dismiss(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_story_has_a_happy_end() {
    let told = output(SIMPLE, &[]);
    let story = text(&told.stdout);
    assert!(told.status.success(), "{story}\n{}", text(&told.stderr));
    assert_eq!(story.matches("\n      ok  ").count(), 8, "{story}");
    assert!(!story.contains("FAILED"), "{story}");
    assert!(!story.contains('\x1b'), "colour, and no terminal: {story}");
}

#[test]
fn arguments_that_make_no_sense_are_answered_with_the_usage() {
    for (program, args, complaint) in [
        (SIMPLE, &["--nope"][..], "unexpected argument `--nope`"),
        (SIMPLE, &["server", "--every", "soon"], "not `soon`"),
        (SERVER, &["alice"], "unexpected argument `alice`"),
        (SERVER, &["--addr"], "--addr needs a value"),
        (CLIENT, &[], "give a NAME"),
        (CLIENT, &["dave"], "`dave` is nobody"),
        (CLIENT, &["0", "1"], "unexpected argument `1`"),
        (CLIENT, &["0", "--nope=1"], "unexpected argument `--nope`"),
    ] {
        let output = output(program, args);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.contains(complaint), "{args:?}: {errors}");
        assert!(errors.contains("usage: "), "{args:?}: {errors}");
    }
    for (program, flag) in [(SIMPLE, "--help"), (SERVER, "-h"), (CLIENT, "-h")] {
        let output = output(program, &[flag]);
        assert!(output.status.success());
        assert!(text(&output.stdout).starts_with("usage: "));
    }
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let complaint = format!("error: cannot listen on {addr}: ");

    for args in [
        ["--addr", &addr, "--health-addr", "off"],
        ["--addr", "127.0.0.1:0", "--health-addr", &addr],
    ] {
        let server = output(SERVER, &args);
        assert_eq!(server.status.code(), Some(1));
        let errors = text(&server.stderr);
        assert!(errors.contains(&complaint), "{errors}");
    }

    let story = output(SIMPLE, &["--addr", &addr]);
    assert_eq!(story.status.code(), Some(1));
    let told = text(&story.stdout);
    assert!(told.contains(&complaint), "{told}");
    assert!(told.contains("FAILED  1."), "{told}");
    assert!(text(&story.stderr).contains("the server ended by itself"));
}

#[test]
fn nobody_outlives_a_story_that_is_killed() {
    let mut story = Running::start(SIMPLE, &[]);
    let addr = story.hear("listening on ");
    let mut witness = TcpStream::connect(addr).unwrap();
    // Sooner than the server would give up on one that says nothing.
    let limit = Duration::from_secs(8);
    witness.set_read_timeout(Some(limit)).unwrap();
    drop(story);
    match witness.read(&mut [0]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_client_that_came_first_waits_for_its_server() {
    // Free a moment ago, and in all likelihood nobody else's.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    drop(listener);
    let often = ["--addr", &addr, "--every=0.1", "--until-eof"];

    let mut client = Running::start(CLIENT, &[&["1"], &often[..]].concat());
    client.hear("transient failure: ");
    let mut server = Running::start(SERVER, &[&["--health-addr=off"], &often[..]].concat());
    server.hear("Bob is connected");
    client.hear("the server called Gnip");
    client.dismiss();
    server.hear("Bob is gone: ");
    server.dismiss();
}
