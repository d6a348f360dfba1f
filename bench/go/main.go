// Command wsrpc-bench is what the benchmark has of Go: the library github.com/smartcontractkit/wsrpc, and grpc-go.
//
// It is started by the benchmark, once as a server and once as a client, and speaks the JSON lines of
// bench/src/order.rs on its standard input and output. It ends when its input does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
)

// The stubs are made with protoc-gen-go and protoc-gen-go-grpc.
//go:generate protoc --proto_path=../proto --go_out=. --go-grpc_out=. --go_opt=module=wsrpc-bench --go-grpc_opt=module=wsrpc-bench --go_opt=Mbench.proto=wsrpc-bench/benchpb --go-grpc_opt=Mbench.proto=wsrpc-bench/benchpb bench.proto

// A contestant is an RPC library.
type contestant struct {
	// serve listens on a free port of loopback and serves in the background.
	serve func(connections int) (endpoint, error)
	// connect makes all connections, and returns once they can be used.
	connect func(ctx context.Context, server endpoint, connections int) ([]connection, error)
}

var contestants = map[string]contestant{
	"go-wsrpc": {serveWsrpc, connectWsrpc},
	"go-grpc":  {serveGrpc, connectGrpc},
}

// endpoint is where a server listens, and its public key in hex.
type endpoint struct {
	address string
	key     string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fail(err)
	}
}

// fail ends the process with what went wrong.
func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func run(arguments []string) error {
	if len(arguments) < 2 || arguments[0] != "peer" {
		return errors.New("usage: wsrpc-bench peer server|client [flags]")
	}
	side := arguments[1]
	flags := flag.NewFlagSet(side, flag.ContinueOnError)
	name := flags.String("contestant", "", strings.Join(names(), " or "))
	connections := flags.Int("connections", 1, "connections to make, or to be ready for")
	address := flags.String("address", "", "the server's address, for a client")
	key := flags.String("key", "", "the server's public key in hex, for a client")
	kind := flags.String("runtime", "pinned", "pinned (to one core) or multi (two threads)")
	if err := flags.Parse(arguments[2:]); err != nil {
		return err
	}
	contestant, known := contestants[*name]
	if !known {
		return fmt.Errorf("--contestant %q is not one of %s", *name, strings.Join(names(), ", "))
	}
	if side != "server" && side != "client" {
		return fmt.Errorf("the side %q is neither server nor client", side)
	}
	switch *kind {
	case "pinned":
		if err := pin(side); err != nil {
			return fmt.Errorf("cannot pin to one core: %w", err)
		}
		runtime.GOMAXPROCS(1)
	case "multi":
		runtime.GOMAXPROCS(2)
	default:
		return fmt.Errorf("--runtime %q is neither pinned nor multi", *kind)
	}

	if side == "server" {
		return serve(contestant, *connections)
	}
	server := endpoint{address: *address, key: *key}
	return call(contestant, server, *connections)
}

func serve(c contestant, connections int) error {
	server, err := c.serve(connections)
	if err != nil {
		return err
	}
	if err := report("listening", listening{server.address, &server.key}); err != nil {
		return err
	}
	for order := range orders() {
		return fmt.Errorf("a server makes no calls, and was told to %+v", order)
	}
	return nil
}

func call(c contestant, server endpoint, count int) error {
	connections, err := c.connect(context.Background(), server, count)
	if err != nil {
		return fmt.Errorf("cannot connect to %s: %w", server.address, err)
	}
	if err := reportWord("connected"); err != nil {
		return err
	}
	for load := range orders() {
		if err := carry(connections, load); err != nil {
			return err
		}
	}
	return nil
}

func names() []string {
	return slices.Sorted(maps.Keys(contestants))
}
