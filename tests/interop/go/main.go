// Command interop is the Go side of the interoperability tests: the Go library github.com/smartcontractkit/wsrpc,
// driven line by line through stdin and stdout, so that tests in another language have a real Go peer.
//
// README.md describes the subcommands and their lines. Stdout carries the protocol only; the library logs to stderr.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

var subcommands = map[string]func(arguments []string) error{
	"server":       runServer,
	"bench-server": runServer,
	"client":       runClient,
	"uni":          runUni,
	"bench":        runBench,
	"vectors":      runVectors,
}

func main() {
	if len(os.Args) < 2 || subcommands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: interop", strings.Join(subcommandNames(), "|"), "[flags]")
		os.Exit(2)
	}
	if err := subcommands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Println("failed", quoteIfNeeded(err.Error()))
		os.Exit(1)
	}
}

func subcommandNames() []string {
	var names []string
	for name := range subcommands {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
