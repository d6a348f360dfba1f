package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
)

// callBackTimeout is long, because a server that gives up on a call just as its answer arrives deadlocks.
const callBackTimeout = 10 * time.Second

const (
	pong = "pong:"
	gnip = "gnip:"
)

// behaviour is how both services answer: as the body of the request says, so that the caller steers the callee.
type behaviour struct {
	// prefix is put before a body that asks for nothing special.
	prefix   string
	callBack func(ctx context.Context) (string, error)
}

func (b behaviour) answer(ctx context.Context, body string) (string, error) {
	verb, argument, _ := strings.Cut(body, ":")
	switch verb {
	case "error":
		return "", errors.New(argument)
	case "back":
		ctx, cancel := context.WithTimeout(ctx, callBackTimeout)
		defer cancel()
		return b.callBack(ctx)
	case "sleep":
		milliseconds, err := strconv.Atoi(argument)
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		return "slept", err
	case "size":
		size, err := strconv.ParseUint(argument, 10, 31)
		return strings.Repeat("x", int(size)), err
	case "len":
		return strconv.Itoa(len(body)), nil
	default:
		return b.prefix + body, nil
	}
}

// pingService is what a server serves.
type pingService struct{ behaviour }

func (s pingService) Ping(ctx context.Context, request *pb.PingRequest) (*pb.PingResponse, error) {
	body, err := s.answer(ctx, request.Body)
	if err != nil {
		return nil, err
	}
	return &pb.PingResponse{Body: body}, nil
}

// gnipService is what a client serves.
type gnipService struct{ behaviour }

func (s gnipService) Gnip(ctx context.Context, request *pb.GnipRequest) (*pb.GnipResponse, error) {
	body, err := s.answer(ctx, request.Body)
	if err != nil {
		return nil, err
	}
	return &pb.GnipResponse{Body: body}, nil
}
