package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
)

// A call sends a body to a peer and returns the body of the answer.
type call func(ctx context.Context, body string) (string, error)

func pingCall(client pb.PingClient) call {
	return func(ctx context.Context, body string) (string, error) {
		response, err := client.Ping(ctx, &pb.PingRequest{Body: body})
		return response.GetBody(), err
	}
}

func gnipCall(client pb.GnipClient) call {
	return func(ctx context.Context, body string) (string, error) {
		response, err := client.Gnip(ctx, &pb.GnipRequest{Body: body})
		return response.GetBody(), err
	}
}

// one takes `<timeout-ms> <body>` and returns the answer's body.
func (c call) one(arguments string) (string, error) {
	timeout, body, err := cutTimeout(arguments)
	if err != nil {
		return "", err
	}
	if body, err = unquoteIfNeeded(body); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c(ctx, body)
}

// many takes `<timeout-ms> <count> <body>`, makes that many calls at once, each with a body of its own, and checks that
// none gets the answer of another.
func (c call) many(prefix, arguments string) (string, error) {
	timeout, rest, err := cutTimeout(arguments)
	if err != nil {
		return "", err
	}
	count, body, err := cutNumber(rest)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	results := make(chan error, count)
	for i := range count {
		go func() {
			own := fmt.Sprintf("%s-%d", body, i)
			answer, err := c(ctx, own)
			if err == nil && answer != prefix+own {
				err = fmt.Errorf("%s was answered %s", own, answer)
			}
			results <- err
		}()
	}
	for range count {
		if err := <-results; err != nil {
			return "", err
		}
	}
	return strconv.Itoa(count), nil
}

// size takes `<timeout-ms> <n>`, sends a body of n bytes, and checks that as many arrived.
func (c call) size(arguments string) (string, error) {
	timeout, rest, err := cutTimeout(arguments)
	if err != nil {
		return "", err
	}
	size, _, err := cutNumber(rest)
	if err != nil {
		return "", err
	}
	const verb = "len:"
	if size < len(verb) {
		return "", fmt.Errorf("a size of at least %d", len(verb))
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	answer, err := c(ctx, verb+strings.Repeat("x", size-len(verb)))
	if err == nil && answer != strconv.Itoa(size) {
		err = fmt.Errorf("%d bytes were answered %s", size, answer)
	}
	return answer, err
}
