package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/smartcontractkit/wsrpc"
	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
	"github.com/smartcontractkit/wsrpc/logger"
)

// runUni runs the library's other client, which only calls, one call at a time.
func runUni(arguments []string) error {
	flags := flag.NewFlagSet("uni", flag.ContinueOnError)
	target := targetFlags(flags)
	block := flags.Int("block-ms", 10_000, "how long to try to connect")
	if err := parseFlags(flags, arguments, "target", "secret", "server"); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*block)*time.Millisecond)
	defer cancel()
	conn, err := wsrpc.DialUniWithContext(ctx, logger.DefaultLogger, *target.address, *target.secret, *target.server)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return commands{
		verbs: map[string]command{"ping": pingCall(pb.NewPingClient(conn)).one},
		last:  "close",
		end:   conn.Close,
	}.serve(os.Stdin, os.Stdout)
}
