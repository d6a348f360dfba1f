package main

import (
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/smartcontractkit/wsrpc"
	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
)

// target is what every kind of client needs to know.
type target struct {
	address *string
	secret  *ed25519.PrivateKey
	server  *ed25519.PublicKey
}

func targetFlags(flags *flag.FlagSet) target {
	return target{
		address: flags.String("target", "", "address of the server"),
		secret:  secretFlag(flags),
		server:  publicFlag(flags, "server", "public key of the server"),
	}
}

func (t target) dial(ctx context.Context, options ...wsrpc.DialOption) (*wsrpc.ClientConn, error) {
	options = append(options, wsrpc.WithTransportCreds(*t.secret, *t.server))
	return wsrpc.DialWithContext(ctx, *t.address, options...)
}

// dialWithin blocks until connected, or with a limit of 0 not at all.
func (t target) dialWithin(limit time.Duration) (*wsrpc.ClientConn, error) {
	if limit == 0 {
		return t.dial(context.Background())
	}
	// Not a context with a deadline: the one that dials also owns the connection, and must outlive the dialling.
	ctx, cancel := context.WithCancel(context.Background())
	timer := time.AfterFunc(limit, cancel)
	defer timer.Stop()
	conn, err := t.dial(ctx, wsrpc.WithBlock())
	if err != nil {
		return nil, fmt.Errorf("not connected within %s: %w", limit, err)
	}
	return conn, nil
}

func runClient(arguments []string) error {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	target := targetFlags(flags)
	block := flags.Int("block-ms", 0, "wait so long for the connection before anything else; 0 to connect meanwhile")
	noService := flags.Bool("no-service", false, "do not serve Gnip: being called crashes the library then")
	if err := parseFlags(flags, arguments, "target", "secret", "server"); err != nil {
		return err
	}

	conn, err := target.dialWithin(time.Duration(*block) * time.Millisecond)
	if err != nil {
		return err
	}
	c := client{conn}
	if !*noService {
		pb.RegisterGnipServer(c, gnipService{behaviour{prefix: gnip, callBack: c.pingBack}})
	}
	fmt.Println("ready")
	return c.commands().serve(os.Stdin, os.Stdout)
}

type client struct{ *wsrpc.ClientConn }

func (c client) commands() commands {
	ping := pingCall(pb.NewPingClient(c))
	return commands{
		verbs: map[string]command{
			"ping":       ping.one,
			"ping-many":  func(arguments string) (string, error) { return ping.many(pong, arguments) },
			"ping-size":  ping.size,
			"state":      func(string) (string, error) { return c.GetState().String(), nil },
			"wait-state": c.waitState,
		},
		last: "close",
		end:  c.Close,
	}
}

func (c client) pingBack(ctx context.Context) (string, error) {
	return pingCall(pb.NewPingClient(c))(ctx, "from-gnip")
}

// waitState takes `<STATE> <timeout-ms>`. A state that lasts for an instant may be missed.
func (c client) waitState(arguments string) (string, error) {
	wanted, rest, _ := strings.Cut(arguments, " ")
	timeout, _, err := cutTimeout(rest)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		state := c.GetState()
		if state.String() == wanted {
			return wanted, nil
		}
		if !c.WaitForStateChange(ctx, state) {
			return "", fmt.Errorf("%s, not %s", state, wanted)
		}
	}
}
