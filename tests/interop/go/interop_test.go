package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smartcontractkit/wsrpc/examples/simple/keys"
)

// asInterop makes the test binary behave as interop, so that the tests need no build of their own.
const asInterop = "RUN_AS_INTEROP"

func TestMain(m *testing.M) {
	if os.Getenv(asInterop) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The library against itself: what the tests in other languages ask of this program works at all.

func TestBothDirections(t *testing.T) {
	server, address := startServer(t)
	client := start(t, clientArguments("client", address, 0)...)
	client.expectLine("ready")
	client.expect("wait-state READY 5000", "ok READY")
	server.expect("wait-peers 1 5000", "ok 1")
	alice := keys.Clients[0].PubKey
	server.expect("peers", "ok "+alice)

	client.expect("ping 5000 hello, you", "ok pong:hello, you")
	client.expect("ping 5000 ", "ok pong:")
	client.expect(`ping 5000 "two\nlines"`, `ok "pong:two\nlines"`)
	client.expect("ping 5000 error:as you wish", "err as you wish")
	client.expect("ping 5000 sleep:10", "ok slept")
	client.expect("ping 50 sleep:500", "err call timeout: context deadline exceeded")
	client.expect("ping 5000 size:3", "ok xxx")
	client.expect("ping 5000 len:1234567890", "ok 14")
	client.expect("ping 5000 back", "ok gnip:from-ping")
	client.expect("ping-many 5000 100 body", "ok 100")
	client.expect("ping-size 5000 1000000", "ok 1000000")

	server.expect("gnip "+alice+" 5000 hello", "ok gnip:hello")
	server.expect("gnip "+alice+" 5000 error:as you wish", "err as you wish")
	server.expect("gnip "+alice+" 5000 back", "ok pong:from-gnip")
	server.expect("gnip-many "+alice+" 5000 100 body", "ok 100")
	server.expect("gnip-size "+alice+" 5000 1000000", "ok 1000000")
	server.expect("gnip "+keys.Clients[1].PubKey+" 5000 hello", "err client not connected")

	client.expect("state", "ok READY")
	client.expect("nonsense", `err unknown command "nonsense"`)
	client.expect("close", "ok close")
	client.expectEnd()
	server.expect("wait-peers 0 5000", "ok 0")
	server.expect("stop", "ok stop")
	server.expectEnd()
}

func TestLongLine(t *testing.T) {
	server, address := startServer(t)
	client := start(t, clientArguments("client", address, 0, "--block-ms", "5000")...)
	client.expectLine("ready")
	body := strings.Repeat("y", 1_000_000)
	client.expect("ping 5000 "+body, "ok pong:"+body)
	server.expect("stop", "ok stop")
}

func TestAllowList(t *testing.T) {
	server, address := startServer(t)
	const charlie = 2
	refused := start(t, clientArguments("client", address, charlie, "--block-ms", "300")...)
	refused.expectLine("failed not connected within 300ms: context canceled")

	server.expect("allow "+keys.Clients[charlie].PubKey, "ok 1")
	client := start(t, clientArguments("client", address, charlie, "--block-ms", "5000")...)
	client.expectLine("ready")
	server.expect("allow -", "ok 0")
	client.expect("wait-state TRANSIENT_FAILURE 5000", "ok TRANSIENT_FAILURE")
	server.expect("peers", "ok -")
}

func TestUni(t *testing.T) {
	_, address := startServer(t)
	client := start(t, clientArguments("uni", address, 1)...)
	client.expectLine("ready")
	client.expect("ping 5000 hello", "ok pong:hello")
	client.expect("close", "ok close")
	client.expectEnd()
}

func TestBench(t *testing.T) {
	_, address := startServer(t)
	bench := start(t, clientArguments("bench", address, 0, "--seconds", "0.1", "--in-flight", "4")...)
	rate, found := strings.CutPrefix(bench.line(), "calls_per_second ")
	if n, err := strconv.Atoi(rate); !found || err != nil || n == 0 {
		t.Errorf("a rate of %q", rate)
	}
}

func TestEndOfInput(t *testing.T) {
	server, _ := startServer(t)
	server.input.Close()
	server.expectEnd()
}

// The fixtures are what the library makes today.
func TestVectors(t *testing.T) {
	for _, name := range []string{"frames", "certificates"} {
		command := interop("vectors", name)
		got, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		fixture := "../../fixtures/go-" + name + ".json"
		want, err := os.ReadFile(fixture)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what vectors %s prints", fixture, name)
		}
	}
}

// process is a running subcommand.
type process struct {
	*testing.T
	input io.WriteCloser
	lines chan string
}

func interop(arguments ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(), asInterop+"=1")
	return command
}

func start(t *testing.T, arguments ...string) process {
	t.Helper()
	command := interop(arguments...)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		reader := bufio.NewReader(output)
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return process{t, input, lines}
}

func startServer(t *testing.T) (server process, address string) {
	t.Helper()
	server = start(t, "server", "--listen", "127.0.0.1:0", "--secret", keys.ServerPrivKey,
		"--allow", keys.Clients[0].PubKey+","+keys.Clients[1].PubKey)
	line := server.line()
	address, found := strings.CutPrefix(line, "listening ")
	if !found {
		t.Fatalf("the server printed %q", line)
	}
	return server, address
}

func clientArguments(subcommand, address string, client int, more ...string) []string {
	return append([]string{
		subcommand, "--target", address, "--secret", keys.Clients[client].PrivKey, "--server", keys.ServerPubKey,
	}, more...)
}

func (p process) line() string {
	p.Helper()
	select {
	case line, open := <-p.lines:
		if !open {
			p.Fatal("it ended")
		}
		return line
	case <-time.After(10 * time.Second):
		p.Fatal("it printed nothing")
		return ""
	}
}

func (p process) expectLine(want string) {
	p.Helper()
	if got := p.line(); got != want {
		p.Fatalf("it printed %q, not %q", got, want)
	}
}

// expect sends one command, under an id of its own, and waits for the answer.
func (p process) expect(command, want string) {
	p.Helper()
	if _, err := io.WriteString(p.input, "id "+command+"\n"); err != nil {
		p.Fatal(err)
	}
	p.expectLine("id " + want)
}

func (p process) expectEnd() {
	p.Helper()
	select {
	case line, open := <-p.lines:
		if open {
			p.Fatalf("it printed %q", line)
		}
	case <-time.After(10 * time.Second):
		p.Fatal("it did not end")
	}
}
