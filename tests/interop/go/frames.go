package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/smartcontractkit/wsrpc"
	"github.com/smartcontractkit/wsrpc/examples/simple/keys"
	pb "github.com/smartcontractkit/wsrpc/examples/simple/ping"
	"google.golang.org/protobuf/proto"
)

const frameTimeout = 10 * time.Second

type frameVector struct {
	Name string `json:"name"`
	// Kind is "request" or "response". A response has no method, a request no error.
	Kind    string `json:"kind"`
	Method  string `json:"method"`
	CallID  string `json:"call_id"`
	Payload string `json:"payload_hex"`
	Error   string `json:"error"`
	Frame   string `json:"frame_hex"`
}

// An exchange is one call and its answer. Each has a method of its own, by which the server finds it.
type exchange struct {
	name, method string
	request      *pb.PingRequest
	response     *pb.PingResponse
	err          error
}

var exchanges = []exchange{
	{
		name:     "ordinary",
		method:   "Ping",
		request:  &pb.PingRequest{Body: "ping"},
		response: &pb.PingResponse{Body: "pong"},
	},
	{
		name:     "empty payload",
		method:   "Empty",
		request:  &pb.PingRequest{},
		response: &pb.PingResponse{},
	},
	{
		name:     "empty method",
		method:   "",
		request:  &pb.PingRequest{Body: "to whom"},
		response: &pb.PingResponse{Body: "it may concern"},
	},
	{
		name:     "unicode",
		method:   "Пинг✓",
		request:  &pb.PingRequest{Body: "日本語"},
		response: &pb.PingResponse{Body: "🏓"},
	},
	{
		// 297 bytes and the 3 that introduce them: a length that takes two bytes.
		name:     "payload of 300 bytes",
		method:   "Long",
		request:  &pb.PingRequest{Body: strings.Repeat("x", 297)},
		response: &pb.PingResponse{Body: strings.Repeat("y", 297)},
	},
	{
		name:    "error",
		method:  "Fail",
		request: &pb.PingRequest{Body: "please fail"},
		err:     errors.New("as you wish: ☂"),
	},
	{
		name:     "error and payload",
		method:   "FailWithPayload",
		request:  &pb.PingRequest{Body: "please fail, a little"},
		response: &pb.PingResponse{Body: "half done"},
		err:      errors.New("the other half"),
	},
}

// frameVectors makes the exchanges between a client and a server of the library and records both frames of each.
func frameVectors() ([]frameVector, error) {
	clientKey, serverKey := keys.FromHex(keys.Clients[0].PrivKey), keys.FromHex(keys.ServerPrivKey)
	server, address, err := exchangeServer(clientKey, serverKey)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	tap, err := newWiretap(clientKey, serverKey, address)
	if err != nil {
		return nil, err
	}
	defer tap.listener.Close()

	ctx, cancel := context.WithTimeout(context.Background(), frameTimeout)
	defer cancel()
	serverPublic := ed25519.PrivateKey(serverKey).Public().(ed25519.PublicKey)
	client, err := wsrpc.DialWithContext(ctx, tap.listener.Addr().String(),
		wsrpc.WithTransportCreds(clientKey, serverPublic), wsrpc.WithBlock())
	if err != nil {
		return nil, err
	}
	defer client.Close()

	var vectors []frameVector
	for i, exchange := range exchanges {
		pair, err := exchange.record(ctx, client, tap, callID(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", exchange.name, err)
		}
		vectors = append(vectors, pair...)
	}
	return vectors, nil
}

// exchangeServer serves each exchange under its method.
func exchangeServer(clientKey, serverKey ed25519.PrivateKey) (*wsrpc.Server, string, error) {
	clientPublic := clientKey.Public().(ed25519.PublicKey)
	server := wsrpc.NewServer(wsrpc.WithCreds(serverKey, []ed25519.PublicKey{clientPublic}))
	var service wsrpc.ServiceDesc
	for _, exchange := range exchanges {
		service.Methods = append(service.Methods, wsrpc.MethodDesc{
			MethodName: exchange.method,
			Handler: func(any, context.Context, func(any) error) (any, error) {
				return exchange.response, exchange.err
			},
		})
	}
	server.RegisterService(&service, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	go server.Serve(listener)
	return server, listener.Addr().String(), nil
}

// callID is a UUID of version 4, which is all that the library's server accepts, but not a random one.
func callID(number int) uuid.UUID {
	id := uuid.UUID(bytes.Repeat([]byte{byte(0x11 * (number + 1))}, 16))
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (e exchange) record(
	ctx context.Context, client *wsrpc.ClientConn, tap *wiretap, id uuid.UUID,
) ([]frameVector, error) {
	// The library takes its call ids from here.
	uuid.SetRand(bytes.NewReader(id[:]))
	defer uuid.SetRand(nil)

	err := client.Invoke(ctx, e.method, e.request, &pb.PingResponse{})
	if fmt.Sprint(err) != fmt.Sprint(e.err) {
		return nil, fmt.Errorf("ended with %v", err)
	}
	request, err := vector(e.request, <-tap.requests)
	if err != nil {
		return nil, err
	}
	response, err := vector(e.response, <-tap.responses)
	if err != nil {
		return nil, err
	}
	request.Name, request.Kind, request.CallID = "request: "+e.name, "request", id.String()
	response.Name, response.Kind, response.CallID = "response: "+e.name, "response", id.String()
	request.Method = e.method
	if e.err != nil {
		response.Error = e.err.Error()
	}
	return []frameVector{request, response}, nil
}

func vector(message proto.Message, frame []byte) (frameVector, error) {
	payload, err := proto.Marshal(message)
	return frameVector{Payload: hex.EncodeToString(payload), Frame: hex.EncodeToString(frame)}, err
}
