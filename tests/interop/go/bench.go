package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
)

const (
	benchConnect = 10 * time.Second
	benchWarmUp  = 500 * time.Millisecond
)

// runBench counts the answers that one connection carries, so that the two implementations can be compared with the
// same client.
func runBench(arguments []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	target := targetFlags(flags)
	inFlight := flags.Int("in-flight", 64, "calls that wait for their answer at any time")
	seconds := flags.Float64("seconds", 3, "how long to count, after the warm-up")
	if err := parseFlags(flags, arguments, "target", "secret", "server"); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn, err := target.dial(ctx)
	if err != nil {
		return err
	}
	connecting, connected := context.WithTimeout(ctx, benchConnect)
	defer connected()
	if !conn.WaitForReady(connecting) {
		return errors.New("could not connect")
	}

	var answers atomic.Int64
	failed := make(chan error, *inFlight)
	ping, body := pingCall(pb.NewPingClient(conn)), strings.Repeat("x", 32)
	for range *inFlight {
		go func() {
			for {
				if _, err := ping(ctx, body); err != nil {
					failed <- err
					return
				}
				answers.Add(1)
			}
		}()
	}

	if err := firstWithin(failed, benchWarmUp); err != nil {
		return err
	}
	before, start := answers.Load(), time.Now()
	if err := firstWithin(failed, time.Duration(*seconds*float64(time.Second))); err != nil {
		return err
	}
	rate := float64(answers.Load()-before) / time.Since(start).Seconds()
	fmt.Printf("calls_per_second %.0f\n", rate)
	return nil
}

// firstWithin returns the first error of that time, if any.
func firstWithin(failed <-chan error, limit time.Duration) error {
	select {
	case err := <-failed:
		return err
	case <-time.After(limit):
		return nil
	}
}
